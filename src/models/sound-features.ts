/**
 * Features of a sound: convolutions that make one frame of many samples.
 *
 * Source  transformers 5.18, models/wav2vec2/modeling_wav2vec2.py Wav2Vec2FeatureEncoder, …GroupNormConvLayer,
 *         …NoLayerNormConvLayer, …LayerNormConvLayer
 * `B` batch, `N` samples, `T` frames, `C` channels.
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { conv1d } from "./blocks/convolution.js";
import { layerNorm } from "./blocks/linear.js";
import { badValue, soundTooShort } from "./complaints.js";
import type { Config } from "./config.js";
import type { Layer, Module } from "./module.js";

type FeatureNorm = "group" | "layer" | "none";

/** Samples [B, N] to features [B, C, T]. */
export function soundFeatures(m: Module, config: Config, kind: string): Layer {
  const sizes = layerSizes(config);
  const norm = config.text("feat_extract_norm");
  if (norm !== "group" && norm !== "layer")
    throw badValue(config.source, "feat_extract_norm", "group or layer", norm);
  const layers = sizes.map((size, i) =>
    convolutionLayer(m.child(`conv_layers.${i}`), config, {
      ...size,
      kind,
      norm: norm === "layer" ? "layer" : i === 0 ? "group" : "none",
    }),
  );
  return m.layer(`${kind}FeatureEncoder`, (f, sound: ValueId) => {
    requireLength(config, sizes, f.shape(sound)[1] as number);
    let states = f.set("hidden_states", f.unsqueeze(sound, 1));
    // it is asked for a gradient so that the first layer can be computed again
    if (f.run.training) states = f.set("hidden_states", f.apply("requireGrad", states));
    for (const each of layers) states = f.set("hidden_states", each(f, states));
    return states;
  });
}

interface LayerSize {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
}

/** Channels, kernels and strides, one of each per layer. */
export function layerSizes(config: Config): readonly LayerSize[] {
  const keys = ["conv_dim", "conv_kernel", "conv_stride"] as const;
  const [channels, kernels, strides] = keys.map((key) => config.counts(key)) as [
    readonly number[],
    readonly number[],
    readonly number[],
  ];
  if (channels.length === 0) throw badValue(config.source, "conv_dim", "at least one layer", channels);
  for (const key of keys.slice(1))
    if (config.counts(key).length !== channels.length)
      throw badValue(
        config.source,
        key,
        `as many entries as conv_dim has (${channels.length})`,
        config.list(key),
      );
  return channels.map((output, i) => ({
    input: i === 0 ? 1 : (channels[i - 1] as number),
    output,
    kernel: kernels[i] as number,
    stride: strides[i] as number,
  }));
}

/** A kernel needs as many samples as it is long. */
function requireLength(config: Config, sizes: readonly LayerSize[], samples: number): void {
  let [need, length] = [1, samples];
  for (const { kernel, stride } of [...sizes].reverse()) need = (need - 1) * stride + kernel;
  for (const { kernel, stride } of sizes) length = Math.floor((length - kernel) / stride) + 1;
  if (length < 1) throw soundTooShort(config.source, samples, need);
}

function convolutionLayer(
  m: Module,
  config: Config,
  { norm, kind, ...sizes }: LayerSize & { readonly norm: FeatureNorm; readonly kind: string },
): Layer {
  const convolve = conv1d(m.child("conv"), { ...sizes, bias: config.flag("conv_bias") });
  const lines = norm === "layer" ? layerNorm(m.child("layer_norm"), sizes.output) : null;
  const act = activation(m.child("activation"), config, "feat_extract_activation");
  const groups = norm === "group" ? channelNorm(m.child("layer_norm"), sizes.output) : null;
  const name = { group: "GroupNorm", layer: "LayerNorm", none: "NoLayerNorm" }[norm];
  return m.layer(
    `${kind}${name}ConvLayer`,
    (f, x: ValueId) => {
      let states = f.set("hidden_states", convolve(f, x));
      if (groups) states = f.set("hidden_states", groups(f, states));
      if (lines) {
        states = f.set("hidden_states", f.transpose(states, -2, -1));
        states = f.set("hidden_states", lines(f, states));
        states = f.set("hidden_states", f.transpose(states, -2, -1));
      }
      return f.set("hidden_states", act(f, states));
    },
    { block: true },
  );
}

/** `torch.nn.GroupNorm` with a group for each channel. */
function channelNorm(m: Module, channels: number): Layer {
  const weight = m.parameter("weight", [channels]);
  const bias = m.parameter("bias", [channels]);
  return m.layer("GroupNorm", (f, x: ValueId) =>
    f.op("groupNorm", { input: x, weight, bias }, { num_groups: channels }),
  );
}
