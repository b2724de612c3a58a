/**
 * Loops over time steps: tf.while_loop, as Keras runs recurrent layers. What the gradient loop reads of each step is pushed onto
 * lists, one for each value. keras/src/backend/tensorflow/rnn.py, Keras 3.15; tensorflow/python/ops/while_v2.py
 *
 * Untrue   On a GPU with the usual options Keras runs cuDNN's kernel; its reserve space is not known. Integers of the loop live in
 *          the host's memory and are left out.
 */
import type { DType } from "../../base/dtype.js";
import type { Attributes } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { type GraphOperation, like, type OperationTable, same, shapeOf, simple } from "./op.js";

interface Cell {
  /** Columns of a kernel, in units. */
  readonly gates: number;
  readonly states: number;
  /** Values of a step, as large as its state, that the gradient reads beside state and input. */
  readonly kept: number;
}

/** By the number that `cell` gives. */
const CELLS: Readonly<Record<string, Cell>> = {
  simple: { gates: 1, states: 1, kept: 0 },
  gru: { gates: 3, states: 1, kept: 5 }, // z, r, candidate, 1 - z, and what r multiplies
  lstm: { gates: 4, states: 2, kept: 6 }, // i, f, o, candidate, tanh(c), c
};

export function cellOf(attributes: Attributes): Cell {
  return CELLS[attributes.cell as string] as Cell; // as: the importer names one of them
}

/** Inputs: the list of steps [T, B, features], and the variables. */
const loop: GraphOperation = {
  infer: ([steps], attributes) => {
    const [length = 1, batch = 1, features = 1] = steps?.shape ?? [];
    const units = attributes.units as number;
    const dtype = steps?.dtype as DType;
    const { gates, states, kept } = cellOf(attributes);
    const all = attributes.all === true;
    const step = (size: number) => dense([length, batch, size], dtype);
    const kernels = [
      dense([length, features, gates * units], dtype),
      dense([length, units, gates * units], dtype),
    ];
    return [
      dense([all ? length : 1, batch, units], dtype),
      ...Array.from({ length: states }, () => dense([batch, units], dtype)),
      ...(all ? [] : [step(units)]), // states of all steps; where all are returned, they are the result
      ...Array.from({ length: kept }, () => step(units)),
      step(features),
      // kernels are cast in every step, and every copy is kept
      ...(attributes.casts === true ? kernels : []),
    ];
  },
  gradient: (emit, { inputs, outputs, attributes }, [g]) => {
    if (!g) return inputs.map(() => null);
    const { states } = cellOf(attributes);
    const given = emit.one("TensorListFromTensor", [g]);
    const variables = inputs.slice(1);
    const zeros = variables.map(({ spec }) =>
      emit.one("Fill", [given], { shape: spec.shape, dtype: spec.dtype }),
    );
    const kept = outputs.filter((_, i) => (i === 0 ? attributes.all === true : i > states));
    const [steps] = inputs as readonly [(typeof inputs)[number]];
    const results = emit.all("RecurrentLoopGrad", [given, ...zeros, ...kept, ...variables], {
      shape: steps.spec.shape,
      variables: variables.length,
    });
    return results.slice(0, inputs.length);
  },
};

export const recurrent = {
  RecurrentLoop: loop,
  RecurrentLoopGrad: {
    infer: (inputs, attributes) => [
      like(inputs[0] as TensorSpec, shapeOf(attributes)),
      ...inputs.slice(inputs.length - (attributes.variables as number)),
    ],
  },
  /** Steps as elements of a list, and back. */
  TensorListFromTensor: {
    infer: same,
    gradient: simple((emit, { g }) => [emit.one("TensorListStack", [g])]),
  },
  TensorListStack: {
    infer: same,
    gradient: simple((_, { g }) => [g]),
  },
  Fill: { infer: (_, attributes) => [dense(shapeOf(attributes), attributes.dtype as DType)] },
  ReverseV2: {
    infer: ([x]) => [like(x as TensorSpec)],
    gradient: simple((emit, { g }) => [emit.one("ReverseV2", [g])]),
  },
} satisfies OperationTable;
