/**
 * The convolution over neighbouring tokens that large DeBERTa v2 models add to their first layer.
 *
 * Source  transformers 5.18, models/deberta_v2/modeling_deberta_v2.py ConvLayer
 */
import type { ValueId } from "../ir/graph.js";
import { namedActivation } from "./blocks/activation.js";
import { dropout, layerNorm } from "./blocks/linear.js";
import type { Config } from "./config.js";
import type { Layer, Module } from "./module.js";

/** Takes the embeddings, the first layer's states and the padding mask. */
export function debertaConvolution(
  m: Module,
  config: Config,
  width: number,
): Layer<[ValueId, ValueId, ValueId]> {
  const kernel = config.count("conv_kernel_size");
  const groups = config.count("conv_groups", 1);
  config.share(width, groups, "conv_groups", "hidden_size");
  const inner = m.child("conv");
  const weight = inner.parameter("weight", [width, width / groups, kernel]);
  const bias = inner.parameter("bias", [width]);
  const sizes = { stride: [1], padding: [Math.floor((kernel - 1) / 2)], dilation: [1], groups };
  const convolve = inner.layer("Conv1d", (f, input: ValueId) =>
    f.op("convolution", { input, weight, bias }, sizes),
  );
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  const act = namedActivation(m.child("conv_act"), config, "conv_act", config.text("conv_act", "tanh"));
  return m.layer("ConvLayer", (f, states: ValueId, residual: ValueId, given: ValueId) => {
    const turned = convolve(f, f.contiguous(f.permute(states, [0, 2, 1])));
    let out = f.set("out", f.contiguous(f.permute(turned, [0, 2, 1])));
    const hidden = f.set("rmask", f.to(f.op("rsub", { self: given }, { other: 1 }), "bool"));
    const wide = f.expand(f.unsqueeze(hidden, -1), f.shape(out));
    f.op("maskedFill", { self: out, mask: wide }, { value: 0, inPlace: true });
    out = f.set("out", act(f, drop(f, out)));
    const sum = f.set("layer_norm_input", f.add(residual, out));
    const output = f.set("output", f.toTypeOf(norm(f, sum), sum));
    const mask = f.set("input_mask", f.toTypeOf(f.unsqueeze(given, 2), output));
    return f.set("output_states", f.mul(output, mask));
  });
}
