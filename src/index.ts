/**
 * How much GPU memory a PyTorch training step takes, computed before anything runs.
 *
 * Pure and isomorphic: no I/O, no clock, no locale. The same input gives the same answer, in Node and in browsers.
 */

export { InputError, printComplaint } from "./base/complaint.js";
export { byHand, byHandOf, type ByHandReport } from "./by-hand.js";
export type { Complaint, Diagnostic } from "./base/complaint.js";
export type { Source } from "./base/source.js";
export type { CatalogueFiles, ListedModel } from "./importers/catalogue/catalogue.js";
export type { ImportedModel } from "./importers/model.js";
export { checkFlags } from "./check-options.js";
export { advise } from "./advise.js";
export type { AdviceReport } from "./report/advice/report.js";
export { compare, type CompareOptions } from "./compare.js";
export { estimate, explain } from "./estimate.js";
export { fit, type FitOptions } from "./fit.js";
export { plan, type PlanOptions } from "./plan.js";
export type { PlanReport } from "./report/plan/report.js";
export { listModels } from "./list-models.js";
export { type LargestBatch, largestBatch } from "./search.js";
export {
  type FormatRow,
  type GpuRow,
  listFormats,
  listGpus,
  listOptimizers,
  listSettings,
  type OptimizerRow,
  type SettingRow,
} from "./tables.js";
export { layerWords } from "./layer-words.js";
export { plot, plotOf } from "./plot.js";
export type { PlotData } from "./report/plot.js";
export {
  aliveAt,
  columnsBetween,
  highestMoment,
  phaseAt,
  type StepHistory,
} from "./report/step-history.js";
export { readModel, readRecording } from "./read-model.js";
export type { ImportedRecording } from "./importers/recording.js";
export type { CompareReport, MachineProfile } from "./report/compare.js";
export type { ReadModelOptions } from "./read-model.js";
export type { FitReport } from "./report/fit.js";
export type { EstimateReport, ExplainReport } from "./report/report.js";
export type { Options } from "./settings.js";
