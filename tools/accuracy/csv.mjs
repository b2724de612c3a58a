/**
 * Rows of a CSV text by column name. Fields in quotes may hold commas and doubled quotes, not line breaks.
 * @param {string} text
 * @returns {Record<string, string>[]}
 */
export function readCsv(text) {
  const [head = "", ...lines] = text.trimEnd().split(/\r?\n/);
  const names = fieldsOf(head);
  return lines.map((line) => {
    const fields = fieldsOf(line);
    return Object.fromEntries(names.map((name, i) => [name, fields[i] ?? ""]));
  });
}

/** @param {string} line */
function fieldsOf(line) {
  return Array.from(line.matchAll(/(?<=^|,)(?:"((?:[^"]|"")*)"|([^,]*))(?=,|$)/g), ([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'),
  );
}
