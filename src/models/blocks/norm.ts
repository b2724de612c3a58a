/** Root-mean-square norms as transformers writes them: statistics in float32, the result in the input's type. */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";
import { layerNorm } from "./linear.js";

/**
 * Source  transformers 5.18: models/llama/modeling_llama.py LlamaRMSNorm; gemma/modeling_gemma.py GemmaRMSNorm;
 *         olmo2/modeling_olmo2.py Olmo2RMSNorm
 */
export type RmsKind = "llama" | "gemma" | "olmo2";

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
    return kind === "olmo2" ? f.toTypeOf(f.mul(weight, normed), x) : f.mul(weight, f.toTypeOf(normed, x));
  });
}

/** The norm of a family, by the name its row gives it. */
export type NormKind = RmsKind | "layer" | "layer-without-bias";

export function norm(m: Module, width: number, kind: NormKind): Layer {
  if (kind === "layer" || kind === "layer-without-bias") return layerNorm(m, width, kind === "layer");
  return rmsNorm(m, width, kind);
}
