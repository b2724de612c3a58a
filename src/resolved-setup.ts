/** What options come to: the step, the machine, the sizes to bind, and every default that mattered. */
import type { ContextMemory } from "./hardware/contexts.js";
import type { Bindings } from "./importers/model.js";
import type { Machine, TrainingSetup } from "./ir/setup.js";
import type { Assumption, SetupReport } from "./report/report.js";

export interface ResolvedSetup {
  readonly setup: TrainingSetup;
  readonly machine: Machine;
  readonly context: ContextMemory;
  readonly bindings: Bindings;
  readonly report: SetupReport;
  readonly assumptions: readonly Assumption[];
}
