import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Parameters, gradients and states shared out over several GPUs. */
export const sharding: AdviceRule = { id: "sharding", propose };

/** GPUs of one machine. */
const MACHINES = [2, 4, 8] as const;

function propose({ report, whatIf }: AdviceContext): Proposal[] {
  const { setup } = report;
  if (setup.mode !== "train" || setup.compile || setup.offload !== null || setup.quantize !== null) return [];
  const replicas = /^dp=(\d+)$/.exec(setup.parallel ?? "")?.[1];
  if (setup.parallel !== null && replicas === undefined) return [];
  const counts = replicas === undefined ? MACHINES : [Number(replicas)];
  const changeOf = (ranks: number) => ({ parallel: `fsdp=${ranks}` });
  const ranks = counts.find((count) => whatIf(changeOf(count))?.fits) ?? (counts.at(-1) as number);
  return [
    {
      id: "fsdp",
      group: "parallel",
      title: `fully_shard over ${ranks} GPUs`,
      change: changeOf(ranks),
      effect: replicas === undefined ? "hardware" : "same",
      price: "parameters are gathered for every block, forward and backward",
      code: {
        pytorch:
          "from torch.distributed.fsdp import fully_shard\nfor block in model.layers:\n    fully_shard(block)\nfully_shard(model)",
        transformers: 'TrainingArguments(fsdp="full_shard auto_wrap")',
        accelerate: `accelerate launch --use_fsdp --fsdp_version 2 --num_processes ${ranks} train.py`,
        deepspeed: '{"zero_optimization": {"stage": 3}}',
      },
    },
  ];
}
