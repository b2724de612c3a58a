/** The formula term by term, as text, Markdown or LaTeX. */
import type { Derivation, Term } from "../report/derivation.js";
import { printPiece, rangeOf } from "./formula.js";
import { highestOf, printPolynomial } from "./polynomial.js";
import { type Cell, fold, renderTable } from "./layout.js";
import { createPaint, PARTS } from "./style.js";
import { formatBytes, formatCount } from "./units.js";

export interface DerivationTextOptions {
  readonly width?: number;
  readonly color?: boolean;
}

export function renderDerivation(report: Derivation, options: DerivationTextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const { pieces, terms, bound, moment, setup, totalBytes } = report;
  const rows = terms.map((term): Cell[] => [
    { text: formatBytes(term.bytes) },
    {
      text: `${PARTS[term.category].glyph} ${productOf(term)}`,
      paint: (text) => paint.part(term.category, text),
    },
    { text: `${term.what}${whereOf(term)}`, paint: paint.dim },
  ]);
  const total: Cell[] = [
    { text: formatBytes(totalBytes), paint: paint.bold },
    { text: `at B = ${setup.batch}` },
  ];
  const columns = [{ align: "right" }, { align: "left", least: 16 }, { align: "left", least: 12 }] as const;
  const lines = [
    ...pieces.map((piece) => `  peak(B) = ${printPiece(piece)}, ${rangeOf(piece)}`),
    ...sequenceLines(report).map((line) => `  ${line}`),
    "",
    ...fold(`at B = ${setup.batch}, highest in ${moment}:`, width, "  ", "  "),
    "",
    ...renderTable({ columns, rows: [...rows, total], width }),
    "",
    ...fold(bound, width, "  ", "  "),
  ];
  return `\n${lines.join("\n")}\n`;
}

export function renderDerivationMarkdown(report: Derivation): string {
  const { pieces, terms, bound, moment, setup, totalBytes, model } = report;
  const rows = terms.map(
    (term) =>
      `| ${PARTS[term.category].label} | ${productOf(term)} | ${term.what}${whereOf(term)} | ${formatCount(Math.round(term.bytes))} |`,
  );
  return [
    `### ${model.name}: the peak as a formula`,
    "",
    ...pieces.map((piece) => `- \`peak(B) = ${printPiece(piece)}\`, ${rangeOf(piece)}`),
    ...sequenceLines(report).map((line) => `- \`${line}\``),
    "",
    `At B = ${setup.batch}, highest in ${moment}:`,
    "",
    "| | product | what | bytes |",
    "| --- | --- | --- | ---: |",
    ...rows,
    `| **sum** | | | **${formatCount(totalBytes)}** |`,
    "",
    bound,
    "",
  ].join("\n");
}

/** An `align*` of the pieces and the terms, for a paper. */
export function renderDerivationLatex(report: Derivation): string {
  const { pieces, terms, setup, totalBytes, moment } = report;
  const cases = pieces.map(
    ({ fixedBytes, perBatchBytes, from, to }) =>
      `  ${grouped(Math.round(fixedBytes))} + ${grouped(perBatchBytes)}\\,B & ${from} \\le B${to === null ? "" : ` \\le ${to}`}`,
  );
  const sum = terms.map((term, i) => {
    const factors = [
      ...(term.count > 1 ? [String(term.count)] : []),
      ...term.factors,
      `${term.itemBytes}\\,\\mathrm{B}`,
    ];
    const product = factors.map((factor) => factor.replaceAll("x", " \\times ")).join(" \\times ");
    return `  ${i === 0 ? "&" : "&{}+"} ${product} && \\text{${escaped(term.what + whereOf(term))}} \\\\`;
  });
  return [
    `% ${report.model.name}, ${setup.precision}, batch ${setup.batch}; bytes`,
    "\\[ \\mathrm{peak}(B) = \\begin{cases}",
    cases.join(" \\\\\n"),
    "\\end{cases} \\]",
    ...latexSequence(report),
    `% at B = ${setup.batch}: ${moment}`,
    "\\begin{align*}",
    ...sum,
    `  &= ${grouped(totalBytes)}\\,\\mathrm{B}`,
    "\\end{align*}",
    "",
  ].join("\n");
}

/** `12 x (B x S x 3072 x 4 B)`. */
function productOf({ factors, itemBytes, count }: Term): string {
  const one =
    itemBytes === 1 && factors.length === 1 ? `${factors[0]} B` : [...factors, `${itemBytes} B`].join(" x ");
  return count > 1 ? `${formatCount(count)} x (${one})` : one;
}

function whereOf({ where, count }: Term): string {
  return count > 1 ? ` (${where}, …)` : ` (${where})`;
}

function sequenceLines({ sequence, setup }: Derivation): string[] {
  if (!sequence || setup.sequence === null) return [];
  const { stride, toSequence } = sequence;
  const range = `S in steps of ${stride}${toSequence === null ? "" : ` up to ${toSequence}`}`;
  return [
    `peak(B, S) = ${printPolynomial(highestOf(sequence, setup.batch, setup.sequence))}`,
    `  around B = ${setup.batch}, S = ${setup.sequence}; ${sequence.polynomials.length} such sums in all, and the highest is the peak (--json lists them), ${range}`,
  ];
}

function latexSequence({ sequence, setup }: Derivation): string[] {
  if (!sequence || setup.sequence === null) return [];
  const powers = ["", "B", "S", "BS", "S^2", "BS^2"];
  const sums = sequence.polynomials.map((polynomial) =>
    polynomial
      .flatMap((coefficient, i) =>
        Math.abs(coefficient) < 1e-6 ? [] : [`${grouped(coefficient)}\\,${powers[i]}`],
      )
      .join(" + "),
  );
  return [
    `\\[ \\mathrm{peak}(B, S) = \\max\\left\\{ \\begin{array}{l}`,
    sums.map((sum) => `  ${sum}`).join(" \\\\\n"),
    "\\end{array} \\right\\} \\]",
  ];
}

function grouped(number: number): string {
  const [whole = "", part] = String(Math.round(number * 1e6) / 1e6).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, "\\,")}${part === undefined ? "" : `.${part}`}`;
}

function escaped(text: string): string {
  return text.replace(/[\\&%$#_{}]/g, "\\$&").replaceAll("…", "\\ldots");
}
