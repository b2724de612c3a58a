/** Two estimates side by side: categories, their difference, and the settings that make it. */
import type { EstimateReport } from "../report/report.js";
import type { VersusReport } from "../report/versus.js";
import { type Cell, fold, renderTable } from "./layout.js";
import type { List } from "./list.js";
import { noteFor } from "./notes.js";
import { createPaint, PARTS } from "./style.js";
import { formatBatch, formatBytes } from "./units.js";

export interface VersusTextOptions {
  readonly width?: number;
  readonly color?: boolean;
  readonly quiet?: boolean;
}

export function renderVersus(report: VersusReport, options: VersusTextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const { a, b, differences, bySetting } = report;
  const signed = (bytes: number): Cell => ({
    text: delta(bytes),
    paint: bytes > 0 ? paint.bad : bytes < 0 ? paint.good : paint.dim,
  });
  const head = ["", "A", "B", "B - A", "why"].map((text): Cell => ({ text, paint: paint.dim }));
  const rows = differences.map(({ part, aBytes, bBytes, deltaBytes }): Cell[] => [
    { text: `${PARTS[part].glyph} ${PARTS[part].label}`, paint: (text) => paint.part(part, text) },
    { text: formatBytes(aBytes) },
    { text: formatBytes(bBytes) },
    signed(deltaBytes),
    { text: because(part, report), paint: paint.dim },
  ]);
  const total = (label: string, of: (side: EstimateReport) => number): Cell[] => [
    { text: `─ ${label}`, paint: paint.bold },
    { text: formatBytes(of(a)) },
    { text: formatBytes(of(b)) },
    signed(of(b) - of(a)),
  ];
  const columns = [
    { align: "left" },
    { align: "right" },
    { align: "right" },
    { align: "right" },
    { align: "left", least: 16 },
  ] as const;
  const table = renderTable({
    columns,
    rows: [
      head,
      ...rows,
      total("allocated", ({ peak }) => peak.allocatedBytes),
      total("device total", ({ peak }) => peak.deviceTotalBytes),
    ],
    width,
  });
  const settings = bySetting.map(({ setting, from, to, deltaBytes }): Cell[] => [
    signed(deltaBytes),
    { text: setting },
    { text: `${from} -> ${to}`, paint: paint.dim },
  ]);
  const blocks = [
    [...fold(`A  ${titleOf(a)}`, width, "  ", "     "), ...fold(`B  ${titleOf(b)}`, width, "  ", "     ")],
    table,
    ...(options.quiet || settings.length === 0
      ? []
      : [
          [
            `  ${paint.bold("by setting, each on top of those above")}`,
            ...renderTable({
              columns: [{ align: "right" }, { align: "left" }, { align: "left", least: 12 }],
              rows: settings,
              width,
            }),
          ],
        ]),
  ];
  return `\n${blocks.map((lines) => `${lines.join("\n")}\n`).join("\n")}`;
}

export function renderVersusMarkdown({ a, b, differences, bySetting }: VersusReport): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    `### ${a.model.name} against ${b.model.name}`,
    "",
    `A: ${titleOf(a)}  \nB: ${titleOf(b)}`,
    "",
    "| | A | B | B - A |",
    "| --- | ---: | ---: | ---: |",
    ...differences.map(({ part, aBytes, bBytes, deltaBytes }) =>
      row([PARTS[part].label, formatBytes(aBytes), formatBytes(bBytes), delta(deltaBytes)]),
    ),
    row([
      "**device total**",
      formatBytes(a.peak.deviceTotalBytes),
      formatBytes(b.peak.deviceTotalBytes),
      delta(b.peak.deviceTotalBytes - a.peak.deviceTotalBytes),
    ]),
    "",
    ...bySetting.map(
      ({ setting, from, to, deltaBytes }) => `- ${setting}: ${from} -> ${to}, ${delta(deltaBytes)}`,
    ),
    "",
  ].join("\n");
}

/** For CSV: one line per category. */
export function versusList({ differences }: VersusReport): List {
  const columns = ["category", "aBytes", "bBytes", "deltaBytes"].map((title) => ({
    title,
    align: "left" as const,
  }));
  const rows = differences.map(({ part, aBytes, bBytes, deltaBytes }) => [
    part,
    ...[aBytes, bBytes, deltaBytes].map(String),
  ]);
  return { columns, rows };
}

function titleOf({ model, setup, machine }: EstimateReport): string {
  const fits = machine ? ` · ${machine.gpu}: ${machine.verdict.replaceAll("-", " ")}` : "";
  const optimizer = setup.mode === "inference" ? "inference" : (setup.optimizer?.title ?? "no optimizer");
  const sequence = setup.sequence === null ? "" : ` · sequence ${setup.sequence}`;
  return `${model.name} · ${setup.precision} · ${optimizer} · ${formatBatch(setup)}${sequence}${fits}`;
}

/** What the figure is made of on either side, once where both say the same. */
function because(part: VersusReport["differences"][number]["part"], { a, b }: VersusReport): string {
  const [left, right] = [noteFor(part, a), noteFor(part, b)];
  return left === right ? left : `${left} -> ${right}`;
}

function delta(bytes: number): string {
  return bytes > 0 ? `+${formatBytes(bytes)}` : formatBytes(bytes);
}
