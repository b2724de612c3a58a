/**
 * Mamba 2: selective state spaces in chunks, without another package's kernels: matrices inside a chunk, states between them.
 *
 * Source  transformers 5.18, models/mamba2/modeling_mamba2.py
 * `B` batch, `S` sequence, `I` inner width, `H` heads, `P` head size, `N` state size, `G` groups.
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { chunkScan } from "./blocks/chunk-scan.js";
import { embedding, linear } from "./blocks/linear.js";
import { rmsNorm } from "./blocks/norm.js";
import { badValue } from "./complaints.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const mamba2: LanguageModel = { kind: "Mamba2", prefix: "backbone", wideLogits: true, construct };

function construct(m: Module, config: Config): Base {
  const width = config.count("hidden_size");
  const embed = embedding(m.child("embeddings"), config.count("vocab_size"), width);
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config));
  const last = rmsNorm(m.child("norm_f"), width, "llama", "Mamba2RMSNorm");
  const layer = m.layer("Mamba2Model", (f, ids: ValueId, padding: ValueId | null) => {
    let states = f.set("inputs_embeds", embed(f, ids));
    // a mask that hides nothing is looked at and left out
    if (padding !== null) f.apply("all", f.op("eq", { self: padding }, { other: 1 }));
    for (const each of blocks) states = f.set("hidden_states", each(f, states));
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

function block(m: Module, config: Config): Layer {
  const before = rmsNorm(m.child("norm"), config.count("hidden_size"), "llama", "Mamba2RMSNorm");
  const mix = mixer(m.child("mixer"), config);
  const wide = config.flag("residual_in_fp32");
  return m.layer(
    "Mamba2Block",
    (f, x: ValueId) => {
      const normed = f.set("hidden_states", before(f, f.toTypeOf(x, mix.weight)));
      const residual = f.set("residual", wide ? f.to(x, "float32") : x);
      const mixed = f.set("hidden_states", mix.layer(f, normed));
      return f.set("hidden_states", f.add(residual, mixed));
    },
    { block: true },
  );
}

/** Its own parameters come before those of submodules among the model's parameters. `weight`: one, for the model's type. */
function mixer(m: Module, config: Config): { readonly layer: Layer; readonly weight: ValueId } {
  const width = config.count("hidden_size");
  const [heads, head] = [config.count("num_heads"), config.count("head_dim")];
  const inner = Math.trunc(config.number("expand") * width);
  if (inner !== heads * head)
    throw badValue(
      config.source,
      "num_heads",
      `hidden_size times expand over head_dim (${inner / head})`,
      heads,
    );
  const [groups, size] = [config.count("n_groups"), config.count("state_size")];
  config.share(heads, groups, "n_groups", "num_heads");
  const kernel = config.count("conv_kernel");
  const mixed = inner + 2 * groups * size;
  const bias = config.flag("use_bias");
  const stepBias = m.parameter("dt_bias", [heads]);
  const logA = m.parameter("A_log", [heads]);
  const skip = m.parameter("D", [heads]);
  const act = activation(m.child("act"), config, "hidden_act");
  const convolution = m.child("conv1d");
  const filter = convolution.parameter("weight", [mixed, 1, kernel]);
  const shift = config.flag("use_conv_bias") ? convolution.parameter("bias", [mixed]) : null;
  const into = linear(m.child("in_proj"), width, inner + mixed + heads, bias);
  const norm = gatedNorm(m.child("norm"), inner);
  const out = linear(m.child("out_proj"), inner, width, bias);
  const layer = m.layer("Mamba2Mixer", (f, x: ValueId) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const projected = f.set("projected_states", into(f, x));
    const A = f.set("A", f.apply("neg", f.apply("exp", f.to(logA, "float32"))));
    const [gate, joint, dt] = cut(f, projected, [inner, mixed, heads]);
    const first = f.transpose(joint, 1, 2);
    const convolved = f.call([first], (g) => {
      const weight = g.unsqueeze(g.op("squeeze", { self: filter }, { dim: 1 }), 1);
      const wide = g.op(
        "convolution",
        { input: g.toTypeOf(first, filter), weight, bias: shift },
        { stride: [1], padding: [kernel - 1], dilation: [1], groups: mixed },
      );
      const rows = g.set("out", g.slice(wide, 2, 0, S));
      return g.toTypeOf(g.set("out", act(g, rows)), first);
    });
    const states = f.set("hidden_states_B_C", f.transpose(convolved, 1, 2));
    const [hidden, b, c] = cut(f, states, [inner, groups * size, groups * size]);
    const scanned = chunkScan(f, {
      states: f.view(hidden, [B, S, heads, head]),
      dt,
      A,
      B: f.view(b, [B, S, groups, size]),
      C: f.view(c, [B, S, groups, size]),
      D: skip,
      bias: stepBias,
      chunk: config.count("chunk_size"),
    });
    f.set("scan_result", scanned);
    let result = f.set("scan_output", f.reshape(scanned, [B, S, inner]));
    result = f.set("scan_output", norm(f, result, gate));
    return f.set("contextualized_states", out(f, f.toTypeOf(result, x)));
  });
  return { layer, weight: logA };
}

function cut(f: Frame, self: ValueId, sizes: readonly number[]): readonly [ValueId, ValueId, ValueId] {
  return f.ops("split", { self }, { split_sizes: sizes, dim: -1 }) as [ValueId, ValueId, ValueId];
}

/** A norm of what a gate lets through. */
function gatedNorm(m: Module, width: number): Layer<[ValueId, ValueId]> {
  const weight = m.parameter("weight", [width]);
  return m.layer("MambaRMSNormGated", (f, x: ValueId, gate: ValueId) => {
    let states = f.set("hidden_states", f.to(x, "float32"));
    states = f.set("hidden_states", f.mul(states, f.apply("silu", f.to(gate, "float32"))));
    const squares = f.apply("pow", states, { exponent: 2 });
    const variance = f.set("variance", f.apply("mean", squares, { dim: [-1], keepdim: true }));
    const factor = f.apply("rsqrt", f.op("add", { self: variance }, { other: 1e-6 }));
    states = f.set("hidden_states", f.mul(states, factor));
    return f.mul(weight, f.toTypeOf(states, x));
  });
}
