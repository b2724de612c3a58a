/**
 * ConvNeXt and ConvNeXt V2: depthwise convolutions, and norms and products over the channels as the last dim.
 *
 * Source  transformers 5.18, models/{convnext,convnextv2}/modeling_*.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { conv2d } from "./blocks/convolution.js";
import { dropPath, growingRates } from "./blocks/drop-path.js";
import { layerNorm, linear } from "./blocks/linear.js";
import { patchConvolution } from "./blocks/patches.js";
import type { Config } from "./config.js";
import { pooledOf, type ImageBase, type ImageModel } from "./images.js";
import type { Layer, Module } from "./module.js";

interface ConvNextRow {
  /** Prefix of the classes' names. */
  readonly kind: string;
  readonly prefix: string;
  /** V2 normalizes by the whole image's response where V1 scales the branch. */
  readonly responseNorm: boolean;
}

export const CONVNEXTS = {
  convnext: { kind: "ConvNext", prefix: "convnext", responseNorm: false },
  convnextv2: { kind: "ConvNextV2", prefix: "convnextv2", responseNorm: true },
} as const satisfies Record<string, ConvNextRow>;

export function convNext(row: ConvNextRow): ImageModel {
  return { kind: row.kind, prefix: row.prefix, construct: (m, config) => construct(m, config, row) };
}

const TO_LAST = [0, 2, 3, 1];
const TO_FIRST = [0, 3, 1, 2];

function construct(m: Module, config: Config, row: ConvNextRow): ImageBase {
  const widths = config.counts("hidden_sizes");
  const depths = config.counts("depths").slice(0, config.layers("num_stages"));
  const embed = embeddings(m.child("embeddings"), config, row, widths[0] as number);
  const stack = m.child("encoder");
  const total = depths.reduce((sum, depth) => sum + depth, 0);
  const rates = growingRates(config.number("drop_path_rate"), total);
  const stages = depths.map((depth, i) => {
    const before = depths.slice(0, i).reduce((sum, each) => sum + each, 0);
    const sizes = {
      input: widths[Math.max(i - 1, 0)] as number,
      output: widths[i] as number,
      first: i === 0,
    };
    return stage(stack.child(`stages.${i}`), config, row, {
      ...sizes,
      rates: rates.slice(before, before + depth),
    });
  });
  const encode = stack.layer(`${row.kind}Encoder`, (f, x: ValueId) =>
    stages.reduce((states, each) => f.set("hidden_states", each(f, states)), x),
  );
  const width = widths[depths.length - 1] as number;
  const last = layerNorm(m.child("layernorm"), width);
  const layer = m.layer(`${row.kind}Model`, (f, pixels: ValueId) => {
    const embedded = f.set("embedding_output", embed(f, pixels));
    const states = f.set("last_hidden_state", encode(f, embedded));
    const mean = f.apply("mean", states, { dim: [-2, -1] });
    return { states, pooled: f.set("pooled_output", last(f, mean)) };
  });
  return { layer, width, features: pooledOf };
}

/** A norm over the channels of [B, C, H, W]. */
function channelNorm(m: Module, width: number, row: ConvNextRow): Layer {
  const weight = m.parameter("weight", [width]);
  const bias = m.parameter("bias", [width]);
  return m.layer(`${row.kind}LayerNorm`, (f, x: ValueId) => {
    const last = f.set("features", f.permute(x, TO_LAST));
    const normed = f.op("layerNorm", { input: last, weight, bias }, { normalized_shape: [width] });
    return f.set("features", f.permute(f.set("features", normed), TO_FIRST));
  });
}

function embeddings(m: Module, config: Config, row: ConvNextRow, width: number): Layer {
  const cut = patchConvolution(m.child("patch_embeddings"), config, width);
  const norm = channelNorm(m.child("layernorm"), width, row);
  return m.layer(`${row.kind}Embeddings`, (f, pixels: ValueId) =>
    f.set("embeddings", norm(f, f.set("embeddings", cut(f, pixels)))),
  );
}

interface StageSizes {
  readonly input: number;
  readonly output: number;
  readonly first: boolean;
  readonly rates: readonly number[];
}

function stage(m: Module, config: Config, row: ConvNextRow, sizes: StageSizes): Layer {
  const { input, output, first, rates } = sizes;
  const halve = first
    ? []
    : [
        channelNorm(m.child("downsampling_layer.0"), input, row),
        conv2d(m.child("downsampling_layer.1"), { input, output, kernel: [2, 2], stride: [2, 2] }),
      ];
  const blocks = rates.map((rate, i) => block(m.child(`layers.${i}`), config, row, { width: output, rate }));
  return m.layer(`${row.kind}Stage`, (f, x: ValueId) =>
    [...halve, ...blocks].reduce((states, each) => f.set("features", each(f, states)), x),
  );
}

function block(
  m: Module,
  config: Config,
  row: ConvNextRow,
  { width, rate }: { width: number; rate: number },
): Layer {
  const wide = 4 * width;
  const scaled = !row.responseNorm && config.number("layer_scale_init_value") > 0;
  const scale = scaled ? m.parameter("layer_scale_parameter", [width]) : null;
  const mix = conv2d(m.child("dwconv"), {
    input: width,
    output: width,
    kernel: [7, 7],
    padding: 3,
    groups: width,
  });
  const norm = layerNorm(m.child("layernorm"), width);
  const widen = linear(m.child("pwconv1"), width, wide);
  const act = activation(m.child("act"), config, "hidden_act");
  const respond = row.responseNorm ? responseNorm(m.child("grn"), wide, row) : null;
  const narrow = linear(m.child("pwconv2"), wide, width);
  const drop = dropPath(m.child("drop_path"), rate);
  return m.layer(`${row.kind}Layer`, (f, x: ValueId) => {
    let states = f.set("features", mix(f, x));
    states = f.set("features", f.permute(states, TO_LAST));
    for (const each of [norm, widen, act, ...(respond ? [respond] : []), narrow])
      states = f.set("features", each(f, states));
    if (scale !== null) states = f.set("features", f.mul(scale, states));
    states = f.set("features", f.permute(states, TO_FIRST));
    return f.set("features", f.add(x, drop(f, states)));
  });
}

/** Global response normalization: each channel by its norm over the image, relative to the other channels'. */
function responseNorm(m: Module, width: number, row: ConvNextRow): Layer {
  const weight = m.parameter("weight", [1, 1, 1, width]);
  const bias = m.parameter("bias", [1, 1, 1, width]);
  return m.layer(`${row.kind}GRN`, (f, x: ValueId) => {
    const norms = f.set("global_features", f.apply("vectorNorm", x, { ord: 2, dim: [1, 2], keepdim: true }));
    const mean = f.apply("mean", norms, { dim: [-1], keepdim: true });
    const relative = f.op("div", { self: norms, other: f.op("add", { self: mean }, { other: 1e-6 }) });
    f.set("norm_features", relative);
    const scaled = f.mul(weight, f.mul(x, relative));
    return f.set("hidden_states", f.add(f.add(scaled, bias), x));
  });
}
