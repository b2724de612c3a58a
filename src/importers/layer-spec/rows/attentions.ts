/**
 * Self-attention over [B, S, D] and the transformer block around it.
 *
 * Follows timm's Attention and Block (vision_transformer.py, timm 1.0): one projection to queries, keys and values,
 * scaled_dot_product_attention, one projection back; norm, attention, add, norm, feed-forward, add.
 */
import type { ValueId } from "../../../ir/graph.js";
import { choice, count, flag, fraction } from "../kinds.js";
import { type LayerCall, type LayerTable, may, need, type OptionRow } from "../row.js";
import { activated, activation } from "./activations.js";
import { linear } from "./products.js";

const shared: Readonly<Record<string, OptionRow>> = {
  heads: need(count, "attention heads; they divide the width", "num_heads"),
  causal: may(flag, "a token sees only those before it (default false)", "is_causal"),
  bias: may(flag, "biases of the projections (default true)", "use_bias"),
};

/** [B, S, D] → [B, S, D]. */
function attend(call: LayerCall): ValueId {
  const { shape } = call.spec(call.input);
  if (shape.length !== 3) call.refuse("[batch, sequence, width]", `[${shape}]`);
  const [B, S, D] = shape as [number, number, number]; // as: just checked
  const H = call.options.number("heads", 1);
  if (D % H !== 0) call.refuse(`a width that ${H} heads divide`, `${D}`);
  const bias = call.options.flag("bias", true);
  const qkv = call.module("qkv", "Linear", [call.input], (inner) => linear(inner, { units: 3 * D, bias }));
  const heads = call.op("reshape", { self: qkv }, { shape: [B, S, 3, H, D / H] });
  const moved = call.op("permute", { self: heads }, { dims: [2, 0, 3, 1, 4] }); // [3, B, H, S, D / H]
  const views = call.ops("unbind", { self: moved }, { dim: 0 }, 3);
  for (const view of views) call.hold(view); // q, k, v = …
  const [query = null, key = null, value = null] = views;
  const causal = call.options.flag("causal", false);
  const seen = call.op("scaledDotProductAttention", { query, key, value }, { is_causal: causal });
  const rows = call.op(
    "reshape",
    { self: call.op("transpose", { self: seen }, { dim0: 1, dim1: 2 }) },
    { shape: [B, S, D] },
  );
  return call.module("proj", "Linear", [rows], (inner) => linear(inner, { units: D, bias }));
}

/** Two linear layers with an activation between. */
function feedForward(call: LayerCall, input: ValueId, D: number): ValueId {
  const bias = call.options.flag("bias", true);
  const units = call.options.number("ffn", 4 * D);
  return call.module("mlp", "Mlp", [input], (mlp) => {
    const wide = mlp.module("fc1", "Linear", [mlp.input], (inner) => linear(inner, { units, bias }));
    const bent = mlp.module("act", "Activation", [wide], (inner) => activated(inner, inner.input, "gelu"));
    return mlp.module("fc2", "Linear", [dropped(mlp, "drop1", bent)], (inner) =>
      linear(inner, { units: D, bias }),
    );
  });
}

function dropped(call: LayerCall, name: string, input: ValueId): ValueId {
  const p = call.options.number("dropout", 0);
  if (p === 0) return input;
  return call.module(name, "Dropout", [input], (inner) =>
    inner.op("dropout", { input: inner.input }, { p, train: true }),
  );
}

function normed(call: LayerCall, name: string, input: ValueId, D: number): ValueId {
  const rms = call.options.text("norm_kind", "layernorm") === "rmsnorm";
  return call.module(name, rms ? "RMSNorm" : "LayerNorm", [input], (inner) => {
    const weight = inner.parameter("weight", [D]);
    const attributes = { normalized_shape: [D], eps: 1e-5 };
    if (rms) return inner.op("rmsNorm", { input: inner.input, weight }, attributes);
    return inner.op(
      "layerNorm",
      { input: inner.input, weight, bias: inner.parameter("bias", [D]) },
      attributes,
    );
  });
}

export const attentions = {
  attention: {
    kind: "Attention",
    help: "multi-head self-attention of [batch, sequence, width]",
    words: ["self_attention", "multihead_attention", "multi_head_attention"],
    main: "heads",
    options: shared,
    build: attend,
  },
  transformer: {
    kind: "Block",
    help: "transformer block: attention and a feed-forward part, each with norm and residual",
    words: ["transformer_block", "transformer_layer"],
    main: "heads",
    options: {
      ...shared,
      ffn: may(
        count,
        "width between the two linear layers (default 4 x width)",
        "feed_forward",
        "intermediate_size",
      ),
      norm: may(choice("pre", "post"), "norm before each part (default) or after the sum"),
      norm_kind: may(choice("layernorm", "rmsnorm"), "layernorm (default) or rmsnorm"),
      activation: may(activation, "between the linear layers (default gelu)"),
      dropout: may(fraction, "after attention and in the feed-forward part (default 0)"),
    },
    build: (call) => {
      const D = call.spec(call.input).shape[2] ?? 0;
      const attention = (from: ValueId) =>
        dropped(call, "drop", call.module("attn", "Attention", [from], attend));
      const forward = (from: ValueId) => dropped(call, "drop2", feedForward(call, from, D));
      const plus = (self: ValueId, other: ValueId) => call.op("add", { self, other });
      if (call.options.text("norm", "pre") === "pre") {
        const middle = plus(call.input, attention(normed(call, "norm1", call.input, D)));
        return plus(middle, forward(normed(call, "norm2", middle, D)));
      }
      const middle = normed(call, "norm1", plus(call.input, attention(call.input)), D);
      return normed(call, "norm2", plus(middle, forward(middle)), D);
    },
  },
} satisfies LayerTable;
