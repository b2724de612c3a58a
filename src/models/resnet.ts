/**
 * ResNet: residual layers of convolutions with batch norm.
 *
 * Source  transformers 5.18, models/resnet/modeling_resnet.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { batchNorm2d, conv2d, sequential } from "./blocks/convolution.js";
import { badValue } from "./complaints.js";
import type { Config } from "./config.js";
import { pooledOf, type ImageBase, type ImageModel } from "./images.js";
import type { Layer, Module } from "./module.js";

export const resNet: ImageModel = { kind: "ResNet", prefix: "resnet", head: "classifier.1", construct };

interface Convolution {
  readonly input: number;
  readonly output: number;
  readonly kernel?: number;
  readonly stride?: number;
  /** The activation behind the norm; null: none. */
  readonly act?: ((m: Module) => Layer) | null;
}

const relu = (m: Module): Layer => m.layer("ReLU", (f, x: ValueId) => f.apply("relu", x));

function construct(m: Module, config: Config): ImageBase {
  const widths = config.counts("hidden_sizes");
  const depths = config.counts("depths");
  if (depths.length > widths.length)
    throw badValue(config.source, "depths", `at most ${widths.length} stages, as hidden_sizes has`, depths);
  const stem = config.count("embedding_size");
  const embed = embeddings(m.child("embedder"), config, stem);
  const stack = m.child("encoder");
  const stages = depths.map((depth, i) =>
    stage(stack.child(`stages.${i}`), config, {
      input: i === 0 ? stem : (widths[i - 1] as number),
      output: widths[i] as number,
      stride: i > 0 || config.flag("downsample_in_first_stage") ? 2 : 1,
      depth,
    }),
  );
  const encode = stack.layer("ResNetEncoder", (f, x: ValueId) =>
    stages.reduce((states, each) => f.set("hidden_state", each(f, states)), x),
  );
  const pool = m
    .child("pooler")
    .layer("AdaptiveAvgPool2d", (f, x: ValueId) => f.apply("adaptiveAvgPool2d", x, { output_size: [1, 1] }));
  const layer = m.layer("ResNetModel", (f, pixels: ValueId) => {
    const embedded = f.set("embedding_output", embed(f, pixels));
    const states = f.set("last_hidden_state", encode(f, embedded));
    return { states, pooled: f.set("pooled_output", pool(f, states)) };
  });
  return {
    layer,
    width: widths[depths.length - 1] as number,
    features: (f, made) => f.op("flatten", { self: pooledOf(f, made) }, { start_dim: 1 }),
  };
}

function convLayer(m: Module, { input, output, kernel = 3, stride = 1, act = relu }: Convolution): Layer {
  const convolve = conv2d(m.child("convolution"), {
    input,
    output,
    kernel: [kernel, kernel],
    stride: [stride, stride],
    padding: Math.floor(kernel / 2),
    bias: false,
  });
  const norm = batchNorm2d(m.child("normalization"), output);
  const activate = act === null ? null : act(m.child("activation"));
  return m.layer("ResNetConvLayer", (f, x: ValueId) => {
    let states = f.set("hidden_state", convolve(f, x));
    states = f.set("hidden_state", norm(f, states));
    return activate === null ? states : f.set("hidden_state", activate(f, states));
  });
}

function embeddings(m: Module, config: Config, width: number): Layer {
  const convolve = convLayer(m.child("embedder"), {
    input: config.count("num_channels"),
    output: width,
    kernel: 7,
    stride: 2,
    act: (child) => activation(child, config, "hidden_act"),
  });
  const window = { kernel_size: [3, 3], stride: [2, 2], padding: [1, 1] };
  const pool = m.child("pooler").layer("MaxPool2d", (f, x: ValueId) => f.apply("maxPool2d", x, window));
  return m.layer("ResNetEmbeddings", (f, pixels: ValueId) =>
    f.set("embedding", pool(f, f.set("embedding", convolve(f, pixels)))),
  );
}

interface LayerSizes {
  readonly input: number;
  readonly output: number;
  readonly stride: number;
}

function stage(m: Module, config: Config, sizes: LayerSizes & { readonly depth: number }): Layer {
  const { output, depth } = sizes;
  const layers = Array.from({ length: depth }, (_, i) =>
    residualLayer(m.child(`layers.${i}`), config, i === 0 ? sizes : { input: output, output, stride: 1 }),
  );
  return m.layer("ResNetStage", (f, x: ValueId) =>
    layers.reduce((states, each) => f.set("hidden_state", each(f, states)), x),
  );
}

/** Branch and shortcut are added in place. */
function residualLayer(m: Module, config: Config, sizes: LayerSizes): Layer {
  const { input, output, stride } = sizes;
  const bottleneck = config.text("layer_type") === "bottleneck";
  const shorten = input !== output || stride !== 1 ? shortcut(m.child("shortcut"), sizes) : null;
  const branch = m.child("layer");
  const layers = branchOf(config, sizes).map((each, i) => convLayer(branch.child(String(i)), each));
  const run = sequential(branch, layers);
  const activate = activation(m.child("activation"), config, "hidden_act");
  return m.layer(bottleneck ? "ResNetBottleNeckLayer" : "ResNetBasicLayer", (f, x: ValueId) => {
    const states = f.set("hidden_state", run(f, x));
    const residual = shorten === null ? x : f.set("residual", shorten(f, x));
    const sum = f.set("hidden_state", f.op("add", { self: states, other: residual }, { inPlace: true }));
    return f.set("hidden_state", activate(f, sum));
  });
}

/** Channels are reduced to a quarter between the outer convolutions of a bottleneck. */
const REDUCTION = 4;

function branchOf(config: Config, { input, output, stride }: LayerSizes): readonly Convolution[] {
  const kind = config.text("layer_type");
  if (kind === "basic")
    return [
      { input, output, stride },
      { input: output, output, act: null },
    ];
  if (kind !== "bottleneck") throw badValue(config.source, "layer_type", "basic or bottleneck", kind);
  const inner = Math.floor(output / REDUCTION);
  const early = config.flag("downsample_in_bottleneck");
  return [
    { input, output: inner, kernel: 1, stride: early ? stride : 1 },
    { input: inner, output: inner, stride: early ? 1 : stride },
    { input: inner, output, kernel: 1, act: null },
  ];
}

function shortcut(m: Module, { input, output, stride }: LayerSizes): Layer {
  const convolve = conv2d(m.child("convolution"), {
    input,
    output,
    kernel: [1, 1],
    stride: [stride, stride],
    bias: false,
  });
  const norm = batchNorm2d(m.child("normalization"), output);
  return m.layer("ResNetShortCut", (f, x: ValueId) =>
    f.set("hidden_state", norm(f, f.set("hidden_state", convolve(f, x)))),
  );
}
