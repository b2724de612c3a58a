/**
 * What eager PyTorch runs for one operator: its kernels' allocations forward and backward.
 *
 * A kernel is told in terms of tensors it makes (`empty`) and gives up (`free`); what it neither returns nor frees dies
 * when it ends, last made first, as C++ temporaries do. The same helpers describe forward and backward.
 */
import type { DType } from "../../base/dtype.js";
import type { Shape } from "../../base/shape.js";
import { sameShape } from "../../base/shape.js";
import { invariant } from "../../base/invariant.js";
import type { Attributes } from "../../ir/graph.js";
import type { Edge } from "../../ir/tape.js";
import type { Device } from "./device.js";
import {
  channelsLast,
  dense,
  isChannelsLast,
  isContiguous,
  suggestsChannelsLast,
  type TensorSpec,
} from "../../ir/tensor.js";
import { iterate } from "../../ops/layout.js";
import { viewStrides } from "../../ops/views.js";
import { globalReduction, partialSize } from "./reduce-config.js";

export type { Device } from "./device.js";

/** A tensor on some storage. */
export interface Held {
  readonly spec: TensorSpec;
  readonly storage: number;
  /** Made by a view operator: autograd's view objects hold on to the tensor they show. */
  readonly view?: true;
}

/** Where a kernel's allocations go: the tape (forward) or the step (backward). */
export interface Kernel {
  /** A new tensor in its own storage. */
  empty(spec: TensorSpec): Held;
  /** Gives a tensor up before the kernel ends. */
  free(tensor: Held): void;
  /** Scratch memory of `size` bytes until it is freed or the kernel ends. */
  scratch(size: number): Held;
  /** Memory of `size` bytes that the process makes at its first use and keeps. */
  kept(label: string, size: number): Held;
  /** Scratch of `size` bytes in which plans for `problem` are timed, the first time a kernel meets it. */
  trial(size: number, problem: string): void;
  /** What `run` makes and does not return dies when it ends, last made first. */
  scope(run: () => Held): Held;
  /** The kernel goes through cuBLAS, whose handle takes a workspace at its first use in a thread. */
  blas(): void;
  readonly device: Device;
}

/** A forward call: inputs by port (a list port holds an array), results as the op row infers them. */
export interface ForwardCall {
  readonly inputs: Readonly<Record<string, Held | readonly (Held | null)[] | null | undefined>>;
  readonly outputs: readonly TensorSpec[];
  readonly attributes: Attributes;
}

/** A backward call: gradients of the outputs, what was saved, and which inputs want a gradient. */
export interface BackwardCall {
  readonly grads: readonly (Held | null)[];
  readonly saved: Readonly<Record<string, Held>>;
  readonly inputs: readonly TensorSpec[];
  /** Port of each differentiable input; a list port repeats. */
  readonly ports: readonly string[];
  readonly outputs: readonly TensorSpec[];
  readonly needs: readonly boolean[];
  readonly attributes: Attributes;
}

export type Gradients = readonly (Held | null)[];

export interface KernelRule {
  /** Allocations of the forward kernel; by default the results, in order. */
  readonly forward?: (kernel: Kernel, call: ForwardCall) => readonly Held[];
  /** Gradients of the differentiable inputs, in order; null where none is wanted. */
  readonly backward: (kernel: Kernel, call: BackwardCall) => Gradients;
  /** What the node keeps, where it differs from the op row: names by differentiable input. */
  readonly saves?: Readonly<Record<string, readonly string[]>>;
  /** What is saved is released in the order that the row names it, as `save_for_backward` has it; else by name. */
  readonly ordered?: true;
  /** In place, the gradient reads the overwritten input from a copy, or the result instead. */
  readonly inPlace?: "copy" | "result";
  /** The result shows its input's memory without being a view for autograd: `_unsafe_view`. */
  readonly unsafe?: true;
}

/** A tensor during lowering: where its gradient flows, if it needs one. */
export interface Traced extends Held {
  readonly edge: Edge;
}

export type TracedInput = Traced | readonly (Traced | null)[] | null | undefined;

/** Dispatches operators while the forward pass is written down. */
export interface Tracer {
  /** First result of `op`. */
  call(op: string, inputs: Readonly<Record<string, TracedInput>>, attributes?: Attributes): Traced;
  /** Every result of `op`. */
  calls(
    op: string,
    inputs: Readonly<Record<string, TracedInput>>,
    attributes?: Attributes,
  ): readonly Traced[];
  /** Gives up a tensor before the operator being lowered ends, as a C++ local that is overwritten. */
  drop(tensor: Traced): void;
  /** What `run` dispatches leaves no history: the forward of a `torch.autograd.Function`. */
  withoutGradients<T>(run: () => T): T;
  /** One statement of Python: what `run` makes and does not return dies when it ends, last made first. */
  statement(run: () => Traced): Traced;
  /** The type autocast lowers to, where it is on. */
  readonly autocast: DType | null;
  readonly device: Device;
}

/** An operator that PyTorch composes of others: autograd sees the parts. */
export type Lowering = (
  trace: Tracer,
  inputs: Readonly<Record<string, TracedInput>>,
  attributes: Attributes,
  outputs: readonly TensorSpec[],
) => Traced | readonly Traced[];

/** The tensor at `port`; a missing one is a bug in the reader, which checks its inputs. */
export function given(inputs: Readonly<Record<string, TracedInput>>, port: string): Traced {
  const tensor = optional(inputs, port);
  invariant(tensor !== null, `input ${port} is given`);
  return tensor;
}

export function optional(inputs: Readonly<Record<string, TracedInput>>, port: string): Traced | null {
  const value = inputs[port];
  return value && "storage" in value ? value : null;
}

export function list(
  inputs: Readonly<Record<string, TracedInput>>,
  port: string,
): readonly (Traced | null)[] {
  const value = inputs[port];
  return Array.isArray(value) ? value : value ? [value as Traced] : [];
}

// ---------------------------------------------------------------- helpers shared by the tables

/** The gradient of the only output; a node runs only when it has one. */
export function gradOf(call: BackwardCall): Held {
  return call.grads[0] as Held;
}

/** Result of an elementwise kernel over `operands`, in a new storage. */
export function elementwise(kernel: Kernel, operands: readonly Held[], dtype?: DType): Held {
  return kernel.empty(
    iterate(
      operands.map(({ spec }) => spec),
      dtype ?? (operands[0] as Held).spec.dtype,
    ),
  );
}

/** A row-major tensor. */
export function fresh(kernel: Kernel, shape: Shape, dtype: DType): Held {
  return kernel.empty(dense(shape, dtype));
}

/** `tensor` itself when it is row-major, else a copy that is. */
export function contiguous(kernel: Kernel, tensor: Held): Held {
  return isContiguous(tensor.spec) ? tensor : fresh(kernel, tensor.spec.shape, tensor.spec.dtype);
}

/** `tensor.contiguous(tensor.suggest_memory_format())`: channels last stays as it is. */
export function inOwnFormat(kernel: Kernel, tensor: Held): Held {
  return inFormatOf(kernel, tensor, tensor.spec);
}

/** `tensor.contiguous(other.suggest_memory_format())` */
export function inFormatOf(kernel: Kernel, tensor: Held, other: TensorSpec): Held {
  if (!suggestsChannelsLast(other)) return contiguous(kernel, tensor);
  if (isChannelsLast(tensor.spec)) return tensor;
  return kernel.empty(channelsLast(tensor.spec.shape, tensor.spec.dtype));
}

/** The same storage seen through another spec. */
export function seen(tensor: Held, spec: TensorSpec): Held {
  return { spec, storage: tensor.storage, view: true };
}

/** `tensor.reshape(shape)`: a view when strides allow, else a copy. */
export function reshaped(kernel: Kernel, tensor: Held, shape: Shape): Held {
  const strides = viewStrides(tensor.spec, shape);
  if (strides) return seen(tensor, { shape, strides, dtype: tensor.spec.dtype });
  return fresh(kernel, shape, tensor.spec.dtype);
}

/** `tensor.transpose(a, b)`, dims counted from the front. */
export function transposed(
  tensor: Held,
  a = tensor.spec.shape.length - 2,
  b = tensor.spec.shape.length - 1,
): Held {
  const swap = <T>(list: readonly T[]): T[] =>
    list.map((item, i) => (i === a ? (list[b] as T) : i === b ? (list[a] as T) : item));
  return seen(tensor, {
    shape: swap(tensor.spec.shape),
    strides: swap(tensor.spec.strides),
    dtype: tensor.spec.dtype,
  });
}

/** `tensor.expand(shape)`: no memory. */
export function expandedTo(tensor: Held, shape: Shape): Held {
  const offset = shape.length - tensor.spec.shape.length;
  const strides = shape.map((size, dim) => {
    const own = tensor.spec.shape[dim - offset];
    return own === undefined || (own === 1 && size !== 1) ? 0 : (tensor.spec.strides[dim - offset] as number);
  });
  return seen(tensor, { shape, strides, dtype: tensor.spec.dtype });
}

/** `tensor.sum(dims)`: a new tensor without (or with) the summed dims. */
export function summed(kernel: Kernel, tensor: Held, dims: readonly number[], keep = false): Held {
  const shape = tensor.spec.shape
    .map((size, dim) => (dims.includes(dim) ? 1 : size))
    .filter((_, dim) => keep || !dims.includes(dim));
  const out = fresh(kernel, shape, tensor.spec.dtype);
  reductionScratch(kernel, tensor.spec, dims, partialSize(tensor.spec));
  return out;
}

/** What a reduction over `dims` takes while it runs. */
export function reductionScratch(
  kernel: Kernel,
  input: TensorSpec,
  dims: readonly number[],
  partial: number,
): void {
  const needs = globalReduction({ input, dims, partial }, kernel.device);
  if (!needs) return;
  const [buffer, counters] = [kernel.scratch(needs.buffer), kernel.scratch(needs.counters)];
  kernel.free(counters);
  kernel.free(buffer);
}

/** `at::sum_to`: what a broadcast input's gradient is reduced to; the tensor itself when nothing was broadcast. */
export function summedTo(kernel: Kernel, tensor: Held, shape: Shape): Held {
  if (sameShape(tensor.spec.shape, shape)) return tensor;
  const lead = tensor.spec.shape.length - shape.length;
  const dims = tensor.spec.shape
    .map((_, dim) => dim)
    .filter((dim) => dim < lead || (shape[dim - lead] === 1 && tensor.spec.shape[dim] !== 1));
  const out = summed(kernel, tensor, dims, true);
  return lead > 0 ? seen(out, dense(shape, tensor.spec.dtype)) : out;
}

export type Formula = (kernel: Kernel, call: BackwardCall) => Held;

/**
 * A backward of one formula per input. PyTorch's generated code runs them in alphabetical order of the names; the
 * temporaries of a formula die with its full expression.
 */
export function gradients(formulas: Readonly<Record<string, Formula>>): KernelRule["backward"] {
  const order = Object.keys(formulas).sort();
  return (kernel, call) => {
    const out = new Array<Held | null>(call.needs.length).fill(null);
    for (const port of order) {
      const at = call.ports.indexOf(port);
      if (at < 0 || !call.needs[at]) continue;
      out[at] = kernel.scope(() => (formulas[port] as Formula)(kernel, call));
    }
    return out;
  };
}
