/**
 * Graph → Graph: linear layers with packed weights, as bitsandbytes makes them of a model that transformers loads.
 *
 * Each keeps beside the packed weight: a table of its 16 values, and per block of 64 a scale, which with double quantization is one
 * byte, with a table of 256 values, an offset, and a float32 scale per 256 of them. The head and what is tied to it stay as they are.
 * Source  bitsandbytes 0.50.2: functional.py quantize_4bit, quantize_blockwise; transformers 5.18: quantizers/base.py
 *         get_keys_to_not_convert; peft 0.21: utils/other.py prepare_model_for_kbit_training
 */
import { elements } from "../base/shape.js";
import type { DType } from "../base/dtype.js";
import type { Graph, Node, Value, ValueId } from "../ir/graph.js";
import type { Quantization } from "../ir/setup.js";
import { dense } from "../ir/tensor.js";
import { nothingToQuantize } from "./quantization-complaints.js";

/** Weights per scale, and scales per scale of theirs. bitsandbytes/functional.py (blocksize) */
const BLOCK = 64;
const OUTER_BLOCK = 256;

export function quantize(graph: Graph, quantization: Quantization | null): Graph {
  if (!quantization) return graph;
  const chosen = chosenNodes(graph);
  if (chosen.size === 0) throw nothingToQuantize(graph.name);
  const values = quantization.prepare
    ? graph.values.map((value): Value => ({ ...value, trainable: false }))
    : [...graph.values];
  const states = new Map<ValueId, readonly ValueId[]>();
  const nodes = graph.nodes.map((node) => {
    if (!chosen.has(node.id)) return node;
    const weight = node.inputs.weight as ValueId; // as: chosenNodes saw it
    const [rows, columns] = (graph.values[weight] as Value).spec.shape as readonly [number, number];
    if (!states.has(weight)) states.set(weight, pack(values, weight, quantization));
    const { double: nested, compute } = quantization;
    const blocks = Math.ceil((rows * columns) / BLOCK);
    const attributes = { rows, columns, blocks, nested, compute, stored: compute };
    return { ...node, op: "linear4bit", attributes: { ...node.attributes, ...attributes } };
  });
  const residents = graph.residents.flatMap((id) => [id, ...(states.get(id) ?? [])]);
  return { ...graph, values, nodes, residents };
}

/** Replaces the weight by its packed form; returns what lies beside it. */
function pack(values: Value[], weight: ValueId, { double }: Quantization): ValueId[] {
  const { name, spec, ...rest } = values[weight] as Value;
  const count = elements(spec.shape);
  const packed = dense([Math.ceil(count / 2), 1], "uint8");
  values[weight] = { ...rest, name, spec: packed, trainable: false, keepsType: true, packs: count };
  const blocks = Math.ceil(count / BLOCK);
  const state = (part: string, length: number | null, dtype: DType): ValueId => {
    const id = values.length;
    values.push({
      id,
      name: `${name}.${part}`,
      role: "buffer",
      spec: dense(length === null ? [] : [length], dtype),
      trainable: false,
      keepsType: true,
    });
    return id;
  };
  if (!double) return [state("absmax", blocks, "float32"), state("quant_map", 16, "float32")];
  return [
    state("quant_map", 16, "float32"),
    state("offset", null, "float32"),
    state("nested_absmax", Math.ceil(blocks / OUTER_BLOCK), "float32"),
    state("absmax", blocks, "uint8"),
    state("nested_quant_map", 256, "float32"),
  ];
}

/** Linear layers but the head: the last one outside of blocks, the one whose parameter comes last, and those tied to an embedding. */
function chosenNodes({ nodes, values, scopes, residents }: Graph): Set<number> {
  const embeddings = new Set(
    nodes.filter(({ op }) => op === "embedding").map(({ inputs }) => root(values, inputs.weight as ValueId)),
  );
  const lastParameter = residents.filter((id) => values[id]?.role === "parameter").at(-1);
  const pathOf = (node: Node) => scopes[node.scope]?.path ?? "";
  const isProduct = ({ op, inputs }: Node) => {
    const weight = typeof inputs.weight === "number" ? values[inputs.weight] : undefined;
    return op === "linear" && weight?.role === "parameter" && weight.spec.shape.length === 2;
  };
  const products = nodes.filter(isProduct);
  const head = products.findLast((node) => !/\.\d+\./.test(pathOf(node)));
  return new Set(
    products
      .filter((node) => node !== head && node.inputs.weight !== lastParameter)
      .filter(({ inputs }) => !embeddings.has(root(values, inputs.weight as ValueId)))
      .map(({ id }) => id),
  );
}

const root = (values: readonly Value[], id: ValueId): ValueId => values[id]?.tiedTo ?? id;
