/**
 * wav2vec 2.0 and HuBERT: convolutions over samples of a sound, a transformer encoder, and the loss of a transcription.
 *
 * Source  transformers 5.18, models/{wav2vec2,hubert}/modeling_*.py …Model, …ForCTC
 * `B` batch, `N` samples, `T` frames, `L` letters of a transcription, `C` channels, `W` width.
 */
import type { ValueId } from "../ir/graph.js";
import { dense } from "../ir/tensor.js";
import { ctcLoss } from "./blocks/ctc.js";
import { dropout, layerNorm, linear } from "./blocks/linear.js";
import { hidesSpans, spanMask } from "./blocks/span-mask.js";
import { badValue } from "./complaints.js";
import type { Config } from "./config.js";
import type { Family, FamilyRequest } from "./family.js";
import { input } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";
import { soundEncoder } from "./sound-encoder.js";
import { soundFeatures } from "./sound-features.js";

export interface SoundRow {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** The base model's name inside a head. */
  readonly prefix: string;
  /** The normed features are part of the base model's output. */
  readonly returnsFeatures: boolean;
}

const SOUNDS = {
  wav2vec2: { kind: "Wav2Vec2", prefix: "wav2vec2", returnsFeatures: true },
  hubert: { kind: "Hubert", prefix: "hubert", returnsFeatures: false },
} as const satisfies Record<string, SoundRow>;

/** Ten seconds at 16 kHz. */
const USUAL_SAMPLES = 160_000;
/** About sixteen letters are spoken in a second. */
const SAMPLES_PER_LETTER = 1000;

export function soundFamily(name: keyof typeof SOUNDS): Family {
  const row: SoundRow = SOUNDS[name];
  return {
    tasks: ["ctc"],
    sequence: () => USUAL_SAMPLES,
    draw: (config, request) => {
      refuseAdapters(config);
      return {
        kind: `${row.kind}ForCTC`,
        model: { inputs: inputs(request), construct: (root) => construct(root, config, row, request) },
        diagnostics: [...hidesSpans(config, request.training), ...skipsLayers(config, request.training)],
      };
    },
  };
}

/** Modules for one more language, which no recording covers. */
function refuseAdapters(config: Config): void {
  if (config.flag("add_adapter")) throw badValue(config.source, "add_adapter", "false", true);
  if (config.has("adapter_attn_dim"))
    throw badValue(config.source, "adapter_attn_dim", "nothing", config.value("adapter_attn_dim"));
}

function inputs({ batch, sequence, shapes, training }: FamilyRequest): DrawnModel["inputs"] {
  const sound = dense(shapes.input_values ?? [batch, sequence], "float32");
  const letters = Math.max(1, Math.round((sound.shape[1] as number) / SAMPLES_PER_LETTER));
  const labels = dense(shapes.labels ?? [batch, letters], "int64");
  return [{ name: "input_values", spec: sound }, ...(training ? [{ name: "labels", spec: labels }] : [])];
}

function construct(
  root: Module,
  config: Config,
  row: SoundRow,
  { training }: FamilyRequest,
): ReturnType<DrawnModel["construct"]> {
  const run = base(root.child(row.prefix), config, row);
  const drop = dropout(root.child("dropout"), config.number("final_dropout"));
  const head = linear(root.child("lm_head"), config.count("hidden_size"), config.count("vocab_size"));
  return (f, values) => {
    const sound = f.set("attention_mask", input(values, "input_values")); // a parameter: its slot is the first
    if (training) {
      const most = f.apply("maxAll", input(values, "labels"));
      f.op("ge", { self: most }, { other: 1 });
    }
    const { states: made, features } = run(f, sound);
    let states = f.set("outputs", made);
    if (features !== null) f.set("outputs.extract_features", features);
    states = f.set("hidden_states", states);
    states = f.set("hidden_states", drop(f, states));
    const logits = f.set("logits", head(f, states));
    if (!training) return [logits];
    return [f.set("loss", ctcLoss(f, config, { sound, logits, labels: input(values, "labels") })), logits];
  };
}

interface SoundStates {
  /** [B, T, W] */
  readonly states: ValueId;
  /** Normed features [B, T, C], where the model returns them. */
  readonly features: ValueId | null;
}

function base(m: Module, config: Config, row: SoundRow): Layer<[ValueId], SoundStates> {
  const extract = soundFeatures(m.child("feature_extractor"), config, row.kind);
  const project = projection(m.child("feature_projection"), config, row);
  const mask = spanMask(m, config);
  const encode = soundEncoder(m.child("encoder"), config, row.kind);
  return m.layer(`${row.kind}Model`, (f, sound) => {
    const raw = f.set("extract_features", extract(f, sound));
    const found = f.set("extract_features", f.transpose(raw, 1, 2));
    const projected = project(f, found);
    let states = f.set("hidden_states", projected.states);
    const features = row.returnsFeatures ? f.set("extract_features", projected.normed) : null;
    states = f.set("hidden_states", mask(f, states));
    states = f.set("encoder_outputs", encode(f, states));
    return { states: f.set("hidden_states", states), features };
  });
}

/** From channels to the encoder's width, behind a norm. */
function projection(
  m: Module,
  config: Config,
  row: SoundRow,
): Layer<[ValueId], { readonly states: ValueId; readonly normed: ValueId }> {
  const channels = config.counts("conv_dim").at(-1) as number; // as: the features are not empty
  const norms = row.returnsFeatures || config.flag("feat_proj_layer_norm", true);
  const norm = norms ? layerNorm(m.child("layer_norm"), channels) : null;
  const project = linear(m.child("projection"), channels, config.count("hidden_size"));
  const drop = dropout(m.child("dropout"), config.number("feat_proj_dropout"));
  const name = row.returnsFeatures ? "norm_hidden_states" : "hidden_states";
  return m.layer(`${row.kind}FeatureProjection`, (f, x) => {
    const normed = norm ? f.set(name, norm(f, x)) : x;
    const states = f.set("hidden_states", project(f, normed));
    return { states: f.set("hidden_states", drop(f, states)), normed };
  });
}

/** Layers are left out at random: all of them is the most a step can take. */
function skipsLayers(config: Config, training: boolean) {
  const share = config.number("layerdrop", 0);
  if (!training || share === 0) return [];
  return [
    {
      code: "config/layerdrop",
      severity: "info" as const,
      message: `layerdrop ${share} leaves layers out at random: a step that leaves none out is counted`,
      where: config.source,
    },
  ];
}
