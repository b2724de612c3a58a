/** The optimizer's part of a jitted step as operations: new states and parameters, each in the place of the old one. */
import type { OptaxOptimizer, OptaxOptions } from "../../frameworks/jax/optax.js";
import type { Instruction } from "./instructions.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import type { StorageId } from "../../ir/tape.js";

/** A value of before the step and the one that takes its place. */
export interface Replaced {
  readonly before: StorageId;
  readonly after: StorageId;
}

export interface UpdateInput {
  readonly optimizer: OptaxOptimizer;
  readonly options: OptaxOptions;
  readonly gradient: StorageId;
  readonly parameter: StorageId;
  readonly spec: TensorSpec;
  /** In the optimizer's order. */
  readonly states: readonly { readonly storage: StorageId; readonly spec: TensorSpec }[];
  declare(spec: TensorSpec, label: string): StorageId;
}

/** One kernel for each state, one for the parameter; a norm of the update is taken of the whole update. */
export function update(input: UpdateInput): { instructions: Instruction[]; replaced: Replaced[] } {
  const { optimizer, gradient, parameter, spec, states, declare } = input;
  const instructions: Instruction[] = [];
  const add = (op: string, reads: readonly StorageId[], made: TensorSpec): StorageId => {
    const id = declare(made, op);
    instructions.push({
      op,
      node: -1,
      phase: "optimizer",
      reads,
      makes: [id],
      attributes: {},
      stored: false,
    });
    return id;
  };
  const replaced: Replaced[] = [];
  const fresh = states.map(({ storage, spec: own }) => {
    const whole =
      own.shape.length === spec.shape.length && own.shape.every((dim, i) => dim === spec.shape[i]);
    const after = add(whole ? "add" : "reduce_sum", [gradient, storage], own);
    replaced.push({ before: storage, after });
    return after;
  });
  let reads: StorageId[] = fresh.length > 0 && !optimizer.normed ? [...fresh] : [gradient, ...fresh];
  if (optimizer.normed) {
    const whole = add("mul", reads, dense(spec.shape, spec.dtype));
    const norm = add("reduce_sum", [add("mul", [whole], spec)], dense([], spec.dtype));
    reads = [whole, norm];
  }
  replaced.push({ before: parameter, after: add("add", [parameter, ...reads], spec) });
  return { instructions, replaced };
}
