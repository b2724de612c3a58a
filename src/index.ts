/**
 * How much GPU memory a PyTorch training step takes, computed before anything runs.
 *
 * Pure and isomorphic: no I/O, no clock, no locale. The same input gives the same answer, in Node and in browsers.
 */
import { checkFlags } from "./check-options.js";
import type { Diagnostic } from "./base/complaint.js";
import { closedForm } from "./closed-form.js";
import type { ImportedModel } from "./importers/model.js";
import { type ReportInput, reportEstimate, reportExplanation } from "./report/explain.js";
import type { EstimateReport, ExplainReport } from "./report/report.js";
import type { TrainingSetup } from "./ir/setup.js";
import { convolutionNotes, resolveSetup } from "./resolve-setup.js";
import { type Run, runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";

export { InputError, printComplaint } from "./base/complaint.js";
export { byHand, type ByHandReport } from "./by-hand.js";
export type { Complaint, Diagnostic } from "./base/complaint.js";
export type { Source } from "./base/source.js";
export type { CatalogueFiles, ListedModel } from "./importers/catalogue/catalogue.js";
export type { ImportedModel } from "./importers/model.js";
export { fit, type FitOptions } from "./fit.js";
export { listModels } from "./list-models.js";
export { readModel } from "./read-model.js";
export type { ReadModelOptions } from "./read-model.js";
export type { FitReport } from "./report/fit.js";
export type { EstimateReport, ExplainReport } from "./report/report.js";
export type { Options } from "./settings.js";

/** The answer to "how much memory": totals, peak, breakdown, formula, verdict. `JSON.stringify` prints the contract's JSON. */
export function estimate(model: ImportedModel, options: Options = {}): EstimateReport {
  return reportEstimate(inputOf(model, options));
}

/** As `estimate`, with every layer's receipts and every block alive at the peak. */
export function explain(model: ImportedModel, options: Options = {}): ExplainReport {
  return reportExplanation(inputOf(model, options));
}

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

function inputOf(model: ImportedModel, options: Options): ReportInput {
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
    ],
    formula: () => closedForm(model, resolved, { step, batch: setup.batch }),
  };
}
