/** `plimsoll plan`: how to spread a model over a cluster, or the file for the engine that runs it. */
import type { PlanOptions, PlanReport } from "../../index.js";
import { plan } from "../../plan.js";
import { planList, renderPlan, renderPlanMarkdown } from "../../present/plan-text.js";
import { renderJson } from "../../present/json.js";
import { renderListCsv } from "../../present/csv.js";
import { renderPlanFile } from "../../present/plan-files/file.js";
import { EXIT } from "../exit-codes.js";
import { type ModelFlags, resolveFlags, withModel } from "../model-command.js";
import { print, terminalWidth, wantsColor } from "../terminal.js";

export interface PlanFlags extends Omit<ModelFlags, "emit"> {
  readonly emit?: NonNullable<PlanOptions["engine"]>;
  readonly nodes?: string;
  readonly globalBatch?: string;
  readonly intraGbps?: string;
  readonly interGbps?: string;
  readonly top?: string;
  readonly confidence?: string;
}

/** 1 when nothing fits: the nearest miss is printed. */
export async function runPlan(path: string, flags: PlanFlags): Promise<number> {
  const { emit, nodes, globalBatch, intraGbps, interGbps, top, confidence, ...rest } = flags;
  const given = { nodes, globalBatch, intraGbps, interGbps, top, confidence, engine: emit };
  const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const options: PlanOptions = { ...(await resolveFlags(rest)), ...asked };
  const report = await withModel(path, (model) => plan(model, options));
  await print(render(report, flags));
  return report.plans.length > 0 ? EXIT.done : EXIT.doesNotFit;
}

function render(report: PlanReport, flags: PlanFlags): string {
  if (flags.json) return renderJson(report);
  const file = flags.emit && renderPlanFile(report, flags.emit);
  if (file) return file;
  if (flags.csv) return renderListCsv(planList(report));
  if (flags.markdown) return renderPlanMarkdown(report);
  return renderPlan(report, {
    width: terminalWidth(),
    color: wantsColor(flags),
    quiet: flags.quiet === true,
  });
}
