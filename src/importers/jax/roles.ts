/**
 * Which arguments of a printed loss are parameters: the text has only types.
 *
 * `loss(params, batch)` flattens parameters first. Integers are never differentiated; of the arrays at the end, those belong to the
 * batch that share the first dim of the last one, until one is used as a weight is: its first dim contracted, or as a kernel.
 */
import { isFloating } from "../../base/dtype.js";
import type { ValueRole } from "../../ir/graph.js";
import { attributesOf, programsOf } from "./params.js";
import type { Jaxpr, Printed } from "./parse-jaxpr.js";

export function rolesOf({ jaxpr, shared }: Printed, isFunction: boolean): ValueRole[] {
  const { inputs } = jaxpr;
  const first = firstOfBatch(jaxpr, shared);
  return inputs.map(({ spec }, i) => {
    if (i >= first) return i === inputs.length - 1 && !isFloating(spec.dtype) ? "target" : "input";
    return isFloating(spec.dtype) ? "parameter" : isFunction ? "input" : "buffer";
  });
}

export function batchOf({ inputs }: Jaxpr): number {
  return inputs.at(-1)?.spec.shape[0] ?? 1;
}

function firstOfBatch(jaxpr: Jaxpr, shared: Printed["shared"]): number {
  const { inputs } = jaxpr;
  const rows = inputs.at(-1)?.spec.shape[0];
  if (rows === undefined) return inputs.length;
  const weights = usedAsWeights(jaxpr, shared);
  let first = inputs.length;
  while (first > 0) {
    const binder = inputs[first - 1];
    if (!binder || binder.spec.shape[0] !== rows || weights.has(binder.name)) break;
    first--;
  }
  return first;
}

/** Names whose first dim a product contracts, or that a convolution has as its kernel. Shared programs are looked at once. */
function usedAsWeights(
  jaxpr: Jaxpr,
  shared: Printed["shared"],
  known = new Map<Jaxpr, Set<string>>(),
): Set<string> {
  const before = known.get(jaxpr);
  if (before) return before;
  const found = new Set<string>();
  known.set(jaxpr, found);
  for (const equation of jaxpr.equations) {
    const { primitive, inputs } = equation;
    if (primitive === "dot_general") {
      const { lhsContract, rhsContract } = attributesOf(equation) as Record<string, readonly number[]>;
      inputs.forEach((atom, side) => {
        const contract = side === 0 ? lhsContract : rhsContract;
        if ("name" in atom && contract?.includes(0)) found.add(atom.name);
      });
    }
    const kernel = primitive === "conv_general_dilated" ? inputs[1] : undefined;
    if (kernel && "name" in kernel) found.add(kernel.name);
    if (primitive === "jit" || primitive === "pjit") {
      for (const inside of programsOf(equation, shared)) {
        const weights = usedAsWeights(inside, shared, known);
        inside.inputs.forEach(({ name }, i) => {
          const atom = inputs[i];
          if (weights.has(name) && atom && "name" in atom) found.add(atom.name);
        });
      }
    }
  }
  return found;
}
