/** One way to run a step on a cluster, and the table of what engines can do. */
import type { Mesh } from "../../ir/setup.js";
import type { PlanCheckpointing } from "./pass-seconds.js";

export type WayId =
  | "fsdp"
  | "fsdp-whole"
  | "zero1"
  | "zero2"
  | "zero3"
  | "zero1-offload"
  | "zero2-offload"
  | "zero3-offload"
  | "zero3-offload-all"
  | "megatron"
  | "megatron-sharded";

export type Engine = "deepspeed" | "fsdp" | "torchtitan" | "megatron" | "accelerate";

/** All train in bf16 with float32 masters and states. Bytes per parameter of one rank. */
export interface Way {
  readonly title: string;
  /** Axes that may have more than one rank; the last of dp and fsdp here must have. */
  readonly axes: readonly (keyof Mesh)[];
  /** Over which axis shares are made. */
  readonly shards: "dp" | "fsdp" | null;
  /** There all through the step on every rank, and what is shared out over `shards`. */
  readonly resident: { readonly whole: number; readonly shared: number };
  /** Gradients when backward is done: whole or shared out. */
  readonly gradients: { readonly whole: number; readonly shared: number };
  /** Sent per parameter: gathered in every pass, and reduced in every micro-batch or once a step. */
  readonly gathers: { readonly bytes: number; readonly passes: 0 | 1 | 2 };
  readonly reduces: { readonly bytes: number; readonly every: "micro-batch" | "step" };
  /** Bytes per parameter of this rank's share, to and from the host in a step. */
  readonly host: number;
  readonly checkpointing: readonly PlanCheckpointing[];
  readonly engines: readonly Engine[];
  /** zero and offload of the report. */
  readonly zero: 1 | 2 | 3 | null;
  readonly offload: string | null;
}

/** What a plan is made of; with the model and the cluster it decides memory and time. */
export interface Layout {
  readonly way: WayId;
  readonly mesh: Mesh;
  readonly batch: number;
  readonly accumulate: number;
  readonly checkpointing: PlanCheckpointing;
}

const ALL: readonly PlanCheckpointing[] = ["none", "selective=2", "full"];
const PLAIN: readonly PlanCheckpointing[] = ["none", "full"];

const SHARDED = {
  shards: "fsdp",
  axes: ["dp", "fsdp", "tp", "pp"],
  resident: { whole: 0, shared: 12 }, // float32 parameters, exp_avg, exp_avg_sq
  gradients: { whole: 0, shared: 4 },
  reduces: { bytes: 4, every: "micro-batch" },
  host: 0,
  checkpointing: ALL,
  zero: null,
  offload: null,
} as const;

const ZERO = { shards: "dp", checkpointing: PLAIN, host: 0, offload: null } as const;
const DEEPSPEED: readonly Engine[] = ["deepspeed", "accelerate"];
/** Gradients go to the host in 16 bits, and new parameters come back. */
const OFFLOADED = { host: 4, offload: "optimizer" } as const;

/**
 * Sources  what each engine's hooks allocate is in training/parallel, with the files it follows; here are the bytes that
 *          follow from them, as a bound from below, and what is sent: torch/distributed/fsdp/_fully_shard/_fsdp_collectives.py,
 *          deepspeed/runtime/zero/stage_1_and_2.py and stage3.py, megatron/core/distributed/param_and_grad_buffer.py
 */
// biome-ignore format: a table
export const WAYS: Readonly<Record<WayId, Way>> = {
  fsdp:        { ...SHARDED, title: "FSDP2", gathers: { bytes: 2, passes: 2 }, engines: ["fsdp", "torchtitan", "accelerate"] },
  "fsdp-whole": { ...SHARDED, title: "FSDP2, never resharded", gathers: { bytes: 2, passes: 1 }, engines: ["fsdp", "torchtitan", "accelerate"] },
  zero1:       { ...ZERO, title: "ZeRO 1", axes: ["dp"], resident: { whole: 2, shared: 12 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 0, passes: 0 }, reduces: { bytes: 4, every: "step" }, engines: DEEPSPEED, zero: 1 },
  zero2:       { ...ZERO, title: "ZeRO 2", axes: ["dp"], resident: { whole: 2, shared: 12 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 0, passes: 0 }, reduces: { bytes: 2, every: "micro-batch" }, engines: DEEPSPEED, zero: 2 },
  zero3:       { ...ZERO, title: "ZeRO 3", axes: ["dp"], resident: { whole: 0, shared: 14 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 2, passes: 2 }, reduces: { bytes: 2, every: "micro-batch" }, engines: DEEPSPEED, zero: 3 },
  "zero1-offload": { ...ZERO, ...OFFLOADED, title: "ZeRO 1, optimizer on the host", axes: ["dp"], resident: { whole: 2, shared: 0 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 0, passes: 0 }, reduces: { bytes: 4, every: "step" }, engines: DEEPSPEED, zero: 1 },
  "zero2-offload": { ...ZERO, ...OFFLOADED, title: "ZeRO 2, optimizer on the host", axes: ["dp"], resident: { whole: 2, shared: 0 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 0, passes: 0 }, reduces: { bytes: 2, every: "micro-batch" }, engines: DEEPSPEED, zero: 2 },
  "zero3-offload": { ...ZERO, ...OFFLOADED, title: "ZeRO 3, optimizer on the host", axes: ["dp"], resident: { whole: 0, shared: 2 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 2, passes: 2 }, reduces: { bytes: 2, every: "micro-batch" }, engines: DEEPSPEED, zero: 3 },
  "zero3-offload-all": { ...ZERO, title: "ZeRO 3, all on the host", axes: ["dp"], resident: { whole: 0, shared: 0 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 2, passes: 2 }, reduces: { bytes: 2, every: "micro-batch" }, host: 8, engines: DEEPSPEED, zero: 3, offload: "optimizer,parameters" },
  megatron:    { title: "Megatron-LM", shards: "dp", axes: ["dp", "tp", "pp"], resident: { whole: 18, shared: 0 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 0, passes: 0 }, reduces: { bytes: 8, every: "step" }, host: 0, checkpointing: PLAIN, engines: ["megatron"], zero: null, offload: null },
  "megatron-sharded": { title: "Megatron-LM, distributed optimizer", shards: "dp", axes: ["dp", "tp", "pp"], resident: { whole: 6, shared: 12 }, gradients: { whole: 0, shared: 0 }, gathers: { bytes: 0, passes: 0 }, reduces: { bytes: 6, every: "step" }, host: 0, checkpointing: PLAIN, engines: ["megatron"], zero: null, offload: null },
};

export const WAY_IDS = Object.keys(WAYS) as WayId[]; // keys of a literal

/** Whether an engine's hooks of this way can have such a mesh. */
export function takes(way: WayId, mesh: Mesh): boolean {
  const { axes, shards } = WAYS[way];
  const fits = (["dp", "fsdp", "tp", "pp"] as const).every((axis) => mesh[axis] === 1 || axes.includes(axis));
  if (!fits) return false;
  if (way === "megatron") return true; // tp and pp alone have no replicas
  return shards !== null && mesh[shards] > 1;
}
