/** A chart of one setup, as SVG: pure, so that a page and a terminal draw alike. */
import { checkFlags } from "./check-options.js";
import { type Gpu, GPUS, type GpuId } from "./hardware/gpus.js";
import { usableMemory } from "./hardware/usable-memory.js";
import type { ImportedModel } from "./importers/model.js";
import { renderPlot } from "./present/svg/plot.js";
import { reportExplanation } from "./report/explain.js";
import { type PlotData, plotData } from "./report/plot.js";
import { type StepHistory, stepHistory } from "./report/step-history.js";
import { inputOf } from "./report-input.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";

/** Devices whose lines a batch curve shows beside the asked one. */
const USUAL: readonly GpuId[] = [
  "RTX-3060-12GB",
  "T4-16GB",
  "RTX-4090-24GB",
  "A100-40GB",
  "A100-80GB",
  "H200-141GB",
];

/** The picture of `--plot`. */
export function plot(model: ImportedModel, options: Options): string {
  return renderPlot(plotOf(model, options).data);
}

/** What charts are drawn of: the picture's data, and the step moment by moment for who looks closer. */
export function plotOf(
  model: ImportedModel,
  options: Options,
): { readonly data: PlotData; readonly history: StepHistory } {
  const report = reportExplanation(inputOf(model, options));
  const { resolved } = worstRank(model, resolveSetup(checkFlags(options), model));
  const { step, timeline, graph } = runPipeline(model, resolved, { moments: true });
  const history = stepHistory(step, timeline, graph);
  const usual = USUAL.map((name) => ({ name, capacityBytes: usableMemory(GPUS[name] as Gpu).bytes }));
  const asked = report.machine
    ? [{ name: report.machine.gpu, capacityBytes: report.machine.capacityBytes }]
    : [];
  const gpus = [...asked, ...usual.filter(({ name }) => name !== report.machine?.gpu)];
  return { data: plotData({ report, history, gpus }), history };
}
