/** GitHub-flavoured Markdown, for issues and notebooks. */
import { FRAMEWORKS } from "./frameworks.js";
import type { EstimateReport, ExplainReport } from "../report/report.js";
import { slicesOf } from "./bar.js";
import { printFormula } from "./formula.js";
import { noteFor } from "./notes.js";
import { PARTS } from "./style.js";
import { formatBatch, formatBytes, formatCount } from "./units.js";

export function renderEstimateMarkdown(report: EstimateReport): string {
  const { model, setup, peak, interval, machine, formula } = report;
  const optimizer = setup.mode === "inference" ? "inference" : (setup.optimizer?.title ?? "no optimizer");
  const figures = [
    ["allocated", peak.allocatedBytes, `peak: ${peak.phase}, ${peak.at}`],
    ["reserved", peak.reservedBytes, "what the allocator holds"],
    [
      "**device total**",
      peak.deviceTotalBytes,
      `${Math.round(interval.confidence * 100)} %: ${formatBytes(interval.lowBytes)} ${interval.highBytes === Number.MAX_SAFE_INTEGER ? "or more" : `to ${formatBytes(interval.highBytes)}`}`,
    ],
  ] as const;
  const rows = [
    ...slicesOf(report).map(({ part, bytes }) => [
      PARTS[part].label,
      formatBytes(bytes),
      noteFor(part, report),
    ]),
    ...figures.map(([label, bytes, note]) => [label, `**${formatBytes(bytes)}**`, note]),
  ];
  const verdict = machine
    ? `**${machine.gpu}**: ${machine.verdict.replaceAll("-", " ")}, ${formatBytes(machine.headroomBytes)} to spare of ${formatBytes(machine.capacityBytes)}.\n\n`
    : "";
  return [
    `### ${escaped(model.name)}: ${formatBytes(peak.deviceTotalBytes)}\n`,
    `${FRAMEWORKS[setup.framework]} · ${setup.precision} · ${optimizer} · ${formatBatch(setup)}\n`,
    `${verdict}${table(["", "at the peak", ""], rows)}`,
    `Formula: \`peak(B) = ${printFormula(formula.pieces)}\``,
    ...(report.assumptions.length > 0
      ? [
          "\nAssumed:",
          ...report.assumptions.map(
            ({ setting, value, because }) => `- ${setting} = ${escaped(value)}: ${escaped(because)}`,
          ),
        ]
      : []),
    ...report.diagnostics.map(({ code, message }) => `\n> \`${code}\` ${escaped(message)}`),
    "",
  ].join("\n");
}

export function renderExplanationMarkdown(report: ExplainReport): string {
  const rows = report.layers.map(
    ({ path, op, outputShapes, activationsPerSample, parameterCount, savedTensorBytes }) => [
      `\`${path || op}\``,
      op,
      outputShapes.map((shape) => shape.join(" x ")).join(", "),
      activationsPerSample === null ? "" : formatCount(activationsPerSample),
      formatCount(parameterCount),
      formatBytes(savedTensorBytes),
    ],
  );
  const header = ["layer", "op", "output", "activations per sample", "parameters", "kept for backward"];
  return `${renderEstimateMarkdown(report)}\n${table(header, rows)}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return `${[line(header), `|${header.map((_, i) => (i === 0 ? " --- " : " ---: ")).join("|")}|`, ...rows.map(line)].join("\n")}\n`;
}

function escaped(text: string): string {
  return text.replace(/[\\`*_<>|]/g, "\\$&");
}
