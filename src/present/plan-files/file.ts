/** A plan as a file for the engine that is to run it. */
import type { Engine } from "../../report/plan/layout.js";
import type { Plan, PlanReport } from "../../report/plan/report.js";
import { accelerateFile } from "./accelerate.js";
import { deepspeedFile } from "./deepspeed.js";
import { fsdpFile } from "./fsdp.js";
import { megatronFile } from "./megatron.js";
import { torchtitanFile } from "./torchtitan.js";

/** One row per engine. */
const FILES: Readonly<Record<Engine, (plan: Plan, report: PlanReport) => string>> = {
  deepspeed: deepspeedFile,
  fsdp: fsdpFile,
  torchtitan: torchtitanFile,
  megatron: megatronFile,
  accelerate: accelerateFile,
};

/** The best plan that the engine can run; null where none is. */
export function renderPlanFile(report: PlanReport, engine: Engine): string | null {
  const plan = report.plans.find(({ engines }) => engines.includes(engine));
  return plan ? FILES[engine](plan, report) : null;
}
