/**
 * Plan → DeepSpeed's JSON.
 *
 * Source  deepspeed/runtime/config.py, zero/config.py, zero/offload_config.py, precision_config.py, DeepSpeed edaa7221
 */
import type { Plan } from "../../report/plan/report.js";

export function deepspeedFile(plan: Plan): string {
  return `${JSON.stringify(deepspeedConfig(plan), null, 2)}\n`;
}

export function deepspeedConfig({
  mesh,
  batch,
  accumulate,
  zero,
  offload,
}: Plan): Readonly<Record<string, unknown>> {
  const host = { device: "cpu", pin_memory: true };
  const stage = {
    stage: zero ?? 0,
    ...(offload?.includes("optimizer") && { offload_optimizer: host }),
    ...(offload?.includes("parameters") && { offload_param: host }),
  };
  return {
    train_batch_size: batch * accumulate * mesh.dp,
    train_micro_batch_size_per_gpu: batch,
    gradient_accumulation_steps: accumulate,
    bf16: { enabled: true },
    // stage 1 adds micro-batches up in float32, as the plan is computed
    ...(zero === 1 && { data_types: { grad_accum_dtype: "fp32" } }),
    zero_optimization: stage,
  };
}
