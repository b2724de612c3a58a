/**
 * The transformer encoder behind features of a sound: positions by a wide convolution, norms after or before each half.
 *
 * Source  transformers 5.18, models/wav2vec2/modeling_wav2vec2.py Wav2Vec2Encoder, …EncoderStableLayerNorm,
 *         …PositionalConvEmbedding; hubert/modeling_hubert.py HubertPositionalConvEmbedding
 * `B` batch, `T` frames, `W` width.
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { bartAttention } from "./blocks/bart-layers.js";
import { batchNorm } from "./blocks/convolution.js";
import { dropout, layerNorm, linear } from "./blocks/linear.js";
import type { Config } from "./config.js";
import type { Layer, Module } from "./module.js";

/** [B, T, W] to the same. */
export function soundEncoder(m: Module, config: Config, kind: string): Layer {
  const width = config.count("hidden_size");
  const stable = config.flag("do_stable_layer_norm");
  const place = positionalConvolution(m.child("pos_conv_embed"), config, kind);
  const norm = layerNorm(m.child("layer_norm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout"));
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config, kind));
  return m.layer(`${kind}Encoder${stable ? "StableLayerNorm" : ""}`, (f, x: ValueId) => {
    const places = f.set("position_embeddings", place(f, x));
    let states = f.set("hidden_states", f.add(x, places));
    if (!stable) states = f.set("hidden_states", norm(f, states));
    states = f.set("hidden_states", drop(f, states));
    for (const each of blocks) states = f.set("hidden_states", each(f, states));
    return stable ? f.set("hidden_states", norm(f, states)) : states;
  });
}

/** A convolution over time, with its weight in two parts or a norm before it; one frame too many is cut off. */
function positionalConvolution(m: Module, config: Config, kind: string): Layer {
  const width = config.count("hidden_size");
  const kernel = config.count("num_conv_pos_embeddings");
  const groups = config.count("num_conv_pos_embedding_groups");
  config.share(width, groups, "num_conv_pos_embedding_groups", "hidden_size");
  const shape = [width, width / groups, kernel];
  const conv = m.child("conv");
  const normed = config.flag("conv_pos_batch_norm");
  const parts = normed ? null : conv.child("parametrizations.weight");
  const length = parts?.parameter("original0", [1, 1, kernel]);
  const direction = parts?.parameter("original1", shape);
  const plain = normed ? conv.parameter("weight", shape) : null;
  const bias = conv.parameter("bias", [width]);
  const norm = normed ? batchNorm(m.child("batch_norm"), width, "BatchNorm1d") : null;
  const act = activation(m.child("activation"), config, "feat_extract_activation");
  const convolve = conv.layer("Conv1d", (f, x: ValueId) => {
    const weight = plain ?? f.op("weightNorm", { v: direction as ValueId, g: length as ValueId }); // as: one or the other
    const attributes = { stride: [1], padding: [Math.floor(kernel / 2)], groups };
    return f.op("convolution", { input: x, weight, bias }, attributes);
  });
  const cut = m.child("padding").layer(`${kind}SamePadLayer`, (f, x: ValueId) => {
    const frames = f.shape(x)[2] as number;
    return kernel % 2 === 0 ? f.set("hidden_states", f.slice(x, 2, 0, frames - 1)) : x;
  });
  return m.layer(`${kind}PositionalConvEmbedding`, (f, x: ValueId) => {
    let states = f.set("hidden_states", f.transpose(x, 1, 2));
    if (norm) states = f.set("hidden_states", norm(f, states));
    states = f.set("hidden_states", convolve(f, states));
    states = f.set("hidden_states", cut(f, states));
    states = f.set("hidden_states", act(f, states));
    return f.set("hidden_states", f.transpose(states, 1, 2));
  });
}

function block(m: Module, config: Config, kind: string): Layer {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  config.share(width, heads, "num_attention_heads", "hidden_size");
  const stable = config.flag("do_stable_layer_norm");
  const attend = bartAttention(m.child("attention"), {
    kind,
    width,
    heads,
    dropout: config.number("attention_dropout"),
    causal: false,
  });
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout"));
  const first = layerNorm(m.child("layer_norm"), width);
  const feed = feedForward(m.child("feed_forward"), config, kind);
  const last = layerNorm(m.child("final_layer_norm"), width);
  return m.layer(
    `${kind}EncoderLayer${stable ? "StableLayerNorm" : ""}`,
    (f, x: ValueId) => {
      const residual = f.set("attn_residual", x);
      const input = stable ? f.set("hidden_states", first(f, x)) : x;
      const attended = attend(f, input, null, null);
      let states = f.set("hidden_states", attended.states);
      if (attended.weights !== null) f.set("_", attended.weights);
      states = f.set("hidden_states", drop(f, states));
      states = f.set("hidden_states", f.add(residual, states));
      if (stable) return f.set("hidden_states", f.add(states, feed(f, last(f, states))));
      states = f.set("hidden_states", first(f, states));
      states = f.set("hidden_states", f.add(states, feed(f, states)));
      return f.set("hidden_states", last(f, states));
    },
    { block: true },
  );
}

function feedForward(m: Module, config: Config, kind: string): Layer {
  const [width, inner] = [config.count("hidden_size"), config.count("intermediate_size")];
  const between = dropout(m.child("intermediate_dropout"), config.number("activation_dropout"));
  const widen = linear(m.child("intermediate_dense"), width, inner);
  const act = activation(m.child("intermediate_act_fn"), config, "hidden_act");
  const narrow = linear(m.child("output_dense"), inner, width);
  const after = dropout(m.child("output_dropout"), config.number("hidden_dropout"));
  return m.layer(`${kind}FeedForward`, (f, x: ValueId) => {
    let states = x;
    for (const each of [widen, act, between, narrow, after]) states = f.set("hidden_states", each(f, states));
    return states;
  });
}
