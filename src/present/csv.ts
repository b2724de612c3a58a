/** Comma-separated values (RFC 4180): one row per figure of an estimate, or one per layer of an explanation. */
import type { EstimateReport, ExplainReport } from "../report/report.js";
import { slicesOf } from "./bar.js";
import type { List } from "./list.js";

/** `figure,bytes`: totals, peaks and everything that adds up to the device total. */
export function renderEstimateCsv(report: EstimateReport): string {
  const { totals, peak, phases, interval, machine } = report;
  const rows: [string, number][] = [
    ...Object.entries(totals).map(([name, bytes]): [string, number] => [`totals.${name}`, bytes]),
    ...Object.entries(phases).map(([phase, { peakAllocatedBytes }]): [string, number] => [
      `phases.${phase}`,
      peakAllocatedBytes,
    ]),
    ...slicesOf(report).map(({ part, bytes }): [string, number] => [`atPeak.${part}`, bytes]),
    ["peak.allocatedBytes", peak.allocatedBytes],
    ["peak.reservedBytes", peak.reservedBytes],
    ["peak.deviceTotalBytes", peak.deviceTotalBytes],
    ["interval.lowBytes", interval.lowBytes],
    ["interval.highBytes", interval.highBytes],
    ...(machine ? ([["machine.capacityBytes", machine.capacityBytes]] as [string, number][]) : []),
  ];
  return printCsv([["figure", "bytes"], ...rows]);
}

/** One row per layer, in the order of the forward pass. */
export function renderLayersCsv({ layers }: ExplainReport): string {
  const header = [
    "path",
    "op",
    "output",
    "activations per sample",
    "parameters",
    "parameter bytes",
    "saved bytes",
  ];
  const rows = layers.map((layer) => [
    layer.path,
    layer.op,
    layer.outputShapes.map((shape) => shape.join("x")).join(" "),
    layer.activationsPerSample ?? "",
    layer.parameterCount,
    layer.parameterBytes,
    layer.savedTensorBytes,
  ]);
  return printCsv([header, ...rows]);
}

/** A list of what is known. */
export function renderListCsv({ columns, rows }: List): string {
  return printCsv([columns.map(({ title }) => title), ...rows]);
}

function printCsv(rows: readonly (readonly (string | number)[])[]): string {
  const field = (value: string | number) =>
    /[",\n\r]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  return `${rows.map((row) => row.map(field).join(",")).join("\n")}\n`;
}
