/**
 * BART and its kin: encoder-decoders with learned or fixed positions, norms before or after each half of a block.
 *
 * Source  transformers 5.18, models/{bart,mbart,marian,pegasus,m2m_100}/modeling_*.py …ForConditionalGeneration
 * `B` batch, `S` source length, `T` target length, `W` width, `V` vocabulary.
 */
import type { ValueId } from "../ir/graph.js";
import { bartDecoderLayer, bartEncoderLayer, type BartStyle } from "./blocks/bart-layers.js";
import { checkLength, countedPositions } from "./blocks/encoder-embeddings.js";
import { embeddingWith, layerNorm, linearWith } from "./blocks/linear.js";
import { bidirectionalMask, causalMask } from "./blocks/masks.js";
import { seq2seqInputs, shiftedAround, shiftedRight, targetLoss } from "./blocks/seq2seq.js";
import type { Config } from "./config.js";
import type { Family } from "./family.js";
import type { Frame } from "./frame.js";
import { input } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";

interface BartRow extends BartStyle {
  /** The class that predicts tokens, behind the prefix. */
  readonly causal?: string;
  /** Trained, with two entries for padding; frozen sines; or sines that are a buffer, counted behind padding. */
  readonly positions: "learned" | "frozen" | "counted";
  /** A norm follows the embeddings. */
  readonly embeddingNorm: boolean;
  /** Whether the embedding multiplies its rows, or the stack does. */
  readonly scaledBy: "embedding" | "stack";
  /** The decoder starts with a token of its own, or with the target's last. */
  readonly start: "token" | "last";
  /** A buffer that is added to the logits. */
  readonly logitsBias: boolean;
}

const BARTS = {
  bart: {
    kind: "Bart",
    norms: "after",
    positions: "learned",
    embeddingNorm: true,
    scaledBy: "embedding",
    start: "token",
    logitsBias: true,
  },
  mbart: {
    kind: "MBart",
    norms: "before",
    positions: "learned",
    embeddingNorm: true,
    scaledBy: "embedding",
    start: "last",
    logitsBias: true,
  },
  marian: {
    kind: "Marian",
    causal: "MTModel",
    norms: "after",
    positions: "frozen",
    embeddingNorm: false,
    scaledBy: "stack",
    start: "token",
    logitsBias: true,
  },
  pegasus: {
    kind: "Pegasus",
    norms: "before",
    positions: "frozen",
    embeddingNorm: false,
    scaledBy: "stack",
    start: "token",
    logitsBias: true,
  },
  m2m_100: {
    kind: "M2M100",
    norms: "before",
    positions: "counted",
    embeddingNorm: false,
    scaledBy: "embedding",
    start: "token",
    logitsBias: false,
  },
} as const satisfies Record<string, BartRow>;

export function bartFamily(name: keyof typeof BARTS): Family {
  const row: BartRow = BARTS[name];
  return {
    tasks: ["seq2seq"],
    draw: (config, request) => ({
      kind: `${row.kind}${row.causal ?? "ForConditionalGeneration"}`,
      model: { inputs: seq2seqInputs(request), construct: (root) => construct(root, config, row) },
    }),
  };
}

/** Where the two stacks take their embeddings' weights from. [V, W] */
interface Words {
  readonly encoder: (m: Module) => ValueId;
  readonly decoder: (m: Module) => ValueId;
  /** Tokens of the target. */
  readonly vocabulary: number;
}

/** One table for the source and the target, or one each: `share_encoder_decoder_embeddings`. */
function words(m: Module, config: Config): Words {
  const width = config.count("d_model");
  const own = (count: number) => (each: Module) => each.parameter("weight", [count, width]);
  const source = config.count("vocab_size");
  if (!config.flag("share_encoder_decoder_embeddings", true)) {
    const vocabulary = config.count("decoder_vocab_size", source);
    return { encoder: own(source), decoder: own(vocabulary), vocabulary };
  }
  const shared = m.child("shared").parameter("weight", [source, width]);
  const tied = config.flag("tie_word_embeddings", true);
  const take = tied ? (each: Module) => each.shares(shared) : own(source);
  return { encoder: take, decoder: take, vocabulary: source };
}

function construct(root: Module, config: Config, row: BartRow): ReturnType<DrawnModel["construct"]> {
  const m = root.child("model");
  const tables = words(m, config);
  const encoder = stack(m.child("encoder"), config, row, { words: tables.encoder, decodes: false });
  const decoder = stack(m.child("decoder"), config, row, { words: tables.decoder, decodes: true });
  const size = [tables.vocabulary, config.count("d_model")];
  const bias = row.logitsBias ? root.buffer("final_logits_bias", [1, tables.vocabulary]) : null;
  const head = root.child("lm_head");
  const tied = config.flag("tie_word_embeddings", true);
  const toLogits = linearWith(head, tied ? decoder.weight : head.parameter("weight", size));
  const run = m.layer(`${row.kind}Model`, (f, ids: ValueId, padding: ValueId | null, target: ValueId) => {
    const encoded = f.set("encoder_outputs", encoder.layer(f, ids, padding, null));
    return { encoded, states: f.set("decoder_outputs", decoder.layer(f, target, padding, encoded)) };
  });
  return (f, inputs) => {
    const labels = input(inputs, "labels");
    const shift = row.start === "token" ? shiftedRight : shiftedAround;
    const target = f.set("decoder_input_ids", shift(f, labels));
    const { states, encoded } = run(
      f,
      input(inputs, "input_ids"),
      inputs.get("attention_mask") ?? null,
      target,
    );
    f.set("outputs", states);
    f.set("outputs.encoder_last_hidden_state", encoded);
    let logits = f.set("lm_logits", toLogits(f, states));
    if (bias !== null) logits = f.set("lm_logits", f.add(logits, bias));
    return [f.set("masked_lm_loss", targetLoss(f, logits, labels)), logits, encoded];
  };
}

interface StackOptions {
  readonly words: (m: Module) => ValueId;
  readonly decodes: boolean;
}

interface Stack {
  /** Takes token ids, the padding mask of the source, and what the encoder said when it decodes. */
  readonly layer: Layer<[ValueId, ValueId | null, ValueId | null]>;
  /** The embeddings' weight. [V, W] */
  readonly weight: ValueId;
}

function stack(m: Module, config: Config, row: BartRow, { words, decodes }: StackOptions): Stack {
  const width = config.count("d_model");
  const embed = wordEmbedding(m.child("embed_tokens"), row, words);
  const place = placeEmbedding(m.child("embed_positions"), config, row);
  const count = config.layers(decodes ? "decoder_layers" : "encoder_layers");
  const block = decodes ? bartDecoderLayer : bartEncoderLayer;
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config, row));
  const first = row.embeddingNorm ? layerNorm(m.child("layernorm_embedding"), width) : null;
  const last = row.norms === "before" ? layerNorm(m.child("layer_norm"), width) : null;
  const name = `${row.kind}${decodes ? "Decoder" : "Encoder"}`;
  const layer = m.layer(name, (f, ids: ValueId, padding: ValueId | null, encoded: ValueId | null) => {
    const length = f.shape(ids)[1] as number;
    let embeds = f.set("inputs_embeds", embed.layer(f, ids));
    if (row.scaledBy === "stack") embeds = f.set("inputs_embeds", f.scale(embeds, 1));
    let at: ValueId | null = null;
    let mask: ValueId | null = null;
    let encodedMask: ValueId | null = null;
    if (decodes) {
      if (row.positions !== "counted")
        at = f.set("position_ids", f.op("add", { self: f.arange(length) }, { other: 0 }));
      mask = targetMask(f, embeds);
      encodedMask = bidirectionalMask(f, { states: embeds, padding });
    }
    const placed = f.set(decodes ? "positions" : "embed_pos", place(f, { ids, embeds, at }));
    let states = f.set("hidden_states", f.add(embeds, placed));
    if (first) states = f.set("hidden_states", first(f, states));
    states = f.set("hidden_states", f.dropout(states, config.number("dropout")));
    if (!decodes) mask = bidirectionalMask(f, { states: embeds, padding });
    if (mask !== null) f.set("attention_mask", mask);
    if (encodedMask !== null) f.set("encoder_attention_mask", encodedMask);
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask, encoded, encodedMask));
    return last ? f.set("hidden_states", last(f, states)) : states;
  });
  return { layer, weight: embed.weight };
}

/** The decoder makes a padding mask of ones itself. */
function targetMask(f: Frame, embeds: ValueId): ValueId | null {
  return f.call([], (g) => {
    const [batch, length] = g.shape(embeds) as readonly [number, number, number];
    const padding = g.set(
      "attention_mask",
      g.op("create", {}, { size: [batch, length], dtype: "float32", spelledOut: true }),
    );
    return g.call([padding], (h) => causalMask(h, { states: embeds, padding }));
  });
}

function wordEmbedding(m: Module, row: BartRow, words: (m: Module) => ValueId) {
  const weight = words(m);
  if (row.scaledBy === "stack") return { weight, layer: embeddingWith(m, weight) };
  const layer = m.layer(`${row.kind}ScaledWordEmbedding`, (f, indices: ValueId) =>
    f.scale(f.op("embedding", { weight, indices }), 1),
  );
  return { weight, layer };
}

interface Places {
  readonly ids: ValueId;
  readonly embeds: ValueId;
  /** [T], where the stack counted them. */
  readonly at: ValueId | null;
}

/** Learned tables begin with two entries for padding, and so do those that are counted behind it. */
const OFFSET = 2;

/** Takes what the positions are counted from. */
function placeEmbedding(m: Module, config: Config, row: BartRow): (f: Frame, places: Places) => ValueId {
  const width = config.count("d_model");
  const most = config.count("max_position_embeddings");
  if (row.positions === "learned") {
    const weight = m.parameter("weight", [most + OFFSET, width]);
    const layer = m.layer(`${row.kind}LearnedPositionalEmbedding`, (f, ids: ValueId, at: ValueId | null) => {
      const [batch, length] = f.shape(ids) as readonly [number, number];
      checkLength(config, length, most);
      const rows = f.set(
        "position_ids",
        at === null ? f.expand(f.arange(length), [batch, -1]) : f.unsqueeze(at, 0),
      );
      return f.op("embedding", { weight, indices: f.op("add", { self: rows }, { other: OFFSET }) });
    });
    return (f, { ids, at }) => layer(f, ids, at);
  }
  if (row.positions === "frozen") {
    const weight = m.frozen("weight", [most, width]);
    const layer = m.layer(
      `${row.kind}SinusoidalPositionalEmbedding`,
      (f, ids: ValueId, at: ValueId | null) => {
        const length = f.shape(ids)[1] as number;
        checkLength(config, length, most);
        const indices = f.set("position_ids", at ?? f.arange(length));
        return f.op("embedding", { weight, indices });
      },
    );
    return (f, { ids, at }) => layer(f, ids, at);
  }
  const weights = m.buffer("weights", [most + OFFSET, width]);
  const layer = m.layer(`${row.kind}SinusoidalPositionalEmbedding`, (f, ids: ValueId) => {
    const [batch, length] = f.shape(ids) as readonly [number, number];
    checkLength(config, length, most);
    const at = f.set("position_ids", countedPositions(f, ids));
    const rows = f.op("indexSelect", { self: weights, index: f.view(at, [-1]) }, { dim: 0 });
    return f.view(rows, [batch, length, width]);
  });
  return (f, { ids }) => layer(f, ids);
}
