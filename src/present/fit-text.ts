/** `plimsoll fit` in a terminal: the largest size, then what each device could take. */
import type { FitAxis, FitOnGpu, FitReport } from "../report/fit.js";
import { type Cell, fold, renderTable } from "./layout.js";
import type { List } from "./list.js";
import { createPaint } from "./style.js";
import { formatBytes, formatCount } from "./units.js";

export interface FitTextOptions {
  readonly width?: number;
  readonly color?: boolean;
  /** Answer and table only. */
  readonly quiet?: boolean;
}

const LARGEST: Readonly<Record<FitAxis, string>> = {
  batch: "largest batch N",
  sequence: "longest sequence N tokens",
  image: "largest images N x N pixels",
};
const UNITS: Readonly<Record<FitAxis, string>> = { batch: "batch", sequence: "tokens", image: "pixels" };

export function renderFit(report: FitReport, options: FitTextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const { perGpu, nearestMiss } = report;
  const [only] = perGpu.length === 1 ? perGpu : [];
  const say = nearestMiss ? paint.bad : paint.good;
  const answer = only ? answerOf(report, only) : tableTitle(report);
  const lines = fold(`${report.model.name}: ${answer}`, width, "  ", "    ").map(say);
  const blocks = [lines];
  if (!only) blocks.push(tableOf(report, width, paint.dim));
  const notes = notesOf(report);
  if (!options.quiet && notes.length > 0)
    blocks.push(notes.flatMap((note) => fold(note, width, "  ", "  ").map(paint.dim)));
  return `\n${blocks.map((block) => `${block.join("\n")}\n`).join("\n")}`;
}

/** For CSV: one line per device. */
export function fitList({ perGpu }: FitReport): List {
  const columns = ["gpu", "largest", "limit", "deviceTotalBytes", "capacityBytes"].map((title) => ({
    title,
    align: "left" as const,
  }));
  const rows = perGpu.map(({ gpu, largest, limit, deviceTotalBytes, capacityBytes }) => [
    gpu,
    String(largest),
    limit,
    String(deviceTotalBytes),
    String(capacityBytes),
  ]);
  return { columns, rows };
}

/** GitHub-flavoured Markdown: the same table. */
export function renderFitMarkdown(report: FitReport): string {
  const rows = report.perGpu.map(
    (row) =>
      `| ${row.gpu} | ${largestOf(row)} | ${formatBytes(row.deviceTotalBytes)} | ${formatBytes(row.capacityBytes)} |`,
  );
  const head = `| GPU | largest ${UNITS[report.for]} | device total | capacity |\n| --- | ---: | ---: | ---: |`;
  const notes = notesOf(report).map((note) => `\n${note}\n`);
  return `### ${report.model.name}: what fits\n\n${[head, ...rows].join("\n")}\n${notes.join("")}`;
}

function answerOf(report: FitReport, row: FitOnGpu): string {
  const { gpu, largest, limit, deviceTotalBytes, capacityBytes, keptFreeBytes } = row;
  if (largest === 0) return `nothing fits ${gpu}`;
  const edge = {
    memory: "the next one does not fit",
    model: "the model takes no more",
    search: "the search ends there",
  }[limit];
  const room = formatBytes(Math.max(0, capacityBytes - keptFreeBytes - deviceTotalBytes));
  const what = LARGEST[report.for].replaceAll("N", formatCount(largest));
  return `${what} on ${gpu}; ${edge} (${formatBytes(deviceTotalBytes)} of ${formatBytes(capacityBytes)}, ${room} to spare)`;
}

function tableTitle({ for: axis, setup }: FitReport): string {
  return `largest ${UNITS[axis]} by device, ${setup.precision}, ${setup.optimizer?.title ?? setup.mode}`;
}

function largestOf({ largest, exact, limit }: FitOnGpu): string {
  if (largest === 0) return "-";
  return `${limit === "search" ? "≥ " : exact ? "" : "~ "}${formatCount(largest)}`;
}

function tableOf(report: FitReport, width: number, dim: (text: string) => string): string[] {
  const head = ["device", UNITS[report.for], "takes", "of"].map((text): Cell => ({ text, paint: dim }));
  const rows = report.perGpu.map((row): Cell[] => [
    { text: row.gpu },
    { text: largestOf(row) },
    {
      text:
        row.largest === 0
          ? `${formatBytes(row.deviceTotalBytes)} at least`
          : formatBytes(row.deviceTotalBytes),
    },
    { text: formatBytes(row.capacityBytes) },
  ]);
  const columns = [{ align: "left" }, { align: "right" }, { align: "right" }, { align: "right" }] as const;
  return renderTable({ columns, rows: [head, ...rows], width });
}

function notesOf(report: FitReport): string[] {
  const { smallestGpu, nearestMiss, stride, margin, confidence, perGpu, setup } = report;
  const holes = perGpu.filter((row) => row.holes.length > 0);
  const unit = UNITS[report.for];
  return [
    nearestMiss &&
      `nearest miss: ${unit} ${formatCount(nearestMiss.at)} on ${nearestMiss.gpu} lacks ${formatBytes(nearestMiss.missingBytes)}`,
    smallestGpu &&
      `smallest device for batch ${formatCount(setup.batch)}${setup.sequence === null ? "" : `, sequence ${formatCount(setup.sequence)}`} as asked: ${smallestGpu.gpu} (${formatBytes(smallestGpu.deviceTotalBytes)} of ${formatBytes(smallestGpu.capacityBytes)})`,
    !smallestGpu && "no known device takes the setup as asked: see plimsoll advise",
    stride > 1 && `sizes go by ${stride} ${unit}`,
    (margin ?? confidence) !== null &&
      `left free: ${[margin, confidence !== null && `what the interval at ${Math.round(confidence * 100)} % says`].filter(Boolean).join(" and ")}`,
    ...holes.map(
      ({ gpu, holes: sizes }) =>
        `on ${gpu} ${unit} ${sizes.map(formatCount).join(", ")} does not fit although more does: near the limit fragmentation decides`,
    ),
    perGpu.some(({ exact, limit }) => !exact && limit !== "search") &&
      "~ by lines between planned steps; name a device for its exact answer",
  ].filter((note): note is string => typeof note === "string");
}
