/** `plimsoll plan` in a terminal: the plans that fit, what the best one's time goes to, and why others are not there. */
import type { Plan, PlanReport, PlanSetup, RejectedPlan } from "../report/plan/report.js";
import { type Cell, fold, renderTable } from "./layout.js";
import type { List } from "./list.js";
import { createPaint } from "./style.js";
import { formatBytes, formatCount } from "./units.js";

export interface PlanTextOptions {
  readonly width?: number;
  readonly color?: boolean;
  /** Plans only. */
  readonly quiet?: boolean;
}

export function renderPlan(report: PlanReport, options: PlanTextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const [best] = report.plans;
  const say = best ? paint.good : paint.bad;
  const blocks = [fold(titleOf(report), width, "  ", "    ").map(say)];
  if (best) {
    blocks.push(tableOf(report.plans, width, paint.dim));
    blocks.push(
      report.plans.flatMap((each, i) => fold(`${i + 1}  ${each.why.join(", ")}`, width, "  ", "     ")),
    );
    blocks.push(fold(`plimsoll estimate … --gpu ${report.cluster.gpu} ${best.flags}`, width, "  ", "    "));
  }
  if (!options.quiet)
    blocks.push(notesOf(report).flatMap((note) => fold(note, width, "  ", "    ").map(paint.dim)));
  return `\n${blocks.map((block) => `${block.join("\n")}\n`).join("\n")}`;
}

/** For CSV: one line per plan. */
export function planList({ plans }: PlanReport): List {
  const titles = [
    "parallel",
    "way",
    "batch",
    "accumulate",
    "checkpointing",
    "offload",
    "deviceTotalBytes",
    "headroomBytes",
    "stepSeconds",
    "relativeStepTime",
  ];
  const columns = titles.map((title) => ({ title, align: "left" as const }));
  const rows = plans.map((each) => [
    each.parallel,
    each.way,
    String(each.batch),
    String(each.accumulate),
    each.checkpointing,
    each.offload ?? "",
    String(each.peak.deviceTotalBytes),
    String(each.headroomBytes),
    String(each.stepSeconds),
    String(each.relativeStepTime),
  ]);
  return { columns, rows };
}

/** GitHub-flavoured Markdown: the same. */
export function renderPlanMarkdown(report: PlanReport): string {
  const head =
    "| plan | micro-batch x accumulation | checkpointing | device total | step time | why |\n| --- | --- | --- | ---: | ---: | --- |";
  const rows = report.plans.map(
    (each) =>
      `| ${nameOf(each)} | ${each.batch} x ${each.accumulate} | ${each.checkpointing} | ${formatBytes(each.peak.deviceTotalBytes)} | ${timeOf(each)} | ${each.why.join(", ")} |`,
  );
  const table = report.plans.length > 0 ? `\n${[head, ...rows].join("\n")}\n` : "";
  return `### ${titleOf(report)}\n${table}\n${notesOf(report)
    .map((note) => `- ${note}\n`)
    .join("")}`;
}

function titleOf({ model, cluster, globalBatch, sequence, plans, confidence }: PlanReport): string {
  const { gpus, gpu, nodes } = cluster;
  const machines = nodes > 1 ? ` in ${formatCount(nodes)} machines` : "";
  const samples = `${formatCount(globalBatch)} samples${sequence === null ? "" : ` of ${formatCount(sequence)} tokens`} a step`;
  const verdict = plans.length > 0 ? `fits at ${Math.round(100 * confidence)} %` : "nothing fits";
  return `${model.name} on ${formatCount(gpus)} x ${gpu}${machines}, ${samples}: ${verdict}`;
}

/** `fsdp=8, FSDP2`. */
function nameOf({ parallel, title }: PlanSetup): string {
  return `${parallel === "none" ? "one GPU" : parallel}, ${title}`;
}

function timeOf({ relativeStepTime }: Plan): string {
  return `${relativeStepTime.toFixed(2)} x`;
}

function tableOf(plans: readonly Plan[], width: number, dim: (text: string) => string): string[] {
  const head = ["", "plan", "micro-batch", "checkpointing", "takes", "room", "time"].map(
    (text): Cell => ({ text, paint: dim }),
  );
  const rows = plans.map((each, i): Cell[] => [
    { text: String(i + 1) },
    { text: nameOf(each) },
    { text: `${each.batch} x ${each.accumulate}` },
    { text: each.checkpointing },
    { text: formatBytes(each.peak.deviceTotalBytes) },
    { text: formatBytes(each.headroomBytes) },
    { text: timeOf(each) },
  ]);
  const [left, right] = [{ align: "left" }, { align: "right" }] as const;
  return renderTable({
    columns: [right, left, right, left, right, right, right],
    rows: [head, ...rows],
    width,
  });
}

function missOf(each: RejectedPlan): string {
  const { batch, accumulate, checkpointing, missingBytes } = each;
  return `${nameOf(each)}, ${batch} x ${accumulate}, checkpointing ${checkpointing} lacks ${formatBytes(missingBytes)}`;
}

function notesOf({ rejected, counts, nearestMiss, assumptions }: PlanReport): string[] {
  const { weighed, overByBound, simulated, overBySimulation, overBesideOther, slower, refused } = counts;
  return [
    nearestMiss && `nearest miss: ${missOf(nearestMiss)}`,
    ...(nearestMiss ? [] : rejected.map((each) => `faster, but ${missOf(each)}`)),
    `${formatCount(weighed)} setups: ${formatCount(overByBound)} take more than there is by a quick bound, ${formatCount(simulated)} simulated (${formatCount(overBySimulation)} do not fit), ${formatCount(overBesideOther)} left out beside a lighter one that does not fit, ${formatCount(slower)} slower`,
    ...refused.map(({ parallel, because }) => `${parallel} left out: ${because}`),
    ...assumptions.map(({ setting, value, because }) => `${setting}: ${value} (${because})`),
  ].filter((note): note is string => typeof note === "string");
}
