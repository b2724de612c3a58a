/** The table on the terminal and docs/ACCURACY.md. */

/** @import { Group, Section } from "./types.js" */

/** @param {number} share */
const percent = (share) => `${(share * 100).toFixed(share === 0 ? 0 : 3)} %`;
const TITLES = {
  results: "Recorded without convolution workspaces (`--cudnn no-workspace`)",
  "results-cudnn": "Recorded with the real cuDNN's plans (`--cudnn default`)",
};

/** @param {Section} section */
export function printTable({ results, groups }) {
  console.log(`\n${TITLES[results]}`);
  for (const { name, cases, skipped, failed, rows } of groups) {
    if (cases.length + failed.length === 0) continue;
    console.log(
      `  ${name}: ${cases.length} cases, states exact in ${cases.filter(({ states }) => states).length}${skipped.length ? `, ${skipped.length} not expressed` : ""}${failed.length ? `, ${failed.length} FAILED` : ""}`,
    );
    for (const { figure, cases: count, exact, within1, within5, median, p90, worst } of rows) {
      if (count > 0)
        console.log(
          `    ${figure.padEnd(20)} exact ${String(exact).padStart(3)}/${count}  ≤1% ${String(within1).padStart(3)}  ≤5% ${String(within5).padStart(3)}  median ${percent(median)}  p90 ${percent(p90)}  worst ${percent(worst)}`,
        );
    }
    for (const one of failed) console.log(`    FAILED ${one.name}: ${one.message}`);
  }
}

/** @param {readonly Section[]} sections */
export function writeReport(sections) {
  const lines = [
    "# How accurate Plimsoll is",
    "",
    "Written by `npm run accuracy`. Truth is real PyTorch 2.14.1 with its real caching allocator on a stand-in GPU; a step is the third of a run.",
    "*States* are parameters, buffers, gradients and optimizer states; they are equal to the byte or counted as wrong. Errors are relative.",
    "",
  ];
  for (const { results, groups } of sections) {
    lines.push(
      `## ${TITLES[results]}`,
      "",
      "| group | figure | cases | exact | within 1 % | within 5 % | median | p90 | worst |",
      "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    );
    for (const { name, cases, rows } of groups) {
      if (cases.length === 0) continue;
      const exact = cases.filter(({ states }) => states).length;
      lines.push(`| ${name} | states | ${cases.length} | ${exact} | | | | | |`);
      for (const row of rows)
        if (row.cases > 0)
          lines.push(
            `| ${name} | ${row.figure} | ${row.cases} | ${row.exact} | ${row.within1} | ${row.within5} | ${percent(row.median)} | ${percent(row.p90)} | ${percent(row.worst)} |`,
          );
    }
    lines.push("", "### What misses", "", ...misses(groups), "");
    const left = groups.filter(({ skipped }) => skipped.length > 0);
    if (left.length > 0)
      lines.push(
        "### What is not expressed yet",
        "",
        ...left.map(({ name, skipped }) => `- ${name}: ${tally(skipped.map(({ why }) => why))}`),
        "",
      );
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

/** @param {readonly Group[]} groups */
function misses(groups) {
  const rows = groups.flatMap(({ cases, failed }) => [
    ...failed.map(({ name, message }) => `- ${name}: ${message}`),
    ...cases.flatMap(({ name, states, pairs }) => {
      /** @type {(figure: string, limit: number) => string[]} */
      const off = (figure, limit) => {
        const [ours, theirs] = pairs[figure] ?? [];
        return ours !== undefined && theirs && Math.abs(ours / theirs - 1) > limit
          ? [`${figure} ${((ours / theirs - 1) * 100).toFixed(2)} %`]
          : [];
      };
      const found = [
        ...(states ? [] : ["states differ"]),
        ...off("savedTensorBytes", 0),
        ...off("peakAllocatedBytes", 0.01),
        ...off("reservedBytes", 0.05),
      ];
      return found.length > 0 ? [`- ${name}: ${found.join(", ")}`] : [];
    }),
  ]);
  return rows.length > 0
    ? rows
    : ["Nothing beyond 1 % of the peak, 5 % of reserved and a byte of the saved tensors."];
}

/** @param {readonly (string | null)[]} reasons */
function tally(reasons) {
  const counts = new Map();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} for ${reason}`).join(", ");
}
