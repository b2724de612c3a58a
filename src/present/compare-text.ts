/** Predicted beside measured: figures, phases, groups of blocks, modules, and what differs most. */
import type { CompareReport, ComparedDifference, Figures } from "../report/compare.js";
import { type Cell, fold, renderTable } from "./layout.js";
import type { List } from "./list.js";
import { createPaint } from "./style.js";
import { formatBatch, formatBytes } from "./units.js";

export interface CompareTextOptions {
  readonly width?: number;
  readonly color?: boolean;
  readonly quiet?: boolean;
}

/** A figure, phase, lifetime or module, with both sides. */
export interface CompareLine {
  readonly kind: string;
  readonly name: string;
  readonly predicted: number | null;
  readonly measured: number | null;
  readonly error: number | null;
}

const SHOWN_MODULES = 5;
const CLOSE = 0.01;
const FAR = 0.05;

export function renderCompare(report: CompareReport, options: CompareTextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const { recording, largestDifferences, diagnostics } = report;
  const head = ["", "predicted", "measured", "error"].map((text): Cell => ({ text, paint: paint.dim }));
  const judge = (error: number | null) => {
    if (error === null) return paint.dim;
    const size = Math.abs(error);
    return size <= CLOSE ? paint.good : size <= FAR ? paint.warn : paint.bad;
  };
  const rows = compareLines(report).map(({ kind, name, predicted, measured, error }): Cell[] => [
    kind === "figure" ? { text: name, paint: paint.bold } : { text: `  ${name}` },
    { text: size(predicted) },
    { text: size(measured) },
    { text: percent(error), paint: judge(error) },
  ]);
  const columns = [{ align: "left" }, { align: "right" }, { align: "right" }, { align: "right" }] as const;
  const from =
    recording.source === null ? "figures given by hand" : `${recording.source} · ${recording.device ?? ""}`;
  const steps =
    recording.steps === null ? "" : ` · ${recording.steps} ${recording.steps === 1 ? "step" : "steps"}`;
  const blocks: string[][] = [
    [...fold(titleOf(report), width, "  ", "  "), ...fold(`${from}${steps}`, width, "  ", "  ")],
    renderTable({ columns, rows: [head, ...rows], width }),
  ];
  if (!options.quiet) {
    if (largestDifferences.length > 0)
      blocks.push([
        `  ${paint.bold("largest differences")}`,
        ...largestDifferences.flatMap((difference) => fold(differenceWords(difference), width, "  ", "    ")),
      ]);
    const learned = calibrationWords(report);
    if (learned.length > 0) blocks.push(learned.flatMap((text) => fold(text, width, "  ", "    ")));
    if (diagnostics.length > 0)
      blocks.push(diagnostics.flatMap(({ message }) => fold(`note: ${message}`, width, "  ", "    ")));
  }
  return `\n${blocks.map((lines) => `${lines.join("\n")}\n`).join("\n")}`;
}

export function renderCompareMarkdown(report: CompareReport): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    `### ${titleOf(report)}`,
    "",
    row(["", "predicted", "measured", "error"]),
    "| --- | ---: | ---: | ---: |",
    ...compareLines(report).map(({ kind, name, predicted, measured, error }) =>
      row([kind === "figure" ? `**${name}**` : name, size(predicted), size(measured), percent(error)]),
    ),
    "",
    ...report.largestDifferences.map((difference) => `- ${differenceWords(difference)}`),
    ...calibrationWords(report).map((text) => `- ${text}`),
    ...report.diagnostics.map(({ message }) => `- note: ${message}`),
    "",
  ].join("\n");
}

/** For CSV: one line per figure, phase, group and module. */
export function compareList(report: CompareReport): List {
  const columns = ["kind", "name", "predictedBytes", "measuredBytes", "relativeError"].map((title) => ({
    title,
    align: "left" as const,
  }));
  const text = (value: number | null) => (value === null ? "" : String(value));
  const rows = [
    ...compareLines(report).map(({ kind, name, predicted, measured, error }) => [
      kind,
      name,
      ...[predicted, measured, error].map(text),
    ]),
    ...report.modules.map(({ path, name, predictedBytes, measuredBytes }) => [
      "module",
      path ?? name,
      String(predictedBytes),
      String(measuredBytes),
      measuredBytes === 0 ? "" : String((predictedBytes - measuredBytes) / measuredBytes),
    ]),
  ];
  return { columns, rows };
}

export function compareLines({ predicted, measured, relativeError, modules }: CompareReport): CompareLine[] {
  const line = (kind: string, name: string, of: (figures: Figures) => number | null): CompareLine => ({
    kind,
    name,
    predicted: of(predicted),
    measured: of(measured),
    error: of(relativeError),
  });
  const lines = [
    line("figure", "allocated", (each) => each.allocatedBytes),
    line("phase", "peak of forward", ({ phases }) => phases.forward),
    line("phase", "peak of backward", ({ phases }) => phases.backward),
    line("phase", "peak of optimizer", ({ phases }) => phases.optimizer),
    line("group", "resident", ({ groups }) => groups.resident),
    line("group", "saved by forward", ({ groups }) => groups.saved),
    line("group", "gradients", ({ groups }) => groups.gradients),
    line("group", "temporaries", ({ groups }) => groups.temporaries),
    line("figure", "reserved", (each) => each.reservedBytes),
    line("figure", "device total", (each) => each.deviceTotalBytes),
  ].filter(({ kind, measured: found }) => kind === "figure" || found !== null);
  const far = [...modules]
    .filter(({ predictedBytes, measuredBytes }) => predictedBytes !== measuredBytes)
    .sort(
      (a, b) => Math.abs(b.predictedBytes - b.measuredBytes) - Math.abs(a.predictedBytes - a.measuredBytes),
    )
    .slice(0, SHOWN_MODULES);
  return [
    ...lines,
    ...far.map(
      ({ path, name, predictedBytes, measuredBytes }): CompareLine => ({
        kind: "module",
        name: path === null ? name : `${path || "the model"} (${name})`,
        predicted: predictedBytes,
        measured: measuredBytes,
        error: measuredBytes === 0 ? null : (predictedBytes - measuredBytes) / measuredBytes,
      }),
    ),
  ];
}

/** `saved: 12.0 MiB less than measured: what forward leaves for backward …` */
export function differenceWords({ kind, name, deltaBytes, because }: ComparedDifference): string {
  const what =
    kind === "phase" ? `peak of ${name}` : kind === "group" && name === "saved" ? "saved by forward" : name;
  return `${what}: ${formatBytes(Math.abs(deltaBytes))} ${deltaBytes > 0 ? "more" : "less"} predicted than measured; ${because}`;
}

/** What the measurement tells of the machine. */
export function calibrationWords({ calibration }: CompareReport): string[] {
  if (!calibration) return [];
  const { profile, unexplainedBytes } = calibration;
  const { contextBytes, workspaceBytes } = profile;
  if (contextBytes === null && workspaceBytes === null) return [];
  const parts = [
    ...(contextBytes === null ? [] : [`context ${formatBytes(contextBytes)}`]),
    ...(workspaceBytes === null ? [] : [`scratch of a cuBLAS handle ${formatBytes(workspaceBytes)}`]),
  ];
  const left = unexplainedBytes === 0 ? "" : `; ${formatBytes(Math.abs(unexplainedBytes))} stay unexplained`;
  return [
    `this machine: ${parts.join(", ")}${left} (--save-profile FILE keeps it for estimate, explain and fit)`,
  ];
}

function titleOf({ model, setup }: CompareReport): string {
  const optimizer = setup.mode === "inference" ? "inference" : (setup.optimizer?.title ?? "no optimizer");
  const sequence = setup.sequence === null ? "" : ` · sequence ${setup.sequence}`;
  return `${model.name} · ${setup.precision} · ${optimizer} · ${formatBatch(setup)}${sequence}`;
}

function size(bytes: number | null): string {
  return bytes === null ? "-" : formatBytes(bytes);
}

/** `+0.4 %`: predicted less measured, of measured. */
function percent(error: number | null): string {
  if (error === null) return "";
  const text = Math.abs(error * 100) >= 99.95 ? (error * 100).toFixed(0) : (error * 100).toFixed(2);
  return `${error > 0 ? "+" : ""}${text === "-0.00" ? "0.00" : text} %`;
}
