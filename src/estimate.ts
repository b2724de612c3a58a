/** A model and a setup → the answer. */
import type { ImportedModel } from "./importers/model.js";
import { reportEstimate, reportExplanation } from "./report/explain.js";
import type { EstimateReport, ExplainReport } from "./report/report.js";
import { inputOf } from "./report-input.js";
import type { Options } from "./settings.js";

/** The answer to "how much memory": totals, peak, breakdown, formula, verdict. `JSON.stringify` prints the contract's JSON. */
export function estimate(model: ImportedModel, options: Options = {}): EstimateReport {
  return reportEstimate(inputOf(model, options));
}

/** As `estimate`, with every layer's receipts and every block alive at the peak. */
export function explain(model: ImportedModel, options: Options = {}): ExplainReport {
  return reportExplanation(inputOf(model, options));
}
