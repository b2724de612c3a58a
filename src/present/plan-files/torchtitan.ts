/**
 * Plan → torchtitan's TOML, as it read until 2026-02 (9810191bb made configurations Python classes).
 *
 * Source  torchtitan/config/job_config.py, torchtitan 238fa995
 */
import type { Plan, PlanReport } from "../../report/plan/report.js";

export function torchtitanFile(plan: Plan, { globalBatch, sequence, model }: PlanReport): string {
  const { mesh, batch, accumulate, checkpointing, way } = plan;
  // a pipeline cuts its local batch into micro-batches
  const local = mesh.pp > 1 ? batch * accumulate : batch;
  const sections: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>> = {
    job: { description: `plimsoll plan: ${model.name}` },
    optimizer: { name: "AdamW", implementation: "fused" },
    training: {
      local_batch_size: local,
      global_batch_size: globalBatch,
      ...(sequence !== null && { seq_len: sequence }),
      dtype: "float32",
      mixed_precision_param: "bfloat16",
      mixed_precision_reduce: "float32",
    },
    parallelism: {
      data_parallel_replicate_degree: mesh.dp,
      data_parallel_shard_degree: mesh.fsdp,
      fsdp_reshard_after_forward: way === "fsdp" ? "always" : "never",
      tensor_parallel_degree: mesh.tp,
      context_parallel_degree: 1,
      pipeline_parallel_degree: mesh.pp,
      ...(mesh.pp > 1 && { pipeline_parallel_schedule: "1F1B", pipeline_parallel_microbatch_size: batch }),
    },
    activation_checkpoint: {
      mode: checkpointing === "selective=2" ? "selective" : checkpointing,
      ...(checkpointing === "selective=2" && { selective_ac_option: "op" }),
    },
    compile: { enable: false },
  };
  const lines = Object.entries(sections).map(
    ([name, keys]) =>
      `[${name}]\n${Object.entries(keys)
        .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
        .join("")}`,
  );
  return `# name the model and its tokenizer in [model]; PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True\n${lines.join("\n")}`;
}
