/**
 * T5 and its multilingual versions: relative positions, norms without a mean, no biases.
 *
 * Source  transformers 5.18, models/{t5,mt5,umt5}/modeling_*.py
 * Untrue  in float16 blocks look for infinities and clamp them: that is left out
 */
import type { Shape } from "../base/shape.js";
import type { ValueId } from "../ir/graph.js";
import { namedActivation } from "./blocks/activation.js";
import { attend } from "./blocks/attention.js";
import { dropout, embedding, embeddingWith, linear, linearWith } from "./blocks/linear.js";
import { bidirectionalMask, causalMask } from "./blocks/masks.js";
import { bucketBias } from "./blocks/position-buckets.js";
import { seq2seqInputs, shiftedRight, targetLoss } from "./blocks/seq2seq.js";
import type { Config } from "./config.js";
import type { Family } from "./family.js";
import type { Frame } from "./frame.js";
import { input } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";

interface T5Row {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** Blocks after the first take the bias of the first, or each has its own. */
  readonly bias: "shared" | "own";
  /** Whether the decoder's states are scaled before the head. */
  readonly scales: (config: Config) => boolean;
}

const T5_FAMILIES = {
  /** The first T5 scaled them, 1.1 does not: files tell by whether the head is tied. It always is. */
  t5: { kind: "T5", bias: "shared", scales: (config) => config.flag("tie_word_embeddings", true) },
  mt5: { kind: "MT5", bias: "shared", scales: () => true },
  umt5: { kind: "UMT5", bias: "own", scales: () => true },
} as const satisfies Record<string, T5Row>;

export function t5Family(name: keyof typeof T5_FAMILIES): Family {
  const row: T5Row = T5_FAMILIES[name];
  return {
    tasks: ["seq2seq"],
    draw: (config, request) => ({
      kind: `${row.kind}ForConditionalGeneration`,
      model: { inputs: seq2seqInputs(request), construct: (root) => construct(root, config, row) },
    }),
  };
}

function construct(root: Module, config: Config, row: T5Row): ReturnType<DrawnModel["construct"]> {
  const width = config.count("d_model");
  const shared = embedding(root.child("shared"), config.count("vocab_size"), width);
  const encoder = stack(root.child("encoder"), config, row, { shared: shared.weight, decodes: false });
  const decoder = stack(root.child("decoder"), config, row, { shared: shared.weight, decodes: true });
  const head = linearWith(root.child("lm_head"), shared.weight);
  const scales = row.scales(config);
  return (f, inputs) => {
    const labels = input(inputs, "labels");
    const padding = inputs.get("attention_mask") ?? null;
    const encoded = f.set("encoder_outputs", encoder(f, input(inputs, "input_ids"), padding, null));
    const target = f.set("decoder_input_ids", shiftedRight(f, labels));
    let states = f.set("decoder_outputs", decoder(f, target, padding, encoded));
    if (scales) states = f.set("sequence_output", f.scale(states, 1));
    const logits = f.set("lm_logits", head(f, states));
    return [f.set("loss", targetLoss(f, logits, labels)), logits, encoded];
  };
}

interface StackOptions {
  readonly shared: ValueId;
  readonly decodes: boolean;
}

/** Takes token ids, the padding mask of the source, and what the encoder said when it decodes. */
function stack(
  m: Module,
  config: Config,
  row: T5Row,
  { shared, decodes }: StackOptions,
): Layer<[ValueId, ValueId | null, ValueId | null]> {
  const width = config.count("d_model");
  const embed = embeddingWith(m.child("embed_tokens"), shared);
  const count =
    decodes && config.has("num_decoder_layers")
      ? config.layers("num_decoder_layers")
      : config.layers("num_layers");
  const blocks = Array.from({ length: count }, (_, i) =>
    block(m.child(`block.${i}`), config, row, { decodes, biased: row.bias === "own" || i === 0 }),
  );
  const last = t5Norm(m.child("final_layer_norm"), width, row);
  const drop = dropout(m.child("dropout"), config.number("dropout_rate"));
  return m.layer(`${row.kind}Stack`, (f, ids: ValueId, padding: ValueId | null, encoded: ValueId | null) => {
    const embeds = f.set("inputs_embeds", embed(f, ids));
    const mask = decodes
      ? causalMask(f, { states: embeds, padding: null })
      : bidirectionalMask(f, { states: embeds, padding });
    if (mask !== null) f.set("attention_mask", mask);
    if (encoded !== null) bidirectionalMask(f, { states: embeds, padding });
    let states = f.set("hidden_states", drop(f, embeds));
    let biases: Biases = { own: null, cross: null };
    for (const each of blocks) {
      const result = each(f, states, mask, biases.own, encoded, biases.cross);
      states = f.set("hidden_states", result.states);
      if (row.bias === "own") continue;
      biases = result.biases;
      if (biases.own !== null) f.set("position_bias", biases.own);
      if (biases.cross !== null) f.set("encoder_decoder_position_bias", biases.cross);
    }
    states = f.set("hidden_states", last(f, states));
    return f.set("hidden_states", drop(f, states));
  });
}

/** What attention adds to its scores: made by the first block, handed on to the others. */
interface Biases {
  readonly own: ValueId | null;
  readonly cross: ValueId | null;
}

/** Takes states, the causal mask, the own bias, what the encoder said, and the bias of the attention to that. */
type Block = Layer<
  [ValueId, ValueId | null, ValueId | null, ValueId | null, ValueId | null],
  { readonly states: ValueId; readonly biases: Biases }
>;

function block(
  m: Module,
  config: Config,
  row: T5Row,
  { decodes, biased }: { readonly decodes: boolean; readonly biased: boolean },
): Block {
  const own = attentionLayer(m.child("layer.0"), config, row, { biased, decodes, cross: false });
  const cross = decodes
    ? attentionLayer(m.child("layer.1"), config, row, { biased: false, decodes, cross: true })
    : null;
  const feed = feedForward(m.child(`layer.${decodes ? 2 : 1}`), config, row);
  return m.layer(
    `${row.kind}Block`,
    (f, x, mask, ownBias, encoded, crossBias) => {
      const attended = own(f, x, null, mask, ownBias);
      let states = f.set("hidden_states", attended.states);
      f.set("self_attn_position_bias", attended.bias);
      let made: ValueId | null = null;
      if (cross && encoded !== null) {
        const second = cross(f, states, encoded, null, crossBias);
        states = f.set("hidden_states", second.states);
        made = f.set("cross_attn_position_bias", second.bias);
      }
      states = f.set("hidden_states", feed(f, states));
      return { states, biases: { own: attended.bias, cross: made } };
    },
    { block: true },
  );
}

/** Takes states, what keys and values are made of where it is not the states, a mask, and the bias if there is one. */
type AttentionLayer = Layer<
  [ValueId, ValueId | null, ValueId | null, ValueId | null],
  { readonly states: ValueId; readonly bias: ValueId }
>;

interface AttentionOptions {
  /** It has an embedding of distances. */
  readonly biased: boolean;
  readonly decodes: boolean;
  readonly cross: boolean;
}

/** x + dropout(attention(norm(x))), and the bias for the next block. */
function attentionLayer(m: Module, config: Config, row: T5Row, options: AttentionOptions): AttentionLayer {
  const [name, kind] = options.cross ? ["EncDecAttention", "Cross"] : ["SelfAttention", "Self"];
  const run = attentionOf(m.child(name as string), config, row, options);
  const norm = t5Norm(m.child("layer_norm"), config.count("d_model"), row);
  const drop = dropout(m.child("dropout"), config.number("dropout_rate"));
  return m.layer(`${row.kind}Layer${kind}Attention`, (f, x, keys, mask, bias) => {
    const normed = f.set("normed_hidden_states", norm(f, x));
    const result = run(f, normed, keys, mask, bias);
    f.set("attention_output", result.states);
    f.set("position_bias", result.bias);
    const states = f.set("attention_output", f.add(x, drop(f, result.states)));
    return { states, bias: result.bias };
  });
}

function attentionOf(m: Module, config: Config, row: T5Row, options: AttentionOptions): AttentionLayer {
  const [width, head, heads] = [config.count("d_model"), config.count("d_kv"), config.count("num_heads")];
  const all = heads * head;
  const project = (name: string) => linear(m.child(name), width, all, false);
  const [query, key, value] = [project("q"), project("k"), project("v")];
  const out = linear(m.child("o"), all, width, false);
  const buckets = options.biased
    ? embedding(m.child("relative_attention_bias"), config.count("relative_attention_num_buckets", 32), heads)
    : null;
  return m.layer(`${row.kind}Attention`, (f, states, keys, mask, bias) => {
    const [B, L] = f.shape(states) as readonly [number, number];
    const source = keys ?? states;
    const S = f.shape(source)[1] as number;
    const split = (project: Layer, x: ValueId, length: number, name: string) =>
      f.set(name, f.transpose(f.view(project(f, x), [B, length, -1, head]), 1, 2));
    const call = {
      query: split(query, states, L, "query_states"),
      key: split(key, source, S, "key_states"),
      value: split(value, source, S, "value_states"),
    };
    const made = () =>
      buckets ? bucketBias(f, buckets, [L, S], !options.decodes) : noBias(f, [1, heads, L, S], row);
    const added = bias ?? f.set("position_bias", made());
    const { output, weights } = attend(f, {
      ...call,
      mask,
      bias: added,
      causal: options.decodes && !options.cross,
      dropout: config.number("dropout_rate"),
      eager: { softmax: "plain" },
    });
    if (weights !== null) f.set("attn_weights", weights);
    f.set("attn_output", output);
    const joined = f.set("attn_output", f.contiguous(f.reshape(output, [B, L, all])));
    return { states: f.set("attn_output", out(f, joined)), bias: added };
  });
}

/** Zeros; where blocks are checkpointed they are given a gradient, so that every block has one that needs it. */
function noBias(f: Frame, size: Shape, row: T5Row): ValueId {
  const zeros = f.op("create", {}, { size, dtype: "float32" });
  const wanted = row.bias === "shared" && f.run.checkpointing && f.run.training;
  return wanted ? f.apply("requireGrad", zeros) : zeros;
}

/** x + dropout(feed(norm(x))) */
function feedForward(m: Module, config: Config, row: T5Row): Layer {
  const dense = feed(m.child("DenseReluDense"), config, row);
  const norm = t5Norm(m.child("layer_norm"), config.count("d_model"), row);
  const drop = dropout(m.child("dropout"), config.number("dropout_rate"));
  return m.layer(`${row.kind}LayerFF`, (f, x: ValueId) => {
    let states = f.set("forwarded_states", norm(f, x));
    states = f.set("forwarded_states", dense(f, states));
    return f.set("hidden_states", f.add(x, drop(f, states)));
  });
}

/** `feed_forward_proj`: an activation, or `gated-` before one; gelu then is the one written out. */
function feed(m: Module, config: Config, row: T5Row): Layer {
  const [width, inner] = [config.count("d_model"), config.count("d_ff")];
  const said = config.text("feed_forward_proj");
  const gated = said.startsWith("gated-");
  const name = said === "gated-gelu" ? "gelu_new" : said.replace(/^gated-/, "");
  const [first, second] = (gated ? ["wi_0", "wi_1"] : ["wi"]).map((each) =>
    linear(m.child(each), width, inner, false),
  );
  const out = linear(m.child("wo"), inner, width, false);
  const drop = dropout(m.child("dropout"), config.number("dropout_rate"));
  const act = namedActivation(m.child("act"), config, "feed_forward_proj", name);
  const narrow = (f: Parameters<Layer>[0], x: ValueId): ValueId => {
    let states = f.set("hidden_states", drop(f, x));
    states = f.set("hidden_states", f.toTypeOf(states, out.weight));
    return f.set("hidden_states", out(f, states));
  };
  if (!second)
    return m.layer(`${row.kind}DenseActDense`, (f, x: ValueId) => {
      const states = f.set("hidden_states", (first as Layer)(f, x)); // as: there is at least one name
      return narrow(f, f.set("hidden_states", act(f, states)));
    });
  return m.layer(`${row.kind}DenseGatedActDense`, (f, x: ValueId) => {
    const gate = f.set("hidden_gelu", act(f, (first as Layer)(f, x))); // as: there are two names
    const up = f.set("hidden_linear", second(f, x));
    return narrow(f, f.set("hidden_states", f.mul(gate, up)));
  });
}

/** Root-mean-square norm that rounds to the weight's type before it scales. */
function t5Norm(m: Module, width: number, row: T5Row): Layer {
  const weight = m.parameter("weight", [width]);
  return m.layer(`${row.kind}LayerNorm`, (f, x: ValueId) => {
    f.set("hidden_states", x);
    const squares = f.apply("pow", f.to(x, "float32"), { exponent: 2 });
    const variance = f.set("variance", f.apply("mean", squares, { dim: [-1], keepdim: true }));
    const factor = f.apply("rsqrt", f.op("add", { self: variance }, { other: 1e-6 }));
    let states = f.set("hidden_states", f.mul(x, factor));
    states = f.set("hidden_states", f.toTypeOf(states, weight));
    return f.mul(weight, states);
  });
}
