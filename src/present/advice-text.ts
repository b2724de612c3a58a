/** `plimsoll advise` in a terminal: what makes it fit, then every change with its price and how to apply it. */
import type { AdvisedChange, AdvisedCombination, AdviceReport } from "../report/advice/report.js";
import { type Cell, fold, renderTable } from "./layout.js";
import type { List } from "./list.js";
import { createPaint, type Paint } from "./style.js";
import { formatBytes } from "./units.js";

export interface AdviceTextOptions {
  readonly width?: number;
  readonly color?: boolean;
  /** The table alone. */
  readonly quiet?: boolean;
}

const LIBRARIES = ["pytorch", "transformers", "accelerate", "deepspeed", "keras"] as const;
const EFFECTS: Readonly<Record<AdvisedChange["effect"], string>> = {
  same: "same result",
  rounding: "rounding",
  recipe: "another recipe",
  optimizer: "another optimizer",
  adapters: "trains less",
  hardware: "more GPUs",
};

export function renderAdvice(report: AdviceReport, options: AdviceTextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const blocks = [
    [`  ${paint.bold(`${report.model.name} on ${report.machine.gpu}`)}: ${verdictOf(report)}`],
    planLines(report, width, paint),
    changeTable(report, width, paint),
  ];
  if (!options.quiet)
    blocks.push(
      frontLines(report, width, paint),
      report.changes.slice(0, MOST_CODE).flatMap((change) => codeLines(change, width, paint)),
      fold(roofline(report), width, "  ", "  ").map(paint.dim),
    );
  return `\n${blocks
    .filter(({ length }) => length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n")}`;
}

/** Changes whose code is shown; --json has all. */
const MOST_CODE = 5;

/** GitHub-flavoured Markdown. */
export function renderAdviceMarkdown(report: AdviceReport): string {
  const { plan } = report;
  const rows = report.changes.map(
    (change) =>
      `| ${change.title} | ${formatBytes(change.savedBytes)} | ${change.fits ? "fits" : formatBytes(change.deviceTotalBytes)} | ${timeOf(change)} | ${EFFECTS[change.effect]} | \`${change.flags}\` |`,
  );
  const code = report.changes.slice(0, MOST_CODE).flatMap((change) => [
    `#### ${change.title}`,
    "",
    `${change.price}.`,
    "",
    ...LIBRARIES.flatMap((library) => {
      const text = change.code[library];
      return text === undefined ? [] : [`*${library}*`, "", "```python", text, "```", ""];
    }),
  ]);
  const together = plan
    ? [
        `**Together** ${plan.ids.join(" + ")}: ${formatBytes(plan.deviceTotalBytes)}, ${plan.fits ? "fits" : "still too much"}, ${timeOf(plan)}. \`${plan.flags}\``,
        "",
      ]
    : [];
  return [
    `### ${report.model.name} on ${report.machine.gpu}: ${verdictOf(report)}`,
    "",
    ...together,
    "| change | saves | then | time | effect | flags |",
    "| --- | ---: | ---: | ---: | --- | --- |",
    ...rows,
    "",
    ...code,
    roofline(report),
    "",
  ].join("\n");
}

/** For CSV: one line per change. */
export function adviceList({ changes }: AdviceReport): List {
  const columns = ["change", "savedBytes", "deviceTotalBytes", "fits", "relativeTime", "effect", "flags"];
  const rows = changes.map((each) => [
    each.id,
    String(each.savedBytes),
    String(each.deviceTotalBytes),
    String(each.fits),
    each.relativeTime.toFixed(3),
    each.effect,
    each.flags,
  ]);
  return { columns: columns.map((title) => ({ title, align: "left" as const })), rows };
}

function verdictOf({ machine, now }: AdviceReport): string {
  const { capacityBytes, verdict } = machine;
  return verdict === "does-not-fit"
    ? `${formatBytes(now.deviceTotalBytes)} on ${formatBytes(capacityBytes)}, ${formatBytes(Math.max(0, now.deviceTotalBytes - capacityBytes))} too much`
    : `${formatBytes(now.deviceTotalBytes)} of ${formatBytes(capacityBytes)}, it fits`;
}

function timeOf({ relativeTime }: { readonly relativeTime: number }): string {
  return `${relativeTime.toFixed(2)}x`;
}

function planLines({ plan, machine, changes }: AdviceReport, width: number, paint: Paint): string[] {
  if (!plan)
    return machine.verdict === "does-not-fit"
      ? [`  ${paint.bad("nothing that is known makes it smaller")}`]
      : [];
  const titles = plan.ids.map((id) => changes.find((change) => change.id === id)?.title ?? id);
  const say = plan.fits ? paint.good : paint.bad;
  const result = `${plan.fits ? "fits" : "still too much"}: ${formatBytes(plan.deviceTotalBytes)}, ${timeOf(plan)} the time`;
  return [
    `  ${say(result)}`,
    ...titles.map((title, i) => `  ${i + 1}. ${title}`),
    ...fold(plan.flags, width, "     ", "     ").map(paint.dim),
  ];
}

function changeTable({ changes }: AdviceReport, width: number, paint: Paint): string[] {
  const head = ["saves", "then", "time", "change", "effect"].map(
    (text): Cell => ({ text, paint: paint.dim }),
  );
  const rows = changes.map((change): Cell[] => [
    { text: formatBytes(change.savedBytes) },
    { text: formatBytes(change.deviceTotalBytes), ...(change.fits && { paint: paint.good }) },
    { text: timeOf(change) },
    { text: `${change.fits ? "✓ " : "  "}${change.title}` },
    { text: EFFECTS[change.effect], paint: paint.dim },
  ]);
  const columns = [
    { align: "right" },
    { align: "right" },
    { align: "right" },
    { align: "left", least: 20 },
    { align: "left", least: 11 },
  ] as const;
  return changes.length === 0 ? [] : renderTable({ columns, rows: [head, ...rows], width });
}

function frontLines({ front }: AdviceReport, width: number, paint: Paint): string[] {
  if (front.length < 2) return [];
  const rows = front.map((each: AdvisedCombination): Cell[] => [
    { text: timeOf(each) },
    { text: formatBytes(each.deviceTotalBytes), ...(each.fits && { paint: paint.good }) },
    { text: each.ids.join(" + ") || "as asked" },
  ]);
  const columns = [{ align: "right" }, { align: "right" }, { align: "left", least: 20 }] as const;
  return [`  ${paint.bold("memory against time")}`, ...renderTable({ columns, rows, width })];
}

function codeLines({ title, price, code }: AdvisedChange, width: number, paint: Paint): string[] {
  const lines = LIBRARIES.flatMap((library) => {
    const text = code[library];
    if (text === undefined) return [];
    return text.split("\n").map((line, i) => `    ${paint.dim((i === 0 ? library : "").padEnd(13))}${line}`);
  });
  return [`  ${paint.bold(title)}`, ...fold(price, width, "    ", "    ").map(paint.dim), ...lines, ""];
}

function roofline({ roofline: basis }: AdviceReport): string {
  const peaks =
    basis === "stated" ? "the device's peaks" : "peaks in an A100's ratio to the device's bandwidth";
  return `every line is simulated; times are ratios by the roofline, from ${peaks}: no launch overheads, no overlap`;
}
