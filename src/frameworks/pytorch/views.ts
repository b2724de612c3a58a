/**
 * Views and copies of eager PyTorch: a view's gradient is a view again where it can be; a slice's gradient is written
 * into zeros of the whole. Source: tools/autograd/derivatives.yaml, FunctionsManual.cpp; oracle/recorded/ops-views.json
 */
import { type Shape, wrapDim } from "../../base/shape.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { diagonalDims } from "../../ops/copies.js";
import { dimsOf, int, ints } from "../../ops/rule.js";
import { viewStrides } from "../../ops/views.js";
import {
  type BackwardCall,
  contiguous,
  elementwise,
  type Formula,
  fresh,
  given,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  reshaped,
  seen,
  summed,
  summedTo,
  transposed,
} from "./kernel.js";
import { passes } from "./elementwise.js";

const inputSpec = (call: BackwardCall) => call.inputs[0] as TensorSpec;

/** The gradient at the input's shape: a view, or a copy when its strides forbid one. */
const back: Formula = (kernel, call) => reshaped(kernel, gradOf(call), inputSpec(call).shape);

/** Zeros of the input's shape that the gradient is copied into. */
const embedded: Formula = (kernel, call) => fresh(kernel, inputSpec(call).shape, gradOf(call).spec.dtype);

/** One kernel into a fresh tensor of the input's shape. */
const moved: KernelRule = { backward: gradients({ self: embedded }) };

/** The pieces' gradients joined again; pieces nobody used count as zeros. */
const joined: Formula = (kernel, call) => {
  return joinedFrom(kernel, call, ({ shape }) => shape);
};

/** Zeros stand for pieces nobody used; the list they are in dies from its start. */
function joinedFrom(kernel: Kernel, call: BackwardCall, shapeOf: (spec: TensorSpec) => Shape): Held {
  const zeros = call.outputs.flatMap((spec, i) =>
    call.grads[i] ? [] : [fresh(kernel, shapeOf(spec), spec.dtype)],
  );
  const out = fresh(kernel, inputSpec(call).shape, inputSpec(call).dtype);
  for (const zero of zeros) kernel.free(zero);
  return out;
}

/** unbind stacks its gradients; a piece nobody used counts as one zero, expanded. */
const stacked: Formula = (kernel, call) => joinedFrom(kernel, call, () => []);

export const viewKernels = {
  view: { backward: gradients({ self: back }) },
  unsafeView: { backward: gradients({ self: back }), unsafe: true },
  /** as_strided_ gives a tensor other strides in place; its gradient is written into fresh memory. */
  asStrided: { backward: gradients({ self: embedded }), unsafe: true },
  squeeze: { backward: gradients({ self: back }) },
  unsqueeze: { backward: gradients({ self: back }) },
  permute: {
    backward: gradients({
      self: (_, call) => {
        const rank = inputSpec(call).shape.length;
        const dims = ints(call.attributes, "dims", []).map((dim) => wrapDim(dim, rank));
        const inverse = dims.map((_d, dim) => dims.indexOf(dim));
        const { shape, strides, dtype } = gradOf(call).spec;
        return seen(gradOf(call), {
          shape: inverse.map((dim) => shape[dim] as number),
          strides: inverse.map((dim) => strides[dim] as number),
          dtype,
        });
      },
    }),
  },
  transpose: {
    backward: gradients({
      self: (_, call) => {
        const rank = inputSpec(call).shape.length;
        if (rank < 2) return gradOf(call);
        return transposed(
          gradOf(call),
          wrapDim(int(call.attributes, "dim0", 0), rank),
          wrapDim(int(call.attributes, "dim1", 1), rank),
        );
      },
    }),
  },
  expand: {
    backward: gradients({ self: (kernel, call) => summedTo(kernel, gradOf(call), inputSpec(call).shape) }),
  },
  slice: { backward: gradients({ self: embedded }) },
  narrow: { backward: gradients({ self: embedded }) },
  select: { backward: gradients({ self: embedded }) },
  diagonal: { backward: gradients({ self: embedded }) },
  windows: {
    backward: gradients({
      self: (kernel, call) => {
        const out = fresh(kernel, inputSpec(call).shape, gradOf(call).spec.dtype);
        const dim = wrapDim(int(call.attributes, "dimension", 0), inputSpec(call).shape.length);
        kernel.free(fresh(kernel, [inputSpec(call).shape[dim] as number], "int64"));
        return out;
      },
    }),
  },
  split: { backward: gradients({ self: joined }) },
  unbind: { backward: gradients({ self: stacked }) },
  alias: passes,
  moduleEntry: passes,
  /** Functional collectives copy what they reduce. torch/distributed/_functional_collectives.py */
  allReduce: passes,
  toAllRanks: { backward: gradients({ self: (kernel, call) => elementwise(kernel, [gradOf(call)]) }) },
  clone: passes,
  copy: {
    backward: (kernel, call) =>
      call.needs.map((need, i) =>
        need ? (i === 0 ? elementwise(kernel, [gradOf(call)]) : gradOf(call)) : null,
      ),
  },

  cat: {
    backward: (_, call) => {
      const grad = gradOf(call);
      const dim = wrapDim(int(call.attributes, "dim", 0), grad.spec.shape.length);
      return call.inputs.map((input, i) => {
        if (!call.needs[i]) return null;
        return seen(grad, {
          shape: grad.spec.shape.map((size, d) => (d === dim ? (input.shape[dim] as number) : size)),
          strides: grad.spec.strides,
          dtype: grad.spec.dtype,
        });
      });
    },
  },
  stack: {
    backward: (_, call) => {
      const grad = gradOf(call);
      const dim = wrapDim(int(call.attributes, "dim", 0), grad.spec.shape.length);
      const rest = <T>(items: readonly T[]) => items.filter((_item, d) => d !== dim);
      return call.needs.map((need) =>
        need
          ? seen(grad, {
              shape: rest(grad.spec.shape),
              strides: rest(grad.spec.strides),
              dtype: grad.spec.dtype,
            })
          : null,
      );
    },
  },
  /** The gradient's diagonal is a view of it. */
  diagEmbed: {
    backward: gradients({
      self: (_, call) => {
        const { spec } = gradOf(call);
        const [a, b] = diagonalDims(inputSpec(call), call.attributes);
        const rest = [...spec.strides.keys()].filter((dim) => dim !== a && dim !== b);
        const along = (spec.strides[a] as number) + (spec.strides[b] as number);
        const strides = [...rest.map((dim) => spec.strides[dim] as number), along];
        return seen(gradOf(call), { shape: inputSpec(call).shape, strides, dtype: spec.dtype });
      },
    }),
  },
  roll: {
    forward: (kernel, { outputs, attributes }) =>
      rolled(kernel, outputs[0] as TensorSpec, ints(attributes, "dims", []).length),
    backward: gradients({
      self: (kernel, call) =>
        rolled(kernel, gradOf(call).spec, ints(call.attributes, "dims", []).length)[0] as Held,
    }),
  },
  flip: moved,
  rot90: {
    backward: gradients({
      self: (kernel, call) => {
        const [a, b] = ints(call.attributes, "dims", [0, 1]).map((dim) =>
          wrapDim(dim, inputSpec(call).shape.length),
        ) as [number, number];
        const turned = int(call.attributes, "k", 1) % 2 === 0 ? gradOf(call) : transposed(gradOf(call), a, b);
        return elementwise(kernel, [turned]);
      },
    }),
  },
  tril: moved,
  triu: moved,
  pad: moved,
  pixelShuffle: moved,
  pixelUnshuffle: moved,
  channelShuffle: moved,
  im2col: {
    // the input is copied, strided ones twice; the gradient is resized from its own columns and keeps their memory
    forward: (kernel, { inputs, outputs }) => {
      const self = inputs.self as Held;
      contiguous(kernel, self);
      fresh(kernel, self.spec.shape, self.spec.dtype);
      return [kernel.empty(outputs[0] as TensorSpec)];
    },
    backward: gradients({
      self: (kernel, call) =>
        seen(fresh(kernel, gradOf(call).spec.shape, gradOf(call).spec.dtype), inputSpec(call)),
    }),
  },
  col2im: {
    forward: (kernel, { inputs, outputs }) => {
      const self = inputs.self as Held;
      return [seen(fresh(kernel, self.spec.shape, self.spec.dtype), outputs[0] as TensorSpec)];
    },
    backward: gradients({ self: embedded }),
  },
  repeatInterleave: moved,
  repeat: {
    backward: gradients({
      self: (kernel, call) => fresh(kernel, inputSpec(call).shape, gradOf(call).spec.dtype),
    }),
  },
  fill: {
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [gradOf(call)]),
      value: (kernel, call) =>
        summed(kernel, gradOf(call), dimsOf({}, "dim", gradOf(call).spec.shape.length)),
    }),
  },
  diff: { backward: gradients({ self: embedded }) },
} satisfies Record<string, KernelRule>;

/** One copy per rolled dim, all of them there until the last is done: each call rolls what the one before returned. */
function rolled(kernel: Parameters<Formula>[0], spec: TensorSpec, dims: number): Held[] {
  const copies = Array.from({ length: Math.max(1, dims) }, () => fresh(kernel, spec.shape, spec.dtype));
  for (const copy of copies.slice(0, -1).reverse()) kernel.free(copy);
  return copies.slice(-1);
}

/** A view when strides allow, else a copy that is then viewed. */
export const lowerReshape: Lowering = (trace, inputs, _, outputs) => {
  const self = given(inputs, "self");
  const size = (outputs[0] as TensorSpec).shape;
  if (viewStrides(self.spec, size)) return trace.call("view", { self }, { size });
  const copy = trace.call("clone", { self }, { memory_format: "contiguous" });
  return trace.call("unsafeView", { self: copy }, { size });
};

/** The tensor itself when it already is contiguous. */
export const lowerContiguous: Lowering = (trace, inputs, attributes, outputs) => {
  const self = given(inputs, "self");
  const wanted = outputs[0] as TensorSpec;
  if (wanted.strides.every((stride, dim) => stride === self.spec.strides[dim] || wanted.shape[dim] === 1))
    return self;
  return trace.call("clone", { self }, { memory_format: attributes.memory_format ?? "contiguous" });
};

/** The tensor itself when it already has the dtype. */
export const lowerCast: Lowering = (trace, inputs, attributes, outputs) => {
  const self = given(inputs, "self");
  return (outputs[0] as TensorSpec).dtype === self.spec.dtype && attributes.copy !== true
    ? self
    : trace.call("cast", { self }, attributes);
};
