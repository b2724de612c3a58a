/** `torch.nn.Linear`, `Embedding`, `LayerNorm`, `Dropout` as modules. */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";
import { splitOf } from "../tensor-plan.js";

export interface LinearLayer extends Layer {
  /** [out, in] */
  readonly weight: ValueId;
}

/** Attaches what other modules may share: a tied weight. */
function sharing<F extends object>(layer: F, weight: ValueId): F & { readonly weight: ValueId } {
  return Object.assign(layer, { weight });
}

export function linear(m: Module, input: number, output: number, bias = true): LinearLayer {
  return linearWith(m, m.parameter("weight", [output, input]), bias ? output : null);
}

/** A linear layer whose weight another module owns; `bias`: its length. */
export function linearWith(m: Module, weight: ValueId, bias: number | null = null): LinearLayer {
  const shift = bias === null ? null : m.parameter("bias", [bias]);
  const split = splitOf(m.path, m.run.tensor);
  const layer = m.layer("Linear", (f, given: ValueId) => {
    const input = split === "columns" ? f.apply("toAllRanks", given) : given;
    const result = f.op("linear", { input, weight, bias: shift });
    return split === "rows" ? f.apply("allReduce", result) : result;
  });
  return sharing(layer, weight);
}

export function embedding(m: Module, count: number, width: number, kind = "Embedding"): LinearLayer {
  return embeddingWith(m, m.parameter("weight", [count, width]), kind);
}

/** An embedding whose weight another module declared. */
export function embeddingWith(m: Module, weight: ValueId, kind = "Embedding"): LinearLayer {
  return sharing(
    m.layer(kind, (f, indices: ValueId) => f.op("embedding", { weight, indices })),
    weight,
  );
}

/** Gemma's: rows are multiplied by √width, a number on the device. */
export function scaledEmbedding(m: Module, count: number, width: number): LinearLayer {
  const weight = m.parameter("weight", [count, width]);
  const factor = m.buffer("embed_scale", []);
  const layer = m.layer("TextScaledWordEmbedding", (f, indices: ValueId) => {
    const rows = f.op("embedding", { weight, indices });
    return f.mul(rows, f.toTypeOf(factor, weight));
  });
  return sharing(layer, weight);
}

export function layerNorm(m: Module, width: number, bias = true): Layer {
  const weight = m.parameter("weight", [width]);
  const shift = bias ? m.parameter("bias", [width]) : null;
  return m.layer("LayerNorm", (f, input: ValueId) =>
    f.op("layerNorm", { input, weight, bias: shift }, { normalized_shape: [width] }),
  );
}

export function dropout(m: Module, p: number): Layer {
  return m.layer("Dropout", (f, input: ValueId) => f.dropout(input, p));
}
