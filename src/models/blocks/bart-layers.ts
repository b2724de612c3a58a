/**
 * Layers of BART and its kin: attention to the own states or to an encoder's, and the blocks of both stacks.
 *
 * Source  transformers 5.18, models/{bart,mbart,marian,pegasus,m2m_100,whisper}/modeling_*.py …Attention, …EncoderLayer,
 *         …DecoderLayer; wav2vec2/modeling_wav2vec2.py Wav2Vec2Attention
 * Untrue  in float16 blocks of the encoder look for infinities or clamp: that is left out
 * `B` batch, `L` query length, `S` key length, `W` width.
 */
import type { ValueId } from "../../ir/graph.js";
import type { Config } from "../config.js";
import type { Layer, Module } from "../module.js";
import { activation } from "./activation.js";
import { attend } from "./attention.js";
import { layerNorm, linear } from "./linear.js";

export interface BartAttention {
  readonly kind: string;
  readonly width: number;
  readonly heads: number;
  readonly dropout: number;
  /** A query sees only earlier keys. */
  readonly causal: boolean;
  /** Queries are scaled before and all three are copied row-major, and keys have no bias: Whisper's. */
  readonly copies?: boolean;
}

/** States, and weights where attention is written out. */
export interface AttendedStates {
  readonly states: ValueId;
  readonly weights: ValueId | null;
}

/** Takes states [B, L, W], those of the encoder [B, S, W] for keys and values if it looks at them, and a mask. */
export type BartAttentionLayer = Layer<[ValueId, ValueId | null, ValueId | null], AttendedStates>;

export function bartAttention(m: Module, attention: BartAttention): BartAttentionLayer {
  const { kind, width, heads, dropout, causal, copies = false } = attention;
  const [toKey, toValue, toQuery, out] = ["k_proj", "v_proj", "q_proj", "out_proj"].map((name) =>
    linear(m.child(name), width, width, !(copies && name === "k_proj")),
  ) as unknown as readonly [Layer, Layer, Layer, Layer]; // as: four names
  return m.layer(`${kind}Attention`, (f, x, encoded, mask) => {
    const [B, L] = f.shape(x) as readonly [number, number, number];
    const source = encoded ?? x;
    const S = f.shape(source)[1] as number;
    const split = (states: ValueId, length: number, name: string) => {
      const turned = f.transpose(f.view(states, [B, length, -1, width / heads]), 1, 2);
      return f.set(name, copies ? f.contiguous(turned) : turned);
    };
    const projected = toQuery(f, x);
    const query = split(copies ? f.scale(projected, 1) : projected, L, "query_states");
    const key = split(toKey(f, source), S, "key_states");
    const value = split(toValue(f, source), S, "value_states");
    const eager = { softmax: "plain" } as const;
    const { output, weights } = attend(f, { query, key, value, mask, causal, dropout, eager });
    if (weights !== null) f.set("attn_weights", weights);
    f.set("attn_output", output);
    const joined = f.set("attn_output", f.contiguous(f.reshape(output, [B, L, width])));
    return { states: f.set("attn_output", out(f, joined)), weights };
  });
}

export interface BartStyle {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** x += half(norm(x)), or x = norm(x + half(x)) */
  readonly norms: "before" | "after";
  readonly copies?: boolean;
}

/** Attention to `heads` heads, whose number `key` of the configuration says. */
function attentionOf(m: Module, config: Config, style: BartStyle, key: string, causal: boolean) {
  const width = config.count("d_model");
  const heads = config.count(key);
  config.share(width, heads, key, "d_model");
  const dropout = config.number("attention_dropout");
  const { kind, copies = false } = style;
  return bartAttention(m, { kind, width, heads, dropout, causal, copies });
}

/** Takes states, a mask for them, the encoder's states and a mask for those. */
export type BartBlock = Layer<[ValueId, ValueId | null, ValueId | null, ValueId | null]>;

export function bartEncoderLayer(m: Module, config: Config, style: BartStyle): BartBlock {
  const width = config.count("d_model");
  const attention = attentionOf(m.child("self_attn"), config, style, "encoder_attention_heads", false);
  const first = layerNorm(m.child("self_attn_layer_norm"), width);
  const act = activation(m.child("activation_fn"), config, "activation_function");
  const feed = feedForward(m, config, style, act, "encoder_ffn_dim");
  const half = residualHalf(config, style, first);
  return m.layer(
    `${style.kind}EncoderLayer`,
    (f, x, mask) =>
      feed(
        f,
        half(f, x, (states) => attention(f, states, null, mask)),
      ),
    { block: true },
  );
}

export function bartDecoderLayer(m: Module, config: Config, style: BartStyle): BartBlock {
  const width = config.count("d_model");
  const heads = "decoder_attention_heads";
  const own = attentionOf(m.child("self_attn"), config, style, heads, true);
  const act = activation(m.child("activation_fn"), config, "activation_function");
  const first = layerNorm(m.child("self_attn_layer_norm"), width);
  const cross = attentionOf(m.child("encoder_attn"), config, style, heads, false);
  const second = layerNorm(m.child("encoder_attn_layer_norm"), width);
  const feed = feedForward(m, config, style, act, "decoder_ffn_dim");
  const [ownHalf, crossHalf] = [residualHalf(config, style, first), residualHalf(config, style, second)];
  return m.layer(
    `${style.kind}DecoderLayer`,
    (f, x, mask, encoded, encodedMask) => {
      let states = ownHalf(f, x, (each) => own(f, each, null, mask));
      states = crossHalf(f, states, (each) => cross(f, each, encoded, encodedMask));
      return feed(f, states);
    },
    { block: true },
  );
}

type Call = Parameters<Layer>[0];

/** One half of a block with its residual sum and its norm, in the frame of the block. */
function residualHalf(config: Config, { norms }: BartStyle, norm: Layer) {
  const p = config.number("dropout");
  return (f: Call, x: ValueId, run: (states: ValueId) => AttendedStates): ValueId => {
    const residual = f.set("residual", x);
    const input = norms === "before" ? f.set("hidden_states", norm(f, x)) : x;
    const { states: made, weights } = run(input);
    let states = f.set("hidden_states", made);
    if (weights !== null) f.set("_", weights);
    states = f.set("hidden_states", f.dropout(states, p));
    states = f.set("hidden_states", f.add(residual, states));
    return norms === "before" ? states : f.set("hidden_states", norm(f, states));
  };
}

/** `fc1`, `fc2` and `final_layer_norm` in the frame of their block. */
function feedForward(m: Module, config: Config, style: BartStyle, act: Layer, key: string): Layer {
  const [width, inner] = [config.count("d_model"), config.count(key)];
  const widen = linear(m.child("fc1"), width, inner);
  const narrow = linear(m.child("fc2"), inner, width);
  const norm = layerNorm(m.child("final_layer_norm"), width);
  const half = residualHalf(config, style, norm);
  const dropped = config.number("activation_dropout");
  return (f, x) =>
    half(f, x, (states) => {
      let wide = f.set("hidden_states", act(f, widen(f, states)));
      wide = f.set("hidden_states", f.dropout(wide, dropped));
      return { states: narrow(f, wide), weights: null };
    });
}
