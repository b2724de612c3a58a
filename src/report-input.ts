/** Options → everything a report is made of: the pipeline's structures, assumptions and warnings. */
import type { Diagnostic } from "./base/complaint.js";
import { checkFlags } from "./check-options.js";
import { closedForm } from "./closed-form.js";
import type { ImportedModel } from "./importers/model.js";
import type { TrainingSetup } from "./ir/setup.js";
import type { ReportInput } from "./report/explain.js";
import { jaxNotes } from "./resolve-jax.js";
import { tensorflowNotes } from "./resolve-tensorflow.js";
import { convolutionNotes, resolveSetup } from "./resolve-setup.js";
import { type Run, runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";

/** The allocator gives cached memory back when the device is full: it fits, but every step waits for it. */
function retryNotes({ timeline: { retries }, graph }: Run): Diagnostic[] {
  if (retries === 0) return [];
  const message = `the device fills up: in three steps cached memory is given back ${retries} times (num_alloc_retries), and each time the GPU waits`;
  return [{ code: "memory/retries", severity: "warning", message, where: graph.name }];
}

/** Checkpointing found nothing to take: the model's modules are in no numbered list. */
function checkpointNotes({ graph }: Run): Diagnostic[] {
  if (graph.checkpoints?.length !== 0) return [];
  const message =
    "no blocks to checkpoint: no module is an entry of a list and has modules inside, so nothing is computed again";
  return [{ code: "training/no-blocks", severity: "warning", message, where: graph.name }];
}

/**
 * Buffers of NCCL lie outside the allocator and are not counted: they grow with channels, connected peers and communicators
 * (github.com/NVIDIA/nccl issues 864, 986, 1685).
 */
function communicationNotes({ graph }: Run, { parallel }: TrainingSetup): Diagnostic[] {
  if (!parallel) return [];
  const message =
    "NCCL's own buffers are not counted: up to several GiB a rank, by channels, peers and communicators (4.3 GB were seen on eight H100s)";
  return [{ code: "parallel/nccl", severity: "warning", message, where: graph.name }];
}

/** One model at one setup through the pipeline, with what the report says beside it. */
export function inputOf(model: ImportedModel, options: Options): ReportInput {
  const checked = checkFlags(options);
  const { resolved, stages } = worstRank(model, resolveSetup(checked, model));
  const { setup, machine, context, report: settings, assumptions } = resolved;
  const run = runPipeline(model, resolved);
  const { graph, tape, step, timeline, outOfMemory } = run;
  const convolutions = convolutionNotes(graph, resolved);
  return {
    name: model.name,
    source: model.source,
    setup,
    settings,
    machine,
    context,
    graph,
    tape,
    step,
    timeline,
    outOfMemory,
    stages,
    assumptions: [...assumptions, ...convolutions.assumptions],
    diagnostics: [
      ...run.diagnostics,
      ...convolutions.diagnostics,
      ...retryNotes(run),
      ...checkpointNotes(run),
      ...communicationNotes(run, setup),
      ...tensorflowNotes(resolved, graph.name),
      ...jaxNotes(resolved, graph),
    ],
    formula: () => closedForm(model, resolved, { step, batch: setup.batch }),
  };
}
