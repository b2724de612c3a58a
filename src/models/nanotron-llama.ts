/**
 * nanotron's own Llama, which its published runs are about: keys as transformers' LlamaConfig has them. Tokens come before samples;
 * between the layers every rank of tp has some of the tokens, and of the vocabulary (tp_mode REDUCE_SCATTER).
 *
 * Source  nanotron 9055c664 (2025-01): models/llama.py, parallel/tensor_parallel; flash-attn's RMSNorm and rotary kernel in place
 * Untrue  attention is torch's flash kernel for the package's, which saves the same; angles are one table for all layers, as
 *         each layer has one; masks of a byte for each token are left out
 * `B` batch, `S` sequence, `H` heads of a rank, `D` head size, `V` vocabulary of a rank, `R` ranks.
 */
import type { ValueId } from "../ir/graph.js";
import { lossNeedsPlainLogits } from "./complaints.js";
import type { Config } from "./config.js";
import type { Family } from "./family.js";
import type { Frame } from "./frame.js";
import { input, textInputs } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";

export const nanotronLlama: Family = {
  tasks: ["causal-lm"],
  draw: (config, request) => {
    if (request.loss !== undefined)
      throw lossNeedsPlainLogits(config.source, request.loss, "nanotron's cross-entropy over all ranks");
    return {
      kind: "LlamaForTraining",
      model: {
        inputs: textInputs(request),
        construct: (root) => construct(root, config, request.training),
      },
    };
  },
};

function construct(root: Module, config: Config, training: boolean): ReturnType<DrawnModel["construct"]> {
  const m = root.child("model");
  const width = config.count("hidden_size");
  const vocabulary = config.count("vocab_size");
  const ranks = m.run.tensor?.ranks ?? 1;
  const table = m
    .child("token_position_embeddings.pp_block.token_embedding")
    .parameter("weight", [vocabulary, width]);
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`decoder.${i}`), config));
  const last = norm(m.child("final_layer_norm"), width);
  const head = m.child("lm_head");
  const weight = config.flag("tie_word_embeddings")
    ? head.shares(table)
    : head.parameter("weight", [vocabulary, width]);
  const forward = m.layer("LlamaModel", (f, ids: ValueId) => {
    const turned = f.transpose(ids, 0, 1);
    let states = f.set("hidden_states", embed(f, turned, table, ranks));
    for (const each of blocks) states = f.set("hidden_states", each(f, states));
    states = f.set("hidden_states", last(f, states));
    const logits = f.set("sharded_logits", columns(f, states, weight, ranks));
    return f.to(logits, "float32");
  });
  return (f, inputs) => {
    const logits = f.set("sharded_logits", forward(f, input(inputs, "input_ids")));
    if (!training) return [logits];
    return [f.set("loss", loss(f, logits, input(inputs, "labels"), ranks))];
  };
}

/** Rows of ids outside of the rank's part are zeroed, and the sum is shared out by tokens. [S, B] → [S / R, B, W] */
function embed(f: Frame, ids: ValueId, weight: ValueId, ranks: number): ValueId {
  if (ranks === 1) return f.op("embedding", { weight, indices: ids });
  return f.call([ids], (g) => {
    const outside = g.set("input_mask", g.op("ge", { self: ids }, { other: 1 }));
    const rows = g.set(
      "out",
      g.op("embedding", { weight, indices: g.set("masked_input", g.apply("clone", ids)) }),
    );
    const kept = g.set("out", g.mul(rows, g.unsqueeze(g.apply("logicalNot", outside), -1)));
    return g.set("out", g.op("reduceScatter", { self: kept }, { ranks }));
  });
}

function columns(f: Frame, x: ValueId, weight: ValueId, ranks: number): ValueId {
  return ranks === 1
    ? f.op("linear", { input: x, weight, bias: null })
    : f.op("columnLinear", { input: x, weight }, { ranks });
}

function rows(f: Frame, x: ValueId, weight: ValueId, ranks: number): ValueId {
  return ranks === 1
    ? f.op("linear", { input: x, weight, bias: null })
    : f.op("rowLinear", { input: x, weight }, { ranks });
}

/** sharded_cross_entropy and masked_mean. */
function loss(f: Frame, logits: ValueId, labels: ValueId, ranks: number): ValueId {
  return f.call([logits, labels], (g) => {
    const target = g.contiguous(g.transpose(labels, 0, 1));
    const each = g.op("shardedCrossEntropy", { self: logits, target }, { ranks });
    return g.apply("mean", g.transpose(each, 0, 1));
  });
}

function norm(m: Module, width: number): Layer {
  const weight = m.parameter("weight", [width]);
  return m.layer("TritonRMSNorm", (f, x: ValueId) =>
    f.op("rmsNorm", { input: x, weight }, { normalized_shape: [width] }),
  );
}

function block(m: Module, config: Config): Layer {
  const width = config.count("hidden_size");
  const before = norm(m.child("input_layernorm"), width);
  const attend = selfAttention(m.child("attn"), config);
  const between = norm(m.child("post_attention_layernorm"), width);
  const feed = feedForward(m.child("mlp"), config);
  return m.layer(
    "LlamaDecoderLayer",
    (f, x: ValueId) => {
      f.set("residual", x);
      let states = f.set("hidden_states", before(f, x));
      const attended = f.set("output", attend(f, states));
      states = f.set("hidden_states", attended);
      states = f.set("hidden_states", f.add(states, x));
      const residual = f.set("residual", states);
      states = f.set("hidden_states", between(f, states));
      states = f.set("hidden_states", feed(f, states));
      return f.set("hidden_states", f.add(states, residual));
    },
    { block: true },
  );
}

function feedForward(m: Module, config: Config): Layer {
  const [width, inner] = [config.count("hidden_size"), config.count("intermediate_size")];
  const ranks = m.run.tensor?.ranks ?? 1;
  const wide = m.child("gate_up_proj").parameter("weight", [2 * inner, width]);
  const narrow = m.child("down_proj").parameter("weight", [width, inner]);
  return m.layer("MLP", (f, x: ValueId) => {
    const merged = f.set("merged_states", columns(f, x, wide, ranks));
    const product = f.call([merged], (g) => {
      const [gate, up] = g.ops("split", { self: merged }, { split_sizes: [inner, inner], dim: -1 }) as [
        ValueId,
        ValueId,
      ]; // as: two
      g.set("gate_states", gate);
      g.set("up_states", up);
      return g.mul(g.apply("silu", gate), up);
    });
    return f.set("hidden_states", rows(f, product, narrow, ranks));
  });
}

function selfAttention(m: Module, config: Config): Layer {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const keyHeads = config.count("num_key_value_heads", heads);
  const head = config.has("head_dim")
    ? config.count("head_dim")
    : config.share(width, heads, "num_attention_heads", "hidden_size");
  const ranks = m.run.tensor?.ranks ?? 1;
  const qkv = m.child("qkv_proj").parameter("weight", [(heads + 2 * keyHeads) * head, width]);
  const out = m.child("o_proj").parameter("weight", [width, heads * head]);
  return m.layer("CausalSelfAttention", (f, x: ValueId) => {
    const states = f.set("qkv_states", columns(f, x, qkv, ranks));
    const [S, B] = f.shape(states) as readonly [number, number, number];
    const [query, key, value] =
      heads === keyHeads
        ? together(f, states, [S, B, heads, head])
        : apart(f, states, [S, B, heads, keyHeads, head]);
    const attended = training(f, { query, key, value });
    const flat = f.set("attention_output", f.transpose(f.view(attended, [B, S, heads * head]), 0, 1));
    return f.set("output", rows(f, flat, out, ranks));
  });
}

type Three = readonly [ValueId, ValueId, ValueId];

/** As many key heads as heads: one block of three. [S, B, 3 H D] → three of [B, S, H, D] */
function together(f: Frame, states: ValueId, [S, B, H, D]: readonly [number, number, number, number]): Three {
  const turned = f.permute(f.view(states, [S, B, 3, H, D]), [2, 1, 0, 3, 4]);
  const whole = f.contiguous(turned);
  return f
    .ops("unbind", { self: whole }, { dim: 0 })
    .map((each, i) => f.set(`states ${i}`, each)) as unknown as Three; // as: three
}

/** Fewer key heads: a block for each. */
function apart(
  f: Frame,
  states: ValueId,
  [S, B, H, K, D]: readonly [number, number, number, number, number],
): Three {
  const sizes = [H, K, K];
  const parts = f.ops("split", { self: states }, { split_sizes: sizes.map((heads) => heads * D), dim: -1 });
  return parts.map((part, i) => {
    f.set(`states ${i}`, part);
    return f.set(`states ${i}`, f.view(f.contiguous(f.transpose(part, 0, 1)), [B, S, sizes[i] as number, D]));
  }) as unknown as Three; // as: three
}

/** Keys and values are joined and laid out side by side, positions turn in place, and flash attention reads both. [B, S, H, D] */
function training(
  f: Frame,
  { query, key, value }: { readonly query: ValueId; readonly key: ValueId; readonly value: ValueId },
): ValueId {
  return f.call([query, key, value], (g) => {
    const joined = g.set("key_value_states", g.cat([g.unsqueeze(key, 0), g.unsqueeze(value, 0)], 0));
    const both = g.set("key_value_states", g.contiguous(g.permute(joined, [1, 2, 0, 3, 4])));
    const [keys, values] = g
      .ops("split", { self: both }, { split_sizes: [1, 1], dim: 2 })
      .map((each) => g.apply("squeeze", each, { dim: 2 })) as [ValueId, ValueId]; // as: two
    const heads = [query, keys, values].map((each) => g.transpose(each, 1, 2)) as unknown as Three; // as: three
    const out = g.op(
      "scaledDotProductAttention",
      { query: heads[0], key: heads[1], value: heads[2], attn_mask: null },
      { dropout_p: 0, is_causal: true },
    );
    return g.set("attention_output", g.contiguous(g.transpose(out, 1, 2)));
  });
}
