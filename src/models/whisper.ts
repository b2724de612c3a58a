/**
 * Whisper: two convolutions over a spectrogram before BART's encoder blocks, and a decoder with learned positions.
 *
 * Source  transformers 5.18, models/whisper/modeling_whisper.py
 * Ignores SpecAugment's masks, also where `apply_spec_augment` asks for them: they take one tensor of the features' size
 * `B` batch, `M` mel bins, `F` frames, `S` source positions, `T` target length, `W` width.
 */
import type { ValueId } from "../ir/graph.js";
import { dense } from "../ir/tensor.js";
import { bartDecoderLayer, bartEncoderLayer } from "./blocks/bart-layers.js";
import { conv1d } from "./blocks/convolution.js";
import { embedding, layerNorm, linearWith } from "./blocks/linear.js";
import { causalMask } from "./blocks/masks.js";
import { shiftedRight, targetLabels, targetLoss } from "./blocks/seq2seq.js";
import { sequenceTooLong } from "./complaints.js";
import type { Config } from "./config.js";
import type { Family, FamilyRequest } from "./family.js";
import { input } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";

const STYLE = { kind: "Whisper", norms: "before", copies: true } as const;

/** Frames of a spectrogram for each position of the encoder: the second convolution takes every other. */
const STRIDE = 2;

export const whisper: Family = {
  tasks: ["speech-seq2seq", "seq2seq"],
  sequence: (config) => config.count("max_target_positions"),
  draw: (config, request) => ({
    kind: "WhisperForConditionalGeneration",
    model: { inputs: inputs(config, request), construct: (root) => construct(root, config) },
  }),
};

function inputs(config: Config, request: FamilyRequest): DrawnModel["inputs"] {
  const { batch, sequence, shapes } = request;
  const most = config.count("max_target_positions");
  const labels = targetLabels(request, sequence);
  const length = labels.spec.shape[1] as number;
  if (length > most) throw sequenceTooLong(config.source, length, most, "max_target_positions");
  const spectrogram = [batch, config.count("num_mel_bins"), STRIDE * config.count("max_source_positions")];
  const features = dense(shapes.input_features ?? spectrogram, "float32");
  return [{ name: "input_features", spec: features }, labels];
}

function construct(root: Module, config: Config): ReturnType<DrawnModel["construct"]> {
  const m = root.child("model");
  const encode = encoder(m.child("encoder"), config);
  const decode = decoder(m.child("decoder"), config);
  const head = root.child("proj_out");
  const tied = config.flag("tie_word_embeddings", true);
  const size = [config.count("vocab_size"), config.count("d_model")];
  const toLogits = linearWith(head, tied ? decode.weight : head.parameter("weight", size));
  const run = m.layer("WhisperModel", (f, features: ValueId, target: ValueId) => {
    const encoded = f.set("encoder_outputs", encode(f, features));
    return { encoded, states: f.set("decoder_outputs", decode.layer(f, target, encoded)) };
  });
  return (f, values) => {
    const labels = input(values, "labels");
    const target = f.set("decoder_input_ids", shiftedRight(f, labels));
    const { states, encoded } = run(f, input(values, "input_features"), target);
    f.set("outputs", states);
    f.set("outputs.encoder_last_hidden_state", encoded);
    const logits = f.set("lm_logits", toLogits(f, states));
    return [f.set("loss", targetLoss(f, logits, labels)), logits, encoded];
  };
}

/** [B, M, F] to [B, S, W] */
function encoder(m: Module, config: Config): Layer {
  const width = config.count("d_model");
  const positions = config.count("max_source_positions");
  const first = conv1d(m.child("conv1"), {
    input: config.count("num_mel_bins"),
    output: width,
    kernel: 3,
    padding: 1,
  });
  const second = conv1d(m.child("conv2"), {
    input: width,
    output: width,
    kernel: 3,
    stride: STRIDE,
    padding: 1,
  });
  const table = m.child("embed_positions");
  const weight = table.frozen("weight", [positions, width]);
  const places = table.layer("Embedding", (f, indices: ValueId) => f.op("embedding", { weight, indices }));
  const count = config.layers("encoder_layers");
  const blocks = Array.from({ length: count }, (_, i) =>
    bartEncoderLayer(m.child(`layers.${i}`), config, STYLE),
  );
  const last = layerNorm(m.child("layer_norm"), width);
  return m.layer("WhisperEncoder", (f, features: ValueId) => {
    let embeds = f.set("inputs_embeds", f.apply("gelu", first(f, features)));
    embeds = f.set("inputs_embeds", f.apply("gelu", second(f, embeds)));
    embeds = f.set("inputs_embeds", f.permute(embeds, [0, 2, 1]));
    const all = f.set("all_positions", f.arange(positions));
    let states = f.set("hidden_states", f.add(embeds, places(f, all)));
    states = f.set("hidden_states", f.dropout(states, config.number("dropout")));
    for (const each of blocks) states = f.set("hidden_states", each(f, states, null, null, null));
    return f.set("hidden_states", last(f, states));
  });
}

interface Decoder {
  /** Takes target tokens and the encoder's states. */
  readonly layer: Layer<[ValueId, ValueId]>;
  /** The embeddings' weight. [V, W] */
  readonly weight: ValueId;
}

function decoder(m: Module, config: Config): Decoder {
  const width = config.count("d_model");
  const embed = embedding(m.child("embed_tokens"), config.count("vocab_size"), width);
  const table = m.child("embed_positions");
  const weight = table.parameter("weight", [config.count("max_target_positions"), width]);
  const places = table.layer("WhisperPositionalEmbedding", (f, at: ValueId) =>
    f.op("index", { self: weight, indices: [at] }),
  );
  const count = config.layers("decoder_layers");
  const blocks = Array.from({ length: count }, (_, i) =>
    bartDecoderLayer(m.child(`layers.${i}`), config, STYLE),
  );
  const last = layerNorm(m.child("layer_norm"), width);
  const layer = m.layer("WhisperDecoder", (f, ids: ValueId, encoded: ValueId) => {
    const [batch, length] = f.shape(ids) as readonly [number, number];
    const embeds = f.set("inputs_embeds", embed(f, ids));
    const counted = f.set("position_ids", f.op("add", { self: f.arange(length) }, { other: 0 }));
    const at = f.set(
      "position_ids",
      f.op("repeat", { self: f.unsqueeze(counted, 0) }, { repeats: [batch, 1] }),
    );
    const placed = f.set("positions", places(f, at));
    let states = f.set("hidden_states", f.add(embeds, placed));
    states = f.set("hidden_states", f.dropout(states, config.number("dropout")));
    const mask = f.call([], (g) => causalMask(g, { states: embeds, padding: null, positions: at }));
    if (mask !== null) f.set("causal_mask", mask);
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask, encoded, null));
    return f.set("hidden_states", last(f, states));
  });
  return { layer, weight: embed.weight };
}
