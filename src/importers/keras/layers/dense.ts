/** Dense layers and embeddings. keras/src/layers/core/, Keras 3.15 */
import { elements } from "../../../base/shape.js";
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";
import { notComputed } from "../complaints.js";
import { activate } from "./activations.js";
import type { LayerRow } from "./row.js";

/** x times a matrix; more than two dims are flattened before, as tf.tensordot does. */
export function multiply(call: LayerCall, x: ValueId, kernel: () => ValueId): ValueId {
  const shape = call.shape(x);
  if (shape.length < 2) throw call.refuse("[batch, …, features]", `[${shape}]`);
  const weights = kernel();
  if (shape.length === 2) return call.op("MatMul", [x, weights]);
  const inner = shape[shape.length - 1] as number;
  const rows = elements(shape) / inner;
  const flat = call.reshape(x, [rows, inner]);
  const product = call.op("MatMul", [flat, weights]);
  return call.reshape(product, [...shape.slice(0, -1), call.shape(weights)[1] as number]);
}

/** A bias along the last dim is one kernel; a layer that reshapes it first leaves two views. numpy.py add */
export function addBias(call: LayerCall, x: ValueId, size: number, reshaped: boolean): ValueId {
  let bias = call.weight("bias", [size]);
  if (reshaped) {
    const rank = call.shape(x).length;
    bias = call.reshape(bias, [...new Array<number>(rank - 1).fill(1), size]);
    bias =
      size > 1 ? call.op("Squeeze", [bias], { axes: Array.from({ length: rank - 1 }, (_, i) => i) }) : bias;
  }
  if (reshaped && size === 1) return call.op("AddV2", [x, bias]);
  return call.op("BiasAdd", [x, bias]);
}

export const denseLayers: Readonly<Record<string, LayerRow>> = {
  Dense: (call) => {
    const units = call.settings.count("units");
    const inner = call.shape().at(-1) as number;
    const product = multiply(call, call.input, () => call.weight("kernel", [inner, units]));
    const biased = call.settings.flag("use_bias", true) ? addBias(call, product, units, false) : product;
    return activate(call, biased);
  },
  Embedding: (call) => {
    const [rows, width] = [call.settings.count("input_dim"), call.settings.count("output_dim")];
    const { dtype } = call.spec(call.input);
    const ids = dtype === "int32" || dtype === "int64" ? call.input : call.cast(call.input, "int32");
    const table = call.variable("embeddings", [rows, width], { autocast: false }); // rows are cast, not the table
    // negative indices count from the end. numpy.py take
    const wrapped = call.op("SelectV2", [call.op("Less", [ids, null]), call.op("AddV2", [ids, null]), ids]);
    return call.cast(call.op("GatherV2", [table, wrapped]), call.compute);
  },
  EinsumDense: (call) => {
    const equation = call.settings.values.equation;
    if (typeof equation !== "string" || !/^[a-zA-Z]+,[a-zA-Z]+->[a-zA-Z]+$/.test(equation))
      throw notComputed(call.settings.at, "the equation", "letters for every dim, without an ellipsis");
    const sizes = new Map<string, number>();
    const [left = "", out = ""] = equation.split("->");
    const [x = "", kernel = ""] = left.split(",");
    for (const [i, size] of call.shape().entries()) sizes.set(x[i] ?? "", size);
    const given = call.settings.values.output_shape;
    const list = Array.isArray(given) ? given : [given];
    [...out].slice(-list.length).forEach((letter, i) => {
      if (typeof list[i] === "number" && !sizes.has(letter)) sizes.set(letter, list[i]);
    });
    const sized = (letters: string) => [...letters].map((letter) => sizes.get(letter) ?? 0);
    const weights = call.weight("kernel", sized(kernel));
    const shape = sized(out);
    const product = call.op("Einsum", [call.input, weights], { equation, shape });
    const axes = call.settings.values.bias_axes;
    if (typeof axes !== "string") return activate(call, product);
    const bias = call.weight("bias", biasShape(out, axes, shape));
    return activate(call, call.op("AddV2", [product, bias]));
  },
};

function biasShape(out: string, axes: string, shape: readonly number[]): number[] {
  const first = Math.min(...[...axes].map((letter) => out.indexOf(letter)));
  return [...out].flatMap((letter, i) =>
    i < first ? [] : axes.includes(letter) ? [shape[i] as number] : [1],
  );
}
