/**
 * Reductions into places of a tensor. Source: native/TensorAdvancedIndexing.cpp scatter_reduce_two,
 * FunctionsManual.cpp scatter_reduce_backward; recorded in oracle/recorded/ops-views.json, ops-uncommon.json
 */
import type { TensorSpec } from "../../ir/tensor.js";
import { text } from "../../ops/rule.js";
import {
  type BackwardCall,
  elementwise,
  fresh,
  type Gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
} from "./kernel.js";

/** Only what is wanted is returned; the rest dies with the call. */
const wanted = (call: BackwardCall, gradients: Readonly<Record<string, Held>>): Gradients =>
  call.ports.map((port, i) => (call.needs[i] ? (gradients[port] ?? null) : null));

/** Shares of a mean: how many met at each place. */
function meanGradients(kernel: Kernel, call: BackwardCall): Gradients {
  const { self, index } = call.saved as { self: Held; index: Held };
  const { dtype } = gradOf(call).spec;
  const source = () => fresh(kernel, index.spec.shape, dtype);
  const [own, ones] = [elementwise(kernel, [self]), source()];
  const count = elementwise(kernel, [self]);
  for (const part of [own, ones]) kernel.free(part);
  kernel.free(elementwise(kernel, [self], "bool"));
  const toSelf = elementwise(kernel, [gradOf(call), count]);
  const [grads, counts] = [source(), source()];
  const toSource = elementwise(kernel, [grads, counts]);
  for (const part of [counts, grads, count]) kernel.free(part);
  if (call.attributes.include_self !== false) return wanted(call, { self: toSelf, src: toSource });
  const cleared = elementwise(kernel, [toSelf]);
  kernel.free(toSelf);
  return wanted(call, { self: cleared, src: toSource });
}

/** Shared among those that are as large as the result. */
function extremeGradients(kernel: Kernel, call: BackwardCall): Gradients {
  const { self, index } = call.saved as { self: Held; index: Held };
  const { dtype } = gradOf(call).spec;
  const [place, source] = [
    (type = dtype) => fresh(kernel, self.spec.shape, type),
    (type = dtype) => fresh(kernel, index.spec.shape, type),
  ];
  const masked = (make: typeof place): Held => {
    const mask = make("bool");
    const numbers = make();
    kernel.free(mask);
    return numbers;
  };
  const value = source();
  const [ownMask, sourceMask] = [masked(place), masked(source)];
  const [count, spread] = [place(), place()];
  const ownShare = place("bool");
  const toSelf = place();
  kernel.free(ownShare);
  const gathered = source();
  const share = source("bool");
  const toSource = source();
  for (const part of [share, gathered, spread, count, sourceMask, ownMask, value]) kernel.free(part);
  return wanted(call, { self: toSelf, src: toSource });
}

export const scatterReduceKernels = {
  scatterReduce: {
    forward: (kernel, { inputs, outputs, attributes }) => {
      const out = kernel.empty(outputs[0] as TensorSpec);
      if (text(attributes, "reduce", "sum") !== "mean") return [out];
      const ones = fresh(kernel, (inputs.src as Held).spec.shape, out.spec.dtype);
      const count = elementwise(kernel, [out]);
      const mask = elementwise(kernel, [out], "bool");
      for (const part of [mask, count, ones]) kernel.free(part);
      return [out];
    },
    backward: (kernel, call) => {
      const kind = text(call.attributes, "reduce", "sum");
      if (kind === "mean") return meanGradients(kernel, call);
      if (kind !== "sum") return extremeGradients(kernel, call);
      const source = () => fresh(kernel, (call.saved.index as Held).spec.shape, gradOf(call).spec.dtype);
      return call.ports.map((port, i) =>
        call.needs[i] ? (port === "self" ? gradOf(call) : source()) : null,
      );
    },
  },
} satisfies Record<string, KernelRule>;
