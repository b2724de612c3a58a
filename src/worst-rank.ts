/** Setup → the rank that takes most: of a pipeline every stage is computed, else all ranks are alike. */
import type { ImportedModel } from "./importers/model.js";
import type { StageReport } from "./report/report.js";
import type { ResolvedSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";

export interface WorstRank {
  readonly resolved: ResolvedSetup;
  /** Every stage in order; empty when there is one. */
  readonly stages: readonly StageReport[];
}

export function worstRank(model: ImportedModel, resolved: ResolvedSetup): WorstRank {
  const { parallel } = resolved.setup;
  const count = parallel?.mesh.pp ?? 1;
  if (!parallel || count === 1) return { resolved, stages: [] };
  const ranks = Array.from({ length: count }, (_, stage) => ({
    ...resolved,
    setup: { ...resolved.setup, parallel: { ...parallel, stage } },
  }));
  const stages = ranks.map((rank, stage): StageReport => {
    const { timeline } = runPipeline(model, rank);
    return { stage, allocatedBytes: timeline.steady.peak.allocated, reservedBytes: timeline.reserved };
  });
  const most = Math.max(...stages.map(({ reservedBytes }) => reservedBytes));
  const worst = stages.findIndex(({ reservedBytes }) => reservedBytes === most);
  return { resolved: ranks[worst] ?? resolved, stages };
}
