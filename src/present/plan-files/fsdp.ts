/**
 * Plan → Python that shards a transformers model with fully_shard as the plan says.
 *
 * Source  torch/distributed/fsdp (fully_shard, MixedPrecisionPolicy), distributed/device_mesh.py (init_device_mesh), torch 2.14.1
 */
import type { Plan } from "../../report/plan/report.js";

export function fsdpFile(plan: Plan): string {
  const { mesh, batch, accumulate, way, checkpointing } = plan;
  const axes = (
    [
      ["pp", mesh.pp],
      ["dp_replicate", mesh.dp],
      ["dp_shard", mesh.fsdp],
      ["tp", mesh.tp],
    ] as const
  ).filter(([axis, ranks]) => ranks > 1 || axis === "dp_shard");
  const names = axes.map(([name]) => JSON.stringify(name)).join(", ");
  const shape = axes.map(([, ranks]) => ranks).join(", ");
  const sharded = mesh.dp > 1 ? 'mesh["dp_replicate", "dp_shard"]' : 'mesh["dp_shard"]';
  const reshard = way === "fsdp" ? "None" : "False"; // None: blocks do, the root does not
  const notes = [
    mesh.tp > 1 && 'before this: parallelize_module(block, mesh["tp"], plan) for every block',
    mesh.pp > 1 &&
      "this rank's `blocks` are those of its stage; run it in a PipelineStage under Schedule1F1B",
    checkpointing !== "none" && `before this: wrap every block in checkpoint_wrapper, ${checkpointing}`,
  ].filter(Boolean);
  return [
    `# micro-batches of ${batch}, ${accumulate} of them a step; parameters loaded in float32`,
    ...notes.map((note) => `# ${note}`),
    "import torch",
    "from torch.distributed.device_mesh import init_device_mesh",
    "from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard",
    "",
    `mesh = init_device_mesh("cuda", mesh_shape=(${shape},), mesh_dim_names=(${names},))`,
    "policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)",
    "",
    "",
    "def shard(model, blocks):",
    "    for block in blocks:",
    `        fully_shard(block, mesh=${sharded}, mp_policy=policy, reshard_after_forward=${reshard})`,
    `    return fully_shard(model, mesh=${sharded}, mp_policy=policy, reshard_after_forward=${reshard})`,
    "",
    "",
    "optimizer = lambda model: torch.optim.AdamW(model.parameters(), fused=True)  # noqa: E731",
    "",
  ].join("\n");
}
