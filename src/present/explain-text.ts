/** The receipt in a terminal: every layer with what it keeps, every tensor alive at the peak, every assumption. */
import type { AliveReport, ExplainReport, LayerReport } from "../report/report.js";
import { printPiece, rangeOf } from "./formula.js";
import { type Cell, type Column, cut, fold, renderTable } from "./layout.js";
import { createPaint, type Paint, PARTS } from "./style.js";
import { readable, renderText, type TextOptions } from "./text.js";
import { formatBytes, formatCount } from "./units.js";

export interface ExplainTextOptions extends TextOptions {
  /** Tensors alive at the peak that are listed one by one. */
  readonly most?: number;
}

export function renderExplanation(report: ExplainReport, options: ExplainTextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const most = options.most ?? 24;
  const sections: [string, string[]][] = [
    ["layer by layer (kept for backward; activations per sample)", layerTable(report, width, paint)],
    ["receipts", receiptLines(report.layers, width, paint)],
    [`alive at the peak (${report.alive.length} blocks)`, aliveTable(report.alive, most, width, paint)],
    ["formula", formulaLines(report, width)],
    ["assumed", assumptionLines(report, width)],
  ];
  const text = sections.map(([title, lines]) => section(title, lines, paint, width));
  return renderText(report, options) + text.join("");
}

function section(title: string, lines: readonly string[], paint: Paint, width: number): string {
  return lines.length === 0 ? "" : `\n  ${paint.bold(cut(title, width - 2))}\n\n${lines.join("\n")}\n`;
}

/** The table of the CS231n notes (activations per image, parameters) beside what PyTorch keeps. */
function layerTable({ layers, totals, model, setup }: ExplainReport, width: number, paint: Paint): string[] {
  const row = (cells: readonly string[], painters: readonly (Cell["paint"] | undefined)[] = []): Cell[] =>
    cells.map((text, i) => ({ text, ...(painters[i] && { paint: painters[i] }) }));
  const colors = [
    undefined,
    (text: string) => paint.part("savedTensors", text),
    (text: string) => paint.part("parameters", text),
  ];
  const shown = layers.filter((layer) => !isIdle(layer));
  const rows = shown.map((layer) =>
    row(
      [
        nameOf(layer),
        layer.savedTensorBytes > 0 ? formatBytes(layer.savedTensorBytes) : "-",
        layer.parameterCount > 0 ? formatCount(layer.parameterCount) : "-",
        layer.activationsPerSample === null ? "" : formatCount(layer.activationsPerSample),
        layer.outputShapes.map((shape) => perSample(shape, setup.batch)).join(" "),
      ],
      [...colors, undefined, paint.dim],
    ),
  );
  const sum = (some: readonly LayerReport[]) =>
    some.reduce((total, layer) => total + (layer.activationsPerSample ?? 0), 0);
  const idle = layers.length - shown.length;
  if (idle > 0) {
    rows.push(
      row(
        [
          `${formatCount(idle)} ${idle === 1 ? "operator" : "operators"}`,
          "-",
          "-",
          formatCount(sum(layers) - sum(shown)),
        ],
        [paint.dim, paint.dim, paint.dim, paint.dim],
      ),
    );
  }
  const head = ["layer", "kept", "parameters", "activations", "output"];
  const total = [
    "total",
    formatBytes(totals.savedTensorBytes),
    formatCount(model.parameterCount),
    formatCount(sum(layers)),
  ];
  const columns: Column[] = [
    { align: "left", least: 12, most: Math.max(16, width - 54), keep: "end" },
    { align: "right" },
    { align: "right" },
    { align: "right" },
    { align: "left", least: 8 },
  ];
  return renderTable({
    columns,
    rows: [
      row(
        head,
        head.map(() => paint.dim),
      ),
      ...rows,
      row(
        total,
        total.map(() => paint.bold),
      ),
    ],
    width,
  });
}

/** Operators between the modules that keep nothing would only lengthen the table. */
function isIdle({ isModule, parameterCount, savedTensorBytes }: LayerReport): boolean {
  return !isModule && parameterCount === 0 && savedTensorBytes === 0;
}

function perSample(shape: readonly number[], batch: number): string {
  return (shape.length > 1 && shape[0] === batch ? shape.slice(1) : shape).join("x");
}

function nameOf({ path, op, isModule }: LayerReport): string {
  return path === "" ? op : isModule ? path : `${path}: ${op}`;
}

function receiptLines(layers: readonly LayerReport[], width: number, paint: Paint): string[] {
  return layers
    .filter(({ receipts }) => receipts.length > 0)
    .flatMap((layer) => {
      const rows = layer.receipts.map(({ text, bytes }): Cell[] => [
        { text: formatBytes(bytes) },
        { text, paint: paint.dim },
      ]);
      return [
        `  ${nameOf(layer)}`,
        ...renderTable({
          columns: [{ align: "right" }, { align: "left", least: 16 }],
          rows,
          width,
          indent: "    ",
        }),
      ];
    });
}

function aliveTable(alive: readonly AliveReport[], most: number, width: number, paint: Paint): string[] {
  const head: Cell[] = ["bytes", "what", "until", "shape"].map((text) => ({ text, paint: paint.dim }));
  const rows = alive
    .slice(0, most)
    .map(({ name, category, bytes, shape, until }): Cell[] => [
      { text: formatBytes(bytes) },
      { text: `${PARTS[category].glyph} ${name}`, paint: (text) => paint.part(category, text) },
      { text: until === "the process ends" ? "it stays" : until },
      { text: shape.join("x"), paint: paint.dim },
    ]);
  const rest = alive.slice(most).reduce((sum, { bytes }) => sum + bytes, 0);
  if (rest > 0)
    rows.push([
      { text: formatBytes(rest) },
      { text: `in ${alive.length - most} more` },
      { text: "--json lists all" },
    ]);
  const columns: Column[] = [
    { align: "right" },
    { align: "left", least: 16 },
    { align: "left", least: 12 },
    { align: "left", least: 8 },
  ];
  return renderTable({ columns, rows: [head, ...rows], width });
}

function assumptionLines({ assumptions }: ExplainReport, width: number): string[] {
  return assumptions.flatMap(({ setting, value, because }) =>
    fold(`${setting} ${readable(value)}: ${because}`, width, "  ", "    "),
  );
}

function formulaLines({ formula }: ExplainReport, width: number): string[] {
  const pieces = formula.pieces.map((piece) => [
    { text: `peak(B) = ${printPiece(piece)}` },
    { text: rangeOf(piece) },
  ]);
  const lines = renderTable({
    columns: [{ align: "left" }, { align: "left", least: 8 }],
    rows: pieces,
    width,
  });
  return [...lines, ...fold(formula.bound, width, "  ", "  ")];
}
