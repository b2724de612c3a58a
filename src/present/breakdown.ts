/** The breakdown: categories, then the sums a person knows from torch.cuda and nvidia-smi. */
import { slicesOf } from "./bar.js";
import { type Cell, renderTable } from "./layout.js";
import { type AnyReport, noteFor } from "./notes.js";
import { PARTS, type Paint, type Part } from "./style.js";
import { formatBytes, quantity } from "./units.js";

export interface BreakdownOptions {
  readonly width: number;
  readonly paint: Paint;
}

export function renderBreakdown(report: AnyReport, { width, paint }: BreakdownOptions): string[] {
  const { peak, interval } = report;
  const row = (part: Part, bytes: number): Cell[] => [
    { text: `${PARTS[part].glyph} ${PARTS[part].label}`, paint: (text) => paint.part(part, text) },
    ...figure(bytes),
    { text: noteFor(part, report), paint: paint.dim },
  ];
  const sum = (label: string, bytes: number, note: string): Cell[] => [
    { text: `─ ${label}`, paint: paint.bold },
    ...figure(bytes, paint.bold),
    { text: note },
  ];
  const slices = slicesOf(report);
  const isInside = (part: Part) => part !== "allocatorSlack" && part !== "context";
  const rows = [
    ...slices.filter(({ part }) => isInside(part)).map(({ part, bytes }) => row(part, bytes)),
    sum(
      "allocated",
      peak.allocatedBytes,
      `the peak: ${peak.phase === "optimizer" ? peak.at : `${peak.phase}, ${peak.at}`}`,
    ),
    ...slices.filter(({ part }) => !isInside(part)).map(({ part, bytes }) => row(part, bytes)),
    sum(
      "device total",
      peak.deviceTotalBytes,
      `${Math.round(interval.confidence * 100)} %: ${range(interval.lowBytes, interval.highBytes)}`,
    ),
  ];
  const columns = [
    { align: "left" },
    { align: "right" },
    { align: "left" },
    { align: "left", least: 16 },
  ] as const;
  return renderTable({ columns, rows, width, gap: 1 });
}

function figure(bytes: number, paint?: (text: string) => string): [Cell, Cell] {
  const { digits, unit } = quantity(bytes);
  return [
    { text: digits.padStart(6), ...(paint && { paint }) },
    { text: unit.padEnd(5), ...(paint && { paint }) },
  ];
}

/** `3.38 to 4.23 GiB`; the unit once where both share it. */
function range(low: number, high: number): string {
  if (high === Number.MAX_SAFE_INTEGER) return `${formatBytes(low)} or more`;
  const [a, b] = [quantity(low), quantity(high)];
  return a.unit === b.unit
    ? `${a.digits} to ${b.digits} ${b.unit}`
    : `${formatBytes(low)} to ${formatBytes(high)}`;
}
