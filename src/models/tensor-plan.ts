/**
 * Which layers of a family share their matrices out over ranks, and which sizes of its configuration they divide.
 *
 * Source  base_model_tp_plan of the families' configuration classes, transformers 5.18; ColwiseParallel and RowwiseParallel
 *         of torch/distributed/tensor/parallel/style.py, torch 2.14.1
 */
import type { Graph } from "../ir/graph.js";
import { noTensorPlan } from "./complaints.js";
import type { Config } from "./config.js";

export interface TensorPlan {
  /** Layers by the last part of their path: each rank has a part of the outputs. */
  readonly columns: readonly string[];
  /** Each rank has a part of the inputs, and what the ranks get is added up. */
  readonly rows: readonly string[];
  /** Keys of the configuration that are divided, with what they stand for where it is left out. */
  readonly divided: readonly string[];
}

/** Layers of one drawing that are shared out over `ranks`. */
export interface TensorSplit extends TensorPlan {
  readonly ranks: number;
}

const GATED: TensorPlan = {
  columns: ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"],
  rows: ["o_proj", "down_proj"],
  divided: ["num_attention_heads", "num_key_value_heads", "intermediate_size"],
};

/** nanotron's, which shares the vocabulary and the sequence out, too: its layers are drawn as such. */
const NANOTRON: TensorPlan = {
  columns: ["qkv_proj", "gate_up_proj", "lm_head", "token_embedding"],
  rows: ["o_proj", "down_proj"],
  divided: ["num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size"],
};

/** By `model_type`. */
const TENSOR_PLANS: Readonly<Record<string, TensorPlan>> = {
  llama: GATED,
  mistral: GATED,
  ministral: GATED,
  qwen2: GATED,
  qwen3: GATED,
  smollm3: GATED,
  gemma: GATED,
  gemma2: GATED,
  granite: GATED,
  nanotron_llama: NANOTRON,
};

/** The configuration of one rank: heads keep their size, there are fewer of them. */
export function ofOneRank(config: Config, { divided }: TensorPlan, ranks: number): Config {
  const heads = config.count("num_attention_heads");
  const head = config.has("head_dim")
    ? config.count("head_dim")
    : config.share(config.count("hidden_size"), heads, "num_attention_heads", "hidden_size");
  const sizes = divided.map((key): [string, number] => {
    const size = key === "num_key_value_heads" ? config.count(key, heads) : config.count(key);
    return [key, config.share(size, ranks, "--parallel tp", key)];
  });
  return config.with({ head_dim: head, ...Object.fromEntries(sizes) });
}

/** How the layer at `path` is shared out. */
export function splitOf(path: string, split: TensorSplit | null): "columns" | "rows" | null {
  if (!split) return null;
  const name = path.slice(path.lastIndexOf(".") + 1);
  if (split.columns.includes(name)) return "columns";
  return split.rows.includes(name) ? "rows" : null;
}

/** The plan of the family `type`. */
export function tensorPlanOf(type: string, source: string): TensorPlan {
  const plan = Object.hasOwn(TENSOR_PLANS, type) ? TENSOR_PLANS[type] : undefined;
  if (!plan) throw noTensorPlan(source, type, Object.keys(TENSOR_PLANS));
  return plan;
}

/** Marks the parameters of which a rank has one part: all of a layer's, but what is added after the sum. */
export function sharedOut(graph: Graph, split: TensorSplit | null): Graph {
  if (!split) return graph;
  const values = graph.values.map((value) => {
    const at = value.name.lastIndexOf(".");
    const how = value.role === "parameter" ? splitOf(value.name.slice(0, at), split) : null;
    const whole = how === null || (how === "rows" && value.name.endsWith(".bias"));
    return whole ? value : { ...value, parts: split.ranks };
  });
  return { ...graph, values };
}
