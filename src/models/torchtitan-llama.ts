/**
 * torchtitan's own Llama, which pretraining logs are about: keys as transformers' LlamaConfig has them, the loss of its trainer.
 *
 * Its labels are the next tokens already, positions turn by complex numbers in float32, key heads are copied for the query
 * heads that share them, and the logits are gone before backward (`del pred`).
 * Source  torchtitan 5940ddeb (2025-02) models/llama/model.py, models/norms.py, train.py; 3b39d7ab and later: nn.RMSNorm
 * Reads   norm_type: `rmsnorm` is the class written out in Python that torchtitan had until 2025-03; absent: nn.RMSNorm
 * Omits   the table of angles beyond the sequence's length, which torchtitan sets as max_seq_len
 * `B` batch, `S` sequence, `H` heads, `K` key heads, `D` head size, `V` vocabulary.
 */
import type { ValueId } from "../ir/graph.js";
import { attention } from "./blocks/attention.js";
import { embedding, linear } from "./blocks/linear.js";
import { badValue, lossNeedsPlainLogits } from "./complaints.js";
import type { Config } from "./config.js";
import type { Family } from "./family.js";
import type { Frame } from "./frame.js";
import { input, textInputs } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";

export const torchtitanLlama: Family = {
  tasks: ["causal-lm"],
  draw: (config, request) => {
    if (request.loss !== undefined)
      throw lossNeedsPlainLogits(config.source, request.loss, "the loss of torchtitan's trainer");
    const { sequence, training } = request;
    return {
      kind: "Transformer",
      model: {
        inputs: textInputs(request),
        construct: (root) => construct(root, config, sequence, training),
      },
    };
  },
};

function construct(
  root: Module,
  config: Config,
  sequence: number,
  training: boolean,
): ReturnType<DrawnModel["construct"]> {
  const width = config.count("hidden_size");
  const { head } = headsOf(config);
  const embed = embedding(root.child("tok_embeddings"), config.count("vocab_size"), width);
  const table = root.buffer("freqs_cis", [sequence, head], "float32", true); // as many bytes as complex64 [S, D / 2]
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(root.child(`layers.${i}`), config));
  const last = norm(root.child("norm"), config);
  const output = linear(root.child("output"), width, config.count("vocab_size"), false);
  const model = root.layer("Transformer", (f, ids: ValueId) => {
    let h = f.set("h", embed(f, ids));
    for (const each of blocks) h = f.set("h", each(f, h, table));
    h = f.set("h", last(f, h));
    return f.set("output", output(f, h));
  });
  return (f, inputs) => {
    const pred = f.set("pred", model(f, input(inputs, "input_ids")));
    return training ? [f.set("loss", loss(f, pred, input(inputs, "labels")))] : [pred];
  };
}

/** Cross-entropy of float32 logits. [B, S, V], [B, S] */
function loss(f: Frame, pred: ValueId, labels: ValueId): ValueId {
  return f.call([pred, labels], (g) => {
    const vocabulary = g.shape(pred).at(-1) as number;
    const rows = g.to(g.view(pred, [-1, vocabulary]), "float32");
    return g.op("crossEntropy", { self: rows, target: g.view(labels, [-1]) });
  });
}

interface Heads {
  readonly heads: number;
  readonly keyHeads: number;
  readonly head: number;
}

function headsOf(config: Config): Heads {
  const heads = config.count("num_attention_heads");
  const keyHeads = config.count("num_key_value_heads", heads);
  config.share(heads, keyHeads, "num_key_value_heads", "num_attention_heads");
  const head = config.share(config.count("hidden_size"), heads, "num_attention_heads", "hidden_size");
  return { heads, keyHeads, head: config.even(head, "num_attention_heads") };
}

function block(m: Module, config: Config): Layer<[ValueId, ValueId]> {
  const attend = selfAttention(m.child("attention"), config);
  const feed = feedForward(m.child("feed_forward"), config);
  const [before, between] = [norm(m.child("attention_norm"), config), norm(m.child("ffn_norm"), config)];
  return m.layer(
    "TransformerBlock",
    (f, x: ValueId, table: ValueId) => {
      const h = f.set("h", f.add(x, attend(f, before(f, x), table)));
      return f.set("out", f.add(h, feed(f, between(f, h))));
    },
    { block: true },
  );
}

function feedForward(m: Module, config: Config): Layer {
  const [width, inner] = [config.count("hidden_size"), config.count("intermediate_size")];
  const w1 = linear(m.child("w1"), width, inner, false);
  const w2 = linear(m.child("w2"), inner, width, false);
  const w3 = linear(m.child("w3"), width, inner, false);
  return m.layer("FeedForward", (f, x: ValueId) => w2(f, f.mul(f.apply("silu", w1(f, x)), w3(f, x))));
}

function selfAttention(m: Module, config: Config): Layer<[ValueId, ValueId]> {
  const width = config.count("hidden_size");
  const { heads, keyHeads, head } = headsOf(config);
  const wq = linear(m.child("wq"), width, heads * head, false);
  const wk = linear(m.child("wk"), width, keyHeads * head, false);
  const wv = linear(m.child("wv"), width, keyHeads * head, false);
  const wo = linear(m.child("wo"), heads * head, width, false);
  return m.layer("Attention", (f, x: ValueId, table: ValueId) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const flat = [f.set("xq", wq(f, x)), f.set("xk", wk(f, x)), f.set("xv", wv(f, x))];
    const [q, k, v] = flat.map((each) => f.view(each, [B, S, -1, head])) as [ValueId, ValueId, ValueId]; // as: three
    f.set("xq", q);
    f.set("xk", k);
    f.set("xv", v);
    const [turned, turnedKey] = rotate(f, [q, k], table);
    f.set("xq", turned);
    f.set("xk", turnedKey);
    const keys = f.set("keys", repeated(f, turnedKey, heads / keyHeads));
    const values = f.set("values", repeated(f, v, heads / keyHeads));
    const query = f.set("xq", f.transpose(turned, 1, 2));
    const key = f.set("xk", f.transpose(keys, 1, 2));
    const value = f.set("xv", f.transpose(values, 1, 2));
    const call = { query, key, value, mask: null, causal: true, dropout: 0 };
    const attended = f.set("output", attention(f, call));
    return wo(f, f.set("output", f.view(attended, [B, S, heads * head])));
  });
}

/**
 * apply_rotary_emb: pairs of neighbours as complex numbers, times the angles as such. Half as many elements of twice the size,
 * so they are drawn as float32 throughout.
 */
function rotate(f: Frame, pair: readonly [ValueId, ValueId], table: ValueId): [ValueId, ValueId] {
  return f.call(pair, (g) => {
    const wide = pair.map((x, i) => g.set(`complex ${i}`, g.to(x, "float32")));
    const [S, D] = g.shape(table) as readonly [number, number];
    const factors = g.set("freqs_cis", g.view(table, [1, S, 1, D]));
    const out = wide.map((x, i) => g.set(`out ${i}`, g.mul(x, factors)));
    return out.map((x, i) => g.toTypeOf(x, pair[i] as ValueId)) as [ValueId, ValueId]; // as: there are two
  });
}

/** repeat_kv. [B, S, K, D] */
function repeated(f: Frame, x: ValueId, times: number): ValueId {
  if (times === 1) return x;
  return f.call([x], (g) => {
    const [B, S, K, D] = g.shape(x) as readonly [number, number, number, number];
    return g.reshape(g.expand(g.unsqueeze(x, 3), [B, S, K, times, D]), [B, S, K * times, D]);
  });
}

function norm(m: Module, config: Config): Layer {
  const width = config.count("hidden_size");
  const weight = m.parameter("weight", [width]);
  if (!config.has("norm_type"))
    return m.layer("RMSNorm", (f, x: ValueId) =>
      f.op("rmsNorm", { input: x, weight }, { normalized_shape: [width] }),
    );
  const kind = config.text("norm_type");
  if (kind !== "rmsnorm") throw badValue(config.source, "norm_type", "rmsnorm, or none for nn.RMSNorm", kind);
  return m.layer("RMSNorm", (f, x: ValueId) => {
    const wide = f.to(x, "float32");
    const normed = f.call([wide], (g) => {
      const mean = g.apply("mean", g.apply("pow", wide, { exponent: 2 }), { dim: [-1], keepdim: true });
      return g.mul(wide, g.apply("rsqrt", g.op("add", { self: mean }, { other: 1e-5 })));
    });
    return f.mul(f.set("output", f.toTypeOf(normed, x)), weight);
  });
}
