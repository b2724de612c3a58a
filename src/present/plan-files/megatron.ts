/**
 * Plan → arguments of Megatron-LM.
 *
 * Source  megatron/training/arguments.py, core/model_parallel_config.py, core/transformer/transformer_config.py, Megatron-LM d98e8a64
 */
import type { Plan, PlanReport } from "../../report/plan/report.js";

export function megatronFile(plan: Plan, { globalBatch, sequence }: PlanReport): string {
  const { mesh, batch, checkpointing, way } = plan;
  const lines = [
    `--tensor-model-parallel-size ${mesh.tp}`,
    `--pipeline-model-parallel-size ${mesh.pp}`,
    `--micro-batch-size ${batch}`,
    `--global-batch-size ${globalBatch}`,
    ...(sequence === null ? [] : [`--seq-length ${sequence}`, `--max-position-embeddings ${sequence}`]),
    "--bf16",
    ...(way === "megatron-sharded" ? ["--use-distributed-optimizer", "--overlap-param-gather"] : []),
    "--overlap-grad-reduce",
    ...(checkpointing === "full"
      ? ["--recompute-granularity full", "--recompute-method uniform", "--recompute-num-layers 1"]
      : []),
  ];
  return `${lines.join(" \\\n")}\n`;
}
