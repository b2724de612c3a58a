/**
 * Mamba: a selective state space in place of attention, as its Python code runs it where the CUDA kernels of mamba_ssm
 * are not installed: one token after the other.
 *
 * Source  transformers 5.18, models/mamba/modeling_mamba.py
 * `B` batch, `S` sequence, `I` inner width, `N` state size.
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { embedding, linear } from "./blocks/linear.js";
import { rmsNorm } from "./blocks/norm.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const mamba: LanguageModel = { kind: "Mamba", prefix: "backbone", wideLogits: true, construct };

/** Width of a layer for which the time step's projection has a column: `time_step_rank: "auto"`. */
const PER_RANK = 16;

function construct(m: Module, config: Config): Base {
  const width = config.count("hidden_size");
  const embed = embedding(m.child("embeddings"), config.count("vocab_size"), width);
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config));
  const last = rmsNorm(m.child("norm_f"), width, "llama", "MambaRMSNorm");
  const layer = m.layer("MambaModel", (f, ids: ValueId, padding: ValueId | null) => {
    let states = f.set("inputs_embeds", embed(f, ids));
    for (const each of blocks) states = f.set("hidden_states", each(f, states, padding));
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

function block(m: Module, config: Config): Layer<[ValueId, ValueId | null]> {
  const before = rmsNorm(m.child("norm"), config.count("hidden_size"), "llama", "MambaRMSNorm");
  const mix = mixer(m.child("mixer"), config);
  const wide = config.flag("residual_in_fp32");
  return m.layer(
    "MambaBlock",
    (f, x: ValueId, padding: ValueId | null) => {
      const normed = f.set("hidden_states", before(f, f.toTypeOf(x, mix.weight)));
      const residual = f.set("residual", wide ? f.to(x, "float32") : x);
      const mixed = f.set("hidden_states", mix.layer(f, normed, padding));
      return f.set("hidden_states", f.add(residual, mixed));
    },
    { block: true },
  );
}

interface Mixer {
  readonly layer: Layer<[ValueId, ValueId | null]>;
  /** A parameter, whose type is the model's. */
  readonly weight: ValueId;
}

function mixer(m: Module, config: Config): Mixer {
  const width = config.count("hidden_size");
  const inner = Math.trunc(config.number("expand") * width);
  const size = config.count("state_size");
  const kernel = config.count("conv_kernel");
  const rank =
    config.value("time_step_rank") === "auto" ? Math.ceil(width / PER_RANK) : config.count("time_step_rank");
  const bias = config.flag("use_bias");
  // own parameters come before those of submodules among the model's parameters
  const logA = m.parameter("A_log", [inner, size]);
  const skip = m.parameter("D", [inner]);
  const convolution = m.child("conv1d");
  const filter = convolution.parameter("weight", [inner, 1, kernel]);
  const shift = config.flag("use_conv_bias") ? convolution.parameter("bias", [inner]) : null;
  const act = activation(m.child("act"), config, "hidden_act");
  const into = linear(m.child("in_proj"), width, 2 * inner, bias);
  const select = linear(m.child("x_proj"), inner, rank + 2 * size, false);
  const step = m.child("dt_proj");
  const stepWeight = step.parameter("weight", [inner, rank]);
  const stepBias = step.parameter("bias", [inner]);
  const out = linear(m.child("out_proj"), inner, width, bias);
  const masked = (f: Frame, states: ValueId, padding: ValueId | null) =>
    padding === null ? states : f.toTypeOf(f.mul(states, f.unsqueeze(padding, 2)), states);
  const layer = m.layer("MambaMixer", (f, x: ValueId, padding: ValueId | null) => {
    const length = f.shape(x)[1] as number;
    const given = masked(f, x, padding);
    const projected = f.set("projected_states", f.transpose(into(f, given), 1, 2));
    const A = f.set("A", f.apply("neg", f.apply("exp", f.to(logA, "float32"))));
    const [first, gate] = f.ops("split", { self: projected }, { split_size: inner, dim: 1 }) as [
      ValueId,
      ValueId,
    ];
    const convolved = f.call([first], (g) => {
      const weight = g.unsqueeze(g.op("squeeze", { self: filter }, { dim: 1 }), 1);
      const padded = g.op(
        "convolution",
        { input: g.toTypeOf(first, filter), weight, bias: shift },
        { stride: [1], padding: [kernel - 1], dilation: [1], groups: inner },
      );
      const cut = g.set("out", g.slice(padded, 2, 0, length));
      return g.toTypeOf(g.set("out", act(g, cut)), first);
    });
    let states = f.set("hidden_states_B_C", convolved);
    states = f.set("hidden_states_B_C", masked(f, f.transpose(states, 1, 2), padding));
    const [time, B, C] = f.ops(
      "split",
      { self: select(f, states) },
      { split_sizes: [rank, size, size], dim: -1 },
    ) as [ValueId, ValueId, ValueId];
    f.set("C", C);
    const dt = f.set("time_step", f.matmul(stepWeight, f.transpose(time, 1, 2)));
    const timeBias = f.set("time_proj_bias", f.to(stepBias, "float32"));
    const scanned = selectiveScan(f, {
      states: f.transpose(states, 1, 2),
      dt,
      A,
      B,
      C,
      D: f.to(skip, "float32"),
      gate,
      bias: timeBias,
    });
    f.set("scan_output", scanned);
    return f.set("contextualized_states", out(f, f.toTypeOf(f.transpose(scanned, 1, 2), x)));
  });
  return { layer, weight: logA };
}

interface Scan {
  /** [B, I, S] */
  readonly states: ValueId;
  readonly dt: ValueId;
  /** [I, N] */
  readonly A: ValueId;
  /** [B, S, N] */
  readonly B: ValueId;
  readonly C: ValueId;
  readonly D: ValueId;
  readonly gate: ValueId;
  readonly bias: ValueId;
}

/** `mamba_selective_scan`: the state after each token, and what is read from it. */
function selectiveScan(f: Frame, scan: Scan): ValueId {
  const { states, A, B, C, D, gate } = scan;
  return f.call([states, scan.dt, A, D], (g) => {
    const [, inner, length] = g.shape(states) as readonly [number, number, number];
    const [batch, size] = [g.shape(states)[0] as number, g.shape(A)[1] as number];
    let dt = g.set("argument 1", g.add(scan.dt, g.unsqueeze(g.toTypeOf(scan.bias, scan.dt), 1)));
    dt = g.set("argument 1", g.apply("softplus", dt));
    const steps = g.unsqueeze(dt, 3);
    const rates = g.unsqueeze(g.unsqueeze(A, 0), 2);
    const decay = g.set("discrete_A", g.apply("exp", g.mul(rates, steps)));
    const gains = g.set("discrete_B", g.mul(g.unsqueeze(dt, 3), g.to(g.unsqueeze(B, 1), "float32")));
    const inputs = g.set("deltaB_u", g.mul(gains, g.to(g.unsqueeze(states, 3), "float32")));
    const zeros = g.op("create", { self: states }, { size: [batch, inner, size] });
    let state = g.set("ssm_state", zeros);
    const outputs: ValueId[] = [];
    for (let index = 0; index < length; index++) {
      const at = (self: ValueId, dim: number) => g.op("select", { self }, { dim, index });
      const decayed = g.mul(at(decay, 2), state);
      state = g.set("ssm_state", g.add(decayed, at(inputs, 2)));
      const column = g.unsqueeze(at(C, 1), -1);
      const read = g.set("scan_output", g.matmul(g.toTypeOf(state, states), column));
      outputs.push(g.set(`scan_outputs ${index}`, g.op("select", { self: read }, { dim: 2, index: 0 })));
    }
    let out = g.set("scan_output", g.op("stack", { tensors: outputs }, { dim: -1 }));
    const skipped = g.mul(states, g.unsqueeze(g.unsqueeze(D, 0), 2));
    out = g.set("scan_output", g.add(out, skipped));
    return g.set("scan_output", g.mul(out, g.apply("silu", gate)));
  });
}
