/**
 * Mixtures of experts: tokens are sorted by expert and multiplied group by group, as transformers does on CUDA.
 *
 * Source  transformers 5.18: integrations/moe.py grouped_mm_experts_forward,
 *         models/{mixtral,qwen2_moe,qwen3_moe,olmoe,deepseek_v3}/modeling_*.py
 * `T` tokens, `K` experts per token, `W` width. Every token goes to K experts, so no size depends on the routing.
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { linear } from "./linear.js";
import { gatedMlp } from "./mlp.js";

export interface MixtureSizes {
  readonly width: number;
  /** Width inside one expert. */
  readonly inner: number;
  readonly experts: number;
  readonly perToken: number;
}

export interface MixtureStyle {
  /** Whether the weights of a token's experts are made to add up to one. */
  readonly normalizes: boolean;
  /**
   * Softmax over float32 logits inside the kernel, and weights in the logits' type; all of it in float32; or float32 over the
   * best of them alone, and weights in the states' type.
   */
  readonly scores: "cast" | "float32" | "best-first";
  /** The router is defined before the experts. */
  readonly routerFirst?: boolean;
  /** An expert that sees every token, behind a gate of its own. */
  readonly shared?: number;
  /** Name of the router, and of the block's class behind the family's name. */
  readonly router?: string;
  readonly kind?: string;
}

export interface Routing {
  readonly logits: ValueId;
  /** [T, K] */
  readonly weights: ValueId;
  readonly experts: ValueId;
}

/** The block in place of a feed-forward one: [B, S, W] to the same. */
export function mixture(
  m: Module,
  sizes: MixtureSizes,
  style: MixtureStyle,
  act: (m: Module) => Layer,
  name: string,
): Layer {
  const early =
    style.routerFirst || style.shared ? router(m.child(style.router ?? "gate"), sizes, style, name) : null;
  const run = experts(m.child("experts"), sizes, act, `${name}Experts`);
  const route = early ?? router(m.child(style.router ?? "gate"), sizes, style, name);
  const { width } = sizes;
  const shared = style.shared
    ? gatedMlp(m.child("shared_expert"), { width, inner: style.shared, bias: false }, act, `${name}MLP`)
    : null;
  const gate = shared ? linear(m.child("shared_expert_gate"), width, 1, false) : null;
  return m.layer(`${name}${style.kind ?? "SparseMoeBlock"}`, (f, states: ValueId) => {
    const [B, S] = f.shape(states) as readonly [number, number, number];
    const rows = f.set("hidden_states_reshaped", f.view(states, [-1, width]));
    const always = shared ? f.set("shared_expert_output", shared(f, rows)) : null;
    const { logits, weights, experts: chosen } = route(f, rows);
    f.set("_", logits);
    f.set("routing_weights", weights);
    f.set("selected_experts", chosen);
    let out = f.set("final_hidden_states", run(f, rows, chosen, weights));
    if (always !== null && gate) {
      const gated = f.set("shared_expert_output", f.mul(f.apply("sigmoid", gate(f, rows)), always));
      out = f.set("final_hidden_states", f.add(out, gated));
    }
    return f.reshape(out, [B, S, width]);
  });
}

function router(
  m: Module,
  { width, experts, perToken }: MixtureSizes,
  { scores, normalizes }: MixtureStyle,
  name: string,
): Layer<[ValueId], Routing> {
  const weight = m.parameter("weight", [experts, width]);
  const best = (f: Frame, self: ValueId) =>
    f.ops("topk", { self }, { k: perToken, dim: -1 }) as [ValueId, ValueId];
  if (scores === "best-first")
    return m.layer(`${name}TopKRouter`, (f, rows: ValueId) => {
      const product = f.op("linear", { input: rows, weight, bias: null });
      const logits = f.set("router_logits", f.to(product, "float32"));
      const [top, indices] = best(f, logits);
      f.set("top_k_logits", top);
      const weights = f.toTypeOf(f.apply("softmax", top, { dim: -1 }), rows);
      return { logits, weights: f.set("top_k_weights", weights), experts: indices };
    });
  return m.layer(`${name}TopKRouter`, (f, states: ValueId) => {
    const rows = f.set("hidden_states", f.reshape(states, [-1, width]));
    const logits = f.set("router_logits", f.op("linear", { input: rows, weight, bias: null }));
    const probabilities =
      scores === "cast"
        ? f.apply("softmax", logits, { dim: -1, dtype: "float32" })
        : f.apply("softmax", f.to(logits, "float32"), { dim: -1 });
    f.set("router_probs", probabilities);
    const [top, indices] = best(f, probabilities);
    let weights = f.set("router_top_value", top);
    if (normalizes) {
      const sum = f.apply("sum", weights, { dim: [-1], keepdim: true });
      weights = f.set("router_top_value", f.op("div", { self: weights, other: sum }, { inPlace: true }));
    }
    if (scores === "cast") weights = f.set("router_top_value", f.toTypeOf(weights, logits));
    return { logits, weights, experts: indices };
  });
}

/** Every token's experts, weighted and added up: rows, chosen experts and weights to rows. */
export function experts(
  m: Module,
  { width, inner, experts: count, perToken }: MixtureSizes,
  act: (m: Module) => Layer,
  name: string,
): Layer<[ValueId, ValueId, ValueId]> {
  const gateUp = m.parameter("gate_up_proj", [count, 2 * inner, width]);
  const down = m.parameter("down_proj", [count, width, inner]);
  const activate = act(m.child("act_fn"));
  return m.layer(name, (f, states: ValueId, chosen: ValueId, weights: ValueId) => {
    const tokens = f.shape(states)[0] as number;
    const rows = tokens * perToken;
    const flatWeights = f.set("sample_weights", f.reshape(weights, [-1]));
    const ids = f.set("expert_ids", f.reshape(chosen, [-1]));
    const [sorted, order] = f.ops("sort", { self: ids }) as [ValueId, ValueId];
    f.set("expert_ids_g", sorted);
    f.set("perm", order);
    const from = f.op("floorDivide", { self: order }, { other: perToken });
    const taken = f.set("selected_hidden_states_g", f.op("index", { self: states, indices: [from] }));
    const scales = f.set("sample_weights_g", f.op("index", { self: flatWeights, indices: [order] }));
    const whole = f.set("histc_input", f.to(sorted, "int32"));
    const counts = f.set("tokens_per_expert", f.apply("histc", whole, { bins: count }));
    const offsets = f.set("offsets", f.apply("cumsum", counts, { dim: 0, dtype: "int32" }));
    let out = f.set("proj_out", groupedLinear(f, taken, gateUp, offsets));
    out = f.set("proj_out", gated(f, out, inner, activate));
    out = f.set("proj_out", groupedLinear(f, out, down, offsets));
    let weighted = f.set("weighted_out", f.mul(out, f.unsqueeze(scales, -1)));
    const inverse = f.set("inv_perm", f.create([rows], "int64"));
    f.op("indexPut", { self: inverse, indices: [order], values: f.arange(rows) }, { inPlace: true });
    weighted = f.set("weighted_out", f.op("index", { self: weighted, indices: [inverse] }));
    const grouped = f.view(weighted, [tokens, perToken, width]);
    const sum = f.set("final_hidden_states", f.apply("sum", grouped, { dim: [1], keepdim: false }));
    return f.toTypeOf(sum, states);
  });
}

/** `_grouped_linear`: rows in the weight's type times the transposed weight. Autocast does not know the operator. */
function groupedLinear(f: Frame, rows: ValueId, weight: ValueId, offsets: ValueId): ValueId {
  return f.call([rows], (g) =>
    g.op("groupedMm", {
      self: g.toTypeOf(rows, weight),
      mat2: g.transpose(weight, -2, -1),
      offs: offsets,
    }),
  );
}

function gated(f: Frame, states: ValueId, inner: number, activate: Layer): ValueId {
  return f.call([states], (g) => {
    const [gate, up] = g.ops("split", { self: states }, { split_size: inner, dim: -1 }) as [ValueId, ValueId];
    return g.mul(activate(g, gate), up);
  });
}
