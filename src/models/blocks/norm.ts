/** Norms as transformers writes them out: statistics in float32, the result in the input's type. */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";
import { layerNorm } from "./linear.js";

/**
 * Source  transformers 5.18: models/llama/modeling_llama.py LlamaRMSNorm; gemma/modeling_gemma.py GemmaRMSNorm;
 *         olmo2/modeling_olmo2.py Olmo2RMSNorm; helium/modeling_helium.py HeliumRMSNorm
 */
export type RmsKind = "llama" | "gemma" | "olmo2" | "helium";

export function rmsNorm(m: Module, width: number, kind: RmsKind = "llama", name = "RMSNorm"): Layer {
  const weight = m.parameter("weight", [width]);
  const squares = { exponent: 2 };
  const rows = { dim: [-1], keepdim: true };
  if (kind === "gemma")
    return m.layer(name, (f, x: ValueId) => {
      const wide = f.to(x, "float32");
      const output = f.set(
        "output",
        f.call([wide], (g) => {
          const mean = g.apply("mean", g.apply("pow", wide, squares), rows);
          return g.mul(wide, g.apply("rsqrt", g.op("add", { self: mean }, { other: 1e-6 })));
        }),
      );
      const factor = f.op("add", { self: f.to(weight, "float32") }, { other: 1 });
      return f.toTypeOf(f.set("output", f.mul(output, factor)), x);
    });
  return m.layer(name, (f, x: ValueId) => {
    const wide = f.set("hidden_states", f.to(x, "float32"));
    const variance = f.set("variance", f.apply("mean", f.apply("pow", wide, squares), rows));
    const factor = f.apply("rsqrt", f.op("add", { self: variance }, { other: 1e-6 }));
    const normed = f.set("hidden_states", f.mul(wide, factor));
    if (kind === "llama") return f.mul(weight, f.toTypeOf(normed, x));
    return f.toTypeOf(f.mul(kind === "helium" ? f.to(weight, "float32") : weight, normed), x);
  });
}

/** Mean and variance written out; a weight of one or two dims. cohere/modeling_cohere.py CohereLayerNorm */
export function cohereNorm(m: Module, shape: readonly number[]): Layer {
  const weight = m.parameter("weight", shape);
  const rows = { dim: [-1], keepdim: true };
  return m.layer("CohereLayerNorm", (f, x: ValueId) => {
    let states = f.set("hidden_states", f.to(x, "float32"));
    const mean = f.set("mean", f.apply("mean", states, rows));
    const apart = () => f.op("sub", { self: states, other: mean });
    const variance = f.set("variance", f.apply("mean", f.apply("pow", apart(), { exponent: 2 }), rows));
    const centred = apart();
    const factor = f.apply("rsqrt", f.op("add", { self: variance }, { other: 1e-5 }));
    states = f.set("hidden_states", f.mul(centred, factor));
    states = f.set("hidden_states", f.mul(f.to(weight, "float32"), states));
    return f.toTypeOf(states, x);
  });
}

/** No weight and no bias, in float32. olmo/modeling_olmo.py OlmoLayerNorm */
function bareNorm(m: Module, width: number): Layer {
  return m.layer("OlmoLayerNorm", (f, x: ValueId) => {
    const input = f.to(x, "float32");
    const normed = f.op("layerNorm", { input, weight: null, bias: null }, { normalized_shape: [width] });
    return f.toTypeOf(normed, x);
  });
}

/** The norm of a family, by the name its row gives it. */
export type NormKind = RmsKind | "layer" | "layer-without-bias" | "cohere" | "bare";

export function norm(m: Module, width: number, kind: NormKind): Layer {
  if (kind === "layer" || kind === "layer-without-bias") return layerNorm(m, width, kind === "layer");
  if (kind === "cohere") return cohereNorm(m, [width]);
  if (kind === "bare") return bareNorm(m, width);
  return rmsNorm(m, width, kind);
}
