/**
 * The text that torchinfo, torchsummary and Keras print of a model → rows and totals.
 *
 * Spec     torchinfo 1.8 (formatting.py, model_statistics.py), torchsummary 1.5, keras/src/utils/summary_utils.py of Keras 2 and 3
 * Reads    layers, shapes of results and inputs, counts of parameters; rows that were wrapped or nest
 * Ignores  connections, kernels, multiply-adds, sizes in megabytes but the input's
 */
import { noTable, tooManyRows, wrongValue } from "./complaints.js";

export interface SummaryRow {
  /** A layer's class. */
  readonly kind: string;
  readonly name: string;
  /** Null where the table has none. */
  readonly shape: readonly (number | null)[] | null;
  readonly input: readonly (number | null)[] | null;
  readonly parameters: number;
  /** It contains the rows below it. */
  readonly isContainer: boolean;
}

export interface Summary {
  readonly producer: "torchinfo" | "torchsummary" | "keras";
  readonly name: string | null;
  readonly rows: readonly SummaryRow[];
  readonly trainable: number;
  readonly frozen: number;
  /** Of the whole batch, where it is told, in bytes. */
  readonly inputBytes: number | null;
}

const MAX_ROWS = 20_000;
/** Sizes of a shape; a row has a few. */
const MAX_RANK = 16;
const MAX_COUNT = 2 ** 46;

export function parseSummary(text: string, where: string): Summary {
  const lines = text.split(/\r?\n/);
  const at = lines.findIndex((line) => /Output Shape.*Param #/.test(line));
  const header = lines[at];
  if (header === undefined) throw noTable(where, 'a line with "Output Shape" and "Param #"', "none");
  const below = lines.slice(at + 1);
  const end = below.findIndex((line) => /Total params:/.test(line));
  if (end < 0) throw noTable(where, '"Total params:" below the rows', "a text that ends before");
  const body = below.slice(0, end);
  if (body.length > 8 * MAX_ROWS) throw tooManyRows(where, MAX_ROWS);
  const isBoxed = /[│┃|]/.test(header);
  const isInfo = /type:depth-idx|\(type \(var_name\)/.test(header);
  const isTorch = isInfo || (!isBoxed && body.some((line) => /^\s*\w+-\d+\s+\[/.test(line)));
  const producer = isInfo ? "torchinfo" : isTorch ? "torchsummary" : "keras";
  const rows = isTorch
    ? torchRows(header, body, where)
    : (isBoxed ? boxedCells(body) : columnCells(header, body)).map((cells) => kerasRow(cells, where));
  if (rows.length > MAX_ROWS) throw tooManyRows(where, MAX_ROWS);
  if (rows.length === 0) throw noTable(where, "at least one row", "none");
  const tail = below.slice(end).join("\n");
  const trainable = total(tail, "Trainable params", where);
  const frozen = total(tail, "Non-trainable params", where);
  return {
    producer,
    name: /^Model: "([^"]{1,100})"/m.exec(text)?.[1] ?? (isInfo ? (rows[0]?.kind ?? null) : null),
    rows,
    trainable,
    frozen,
    inputBytes: megabytes(tail, producer),
  };
}

function total(text: string, title: string, where: string): number {
  const found = new RegExp(`^\\W*${title}:\\s*([\\d,]+)`, "m").exec(text)?.[1];
  if (found === undefined) throw noTable(where, `"${title}:" with a number`, "none");
  return countOf(found, title, where);
}

/** torchinfo's are a million bytes, torchsummary's 2^20, of one sample. */
function megabytes(text: string, producer: Summary["producer"]): number | null {
  const found = /^Input size \(MB\):\s*(\d{1,9}(?:\.\d{1,6})?)/m.exec(text)?.[1];
  return found === undefined ? null : Number(found) * (producer === "torchinfo" ? 1e6 : 2 ** 20);
}

function countOf(text: string, what: string, where: string): number {
  const digits = text.replaceAll(",", "").trim();
  const count = /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(count <= MAX_COUNT)) throw wrongValue(where, what, "a whole number up to 2^46", text.slice(0, 40));
  return count;
}

/** `(None, 28, 28, 6)`, `[32, 6, 28, 28]`, `[(None, 64), …]`: the first shape; null sizes are the batch. */
function shapeOf(text: string, where: string): readonly (number | null)[] | null {
  const found = /[[(]\s*((?:None|-?\w[\w.]*)(?:\s*,\s*(?:None|-?\w[\w.]*))*)\s*,?\s*[\])]/.exec(text)?.[1];
  if (found === undefined) return null;
  const sizes = found.split(",").map((part) => {
    const size = part.trim();
    if (size === "None" || size === "-1") return null;
    const number = /^\d{1,16}$/.test(size) ? Number(size) : Number.NaN;
    if (!Number.isSafeInteger(number) || number < 1)
      throw wrongValue(where, "a size", "a whole number above zero", size.slice(0, 40));
    return number;
  });
  if (sizes.length > MAX_RANK)
    throw wrongValue(where, "a shape", `at most ${MAX_RANK} sizes`, `${sizes.length}`);
  return sizes;
}

// ---------------------------------------------------------------- PyTorch

/** Rows of fields two spaces apart; a tree's branches stand before a name. */
function torchRows(header: string, body: readonly string[], where: string): SummaryRow[] {
  const titles = header.trim().split(/\s{2,}/);
  const column = (title: string) => titles.indexOf(title);
  const found = body.flatMap((line) => {
    const [, tree = "", rest = ""] = /^([\s│├└─|+]*)(.*)$/.exec(line) ?? [];
    const fields = rest.trim().split(/\s{2,}/);
    if (fields.length < 3 || /^[=_-]+$/.test(rest)) return [];
    const [name = ""] = fields;
    const place = `${where} › ${name.slice(0, 60)}`;
    const at = (title: string) => fields[column(title)] ?? "";
    const params = at("Param #").replace(/^--$|^\(recursive\)$/, "0");
    const [, kind = name] = /^([\w.]+?)(?=[:(\s]|-\d+$|$)/.exec(name) ?? [];
    return [
      {
        kind: kind.slice(0, 60),
        name: name.slice(0, 100),
        shape: shapeOf(at("Output Shape"), place),
        input: column("Input Shape") < 0 ? null : shapeOf(at("Input Shape"), place),
        parameters: countOf(params, "a row's parameters", place),
        depth: tree.length,
      },
    ];
  });
  return found.map(({ depth, ...row }, i) => ({ ...row, isContainer: (found[i + 1]?.depth ?? 0) > depth }));
}

// ---------------------------------------------------------------- Keras

/** Cells of a table in boxes; lines between two rules are one row. */
function boxedCells(body: readonly string[]): string[][] {
  const rows: string[][] = [];
  let open: string[] | null = null;
  for (const line of body) {
    if (!/[│┃|]/.test(line) || /^[\s├┤┼─┡╇┩━+|=_-]*$/.test(line)) {
      open = null;
      continue;
    }
    const cells = line
      .replace(/^\s*[│┃|]/, "")
      .split(/[│┃|]/)
      .map((cell) => cell.trim());
    if (open) for (const [i, cell] of cells.entries()) open[i] = `${open[i] ?? ""} ${cell}`.trim();
    else {
      open = cells;
      rows.push(open);
    }
  }
  return rows;
}

/** Cells by where the header's titles begin; a line without a shape goes on with the name of the one before. */
function columnCells(header: string, body: readonly string[]): string[][] {
  const starts = [0, header.indexOf("Output Shape"), header.indexOf("Param #")];
  const next = header.indexOf("Connected to");
  const ends = [starts[1], starts[2], next < 0 ? undefined : next];
  const rows: string[][] = [];
  for (const line of body) {
    if (/^[\s=_]*$/.test(line)) continue;
    const cells = starts.map((start, i) => line.slice(start, ends[i]).trim());
    const last = rows.at(-1);
    if (last && cells[1] === "" && cells[2] === "") last[0] = `${last[0]}${cells[0]}`;
    else if (last && cells[2] === "") last[1] = `${last[1]} ${cells[1]}`;
    else rows.push(cells);
  }
  return rows;
}

/** `name (Class)`, its shape, its count. */
function kerasRow([title = "", shape = "", params = ""]: readonly string[], where: string): SummaryRow {
  const [, name = title, kind = ""] = /^(.*?)\s*\(([\w\s>.…]+)\)?\s*$/.exec(title) ?? [];
  const place = `${where} › ${(name || title).slice(0, 60)}`;
  if (params === "" || /…/.test(params))
    throw noTable(place, "a count of parameters in every row", "a row that is cut off");
  return {
    kind: kind.replace(/\s/g, "").slice(0, 60),
    name: (name || title).slice(0, 100),
    shape: shapeOf(shape, place),
    input: null,
    parameters: /unused|\?/.test(params)
      ? 0
      : countOf(params.split(" ")[0] ?? "", "a row's parameters", place),
    isContainer: false,
  };
}
