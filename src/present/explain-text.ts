/** The receipt in a terminal: every layer with what it keeps, every tensor alive at the peak, every assumption. */
import type { AliveReport, ExplainReport, LayerReport } from "../report/report.js";
import { printPiece, rangeOf } from "./formula.js";
import { type Cell, type Column, fold, renderTable } from "./layout.js";
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
  const sections = [
    section("layer by layer", layerTable(report, width, paint), paint),
    section("receipts", receiptLines(report.layers, width, paint), paint),
    section(
      `alive at the peak (${report.alive.length} blocks)`,
      aliveTable(report.alive, options.most ?? 24, width, paint),
      paint,
    ),
    section("formula", formulaLines(report, width), paint),
    section(
      "assumed",
      report.assumptions.flatMap(({ setting, value, because }) =>
        fold(`${setting} ${readable(value)}: ${because}`, width, "  ", "    "),
      ),
      paint,
    ),
  ];
  return renderText(report, options) + sections.join("");
}

function section(title: string, lines: readonly string[], paint: Paint): string {
  return lines.length === 0 ? "" : `\n  ${paint.bold(title)}\n\n${lines.join("\n")}\n`;
}

/** The table of the CS231n notes (activations per image, parameters) beside what PyTorch keeps. */
function layerTable({ layers, totals, model }: ExplainReport, width: number, paint: Paint): string[] {
  const head = ["layer", "kept for backward", "parameters", "activations/sample", "output"].map((text) => ({
    text,
    paint: paint.dim,
  }));
  const shown = layers.filter(
    ({ parameterCount, savedTensorBytes, op }) =>
      parameterCount > 0 || savedTensorBytes > 0 || !/view|reshape|permute|transpose/.test(op),
  );
  const rows = shown.map((layer): Cell[] => [
    { text: nameOf(layer) },
    {
      text: layer.savedTensorBytes > 0 ? formatBytes(layer.savedTensorBytes) : "-",
      paint: (text) => paint.part("savedTensors", text),
    },
    {
      text: layer.parameterCount > 0 ? formatCount(layer.parameterCount) : "-",
      paint: (text) => paint.part("parameters", text),
    },
    { text: layer.activationsPerSample === null ? "" : formatCount(layer.activationsPerSample) },
    { text: layer.outputShapes.map((shape) => shape.join("x")).join(" "), paint: paint.dim },
  ]);
  const activations = layers.reduce((sum, layer) => sum + (layer.activationsPerSample ?? 0), 0);
  const total = [
    { text: "total", paint: paint.bold },
    { text: formatBytes(totals.savedTensorBytes) },
    { text: formatCount(model.parameterCount) },
    { text: formatCount(activations) },
  ];
  const columns: Column[] = [
    { align: "left" },
    { align: "right" },
    { align: "right" },
    { align: "right" },
    { align: "left", least: 8 },
  ];
  return renderTable({ columns, rows: [head, ...rows, total], width });
}

function nameOf({ path, op }: LayerReport): string {
  return path === "" ? op : path;
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
  const rows = alive
    .slice(0, most)
    .map(({ name, category, bytes, shape, until }): Cell[] => [
      { text: formatBytes(bytes) },
      { text: `${PARTS[category].glyph} ${name}`, paint: (text) => paint.part(category, text) },
      { text: shape.join("x") },
      { text: `until ${until}`, paint: paint.dim },
    ]);
  const rest = alive.slice(most).reduce((sum, { bytes }) => sum + bytes, 0);
  if (rest > 0)
    rows.push([{ text: formatBytes(rest) }, { text: `in ${alive.length - most} more; --json lists all` }]);
  const columns: Column[] = [
    { align: "right" },
    { align: "left" },
    { align: "left", least: 8 },
    { align: "left", least: 12 },
  ];
  return renderTable({ columns, rows, width });
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
