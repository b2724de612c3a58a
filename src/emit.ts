/** What any stage of the pipeline made, as stable text (`--emit`). */
import { checkFlags } from "./check-options.js";
import type { ImportedModel } from "./importers/model.js";
import { printGraph } from "./ir/graph.js";
import { printStep } from "./ir/step.js";
import { printTape } from "./ir/tape.js";
import { printTimeline } from "./ir/timeline.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";

export const STAGES = ["graph", "tape", "step", "timeline"] as const;
export type Stage = (typeof STAGES)[number];

export function emitStage(model: ImportedModel, options: Options, stage: Stage): string {
  const checked = checkFlags(options);
  const { resolved } = worstRank(model, resolveSetup(checked, model));
  const { graph, tape, step, timeline } = runPipeline(model, resolved, { moments: stage === "timeline" });
  switch (stage) {
    case "graph":
      return printGraph(graph);
    case "tape":
      return printTape(tape);
    case "step":
      return printStep(step);
    case "timeline":
      return printTimeline(timeline);
  }
}
