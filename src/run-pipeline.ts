/** One model at one setup through the pipeline. */
import { type Analysis, analyze, plan } from "./analyze.js";
import { atBatch, type BoundModel, bindModel } from "./bind-model.js";
import { InputError, tooLarge } from "./complaints.js";
import type { ImportedModel } from "./importers/model.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import type { PlannedStep } from "./report/formula.js";
import type { ResolvedSetup } from "./resolve-setup.js";

export interface Run extends Analysis {
  readonly diagnostics: BoundModel["diagnostics"];
  /** The device filled up; `timeline` is then that of one that never does. */
  readonly outOfMemory: boolean;
}

export interface RunOptions {
  /** Write down every moment of the last step. */
  readonly moments?: boolean;
}

export function runPipeline(model: ImportedModel, resolved: ResolvedSetup, options: RunOptions = {}): Run {
  const { setup, machine, bindings } = resolved;
  return counted(model, setup.batch, () => {
    const { graph, diagnostics } = bindModel(model, bindings, setup);
    const analysis = analyze(graph, setup, machine, options);
    if (!analysis.timeline.outOfMemory) return { ...analysis, diagnostics, outOfMemory: false };
    const timeline = simulateMemory(
      analysis.step,
      { ...machine, capacity: null },
      {
        ...options,
        allocator: setup.allocator,
      },
    );
    return { ...analysis, timeline, diagnostics, outOfMemory: true };
  });
}

/** The step at another batch, without running it through an allocator. */
export function planAtBatch(model: ImportedModel, resolved: ResolvedSetup, batch: number): PlannedStep {
  const setup = { ...resolved.setup, batch };
  return counted(model, batch, () => {
    const bound = bindModel(model, atBatch(resolved.bindings, batch), setup);
    return { step: plan(bound.graph, setup, resolved.machine).step, batch };
  });
}

/** As `planAtBatch`; null where the model cannot take the batch. */
export function planIfPossible(
  model: ImportedModel,
  resolved: ResolvedSetup,
  batch: number,
): PlannedStep | null {
  try {
    return planAtBatch(model, resolved, batch);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

/** Sizes beyond exact whole numbers are the user's to fix: `bytes()` refuses them with a RangeError. */
function counted<T>(model: ImportedModel, batch: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError && error.message.endsWith("is not a byte count"))
      throw tooLarge(model.source, batch);
    throw error;
  }
}
