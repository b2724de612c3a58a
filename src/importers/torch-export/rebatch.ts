/** Sizes written into the operators of a file whose batch was fixed, at another batch. */
import { elements } from "../../base/shape.js";

export interface RescaleOptions {
  /** The size argument as the file states it. */
  readonly given: readonly number[];
  /** The result's shape in the file. */
  readonly target: readonly number[];
  /** The input's shape in the file and now; absent for tensors made from nothing. */
  readonly from: readonly number[] | undefined;
  readonly to: readonly number[] | undefined;
  readonly batch: number;
  readonly asked: number;
}

/**
 * The size argument at the asked batch. Dims are matched in groups of equal products, as a reshape keeps their order;
 * what a group of the input grew by, the group's first dim of the result grows by. Dims that are new (expand, zeros)
 * follow the batch when they lead and equal it.
 */
export function rescaledSize({ given, target, from, to, batch, asked }: RescaleOptions): number[] {
  const lead = (size: number, dim: number) => (dim === 0 && size === batch ? asked : size);
  if (!from || !to) return given.map(lead);
  if (elements(from) !== elements(target)) {
    // an expansion: dims the input has follow it, others follow the batch
    const offset = target.length - from.length;
    return given.map((size, dim) => {
      const own = from[dim - offset];
      if (size === -1) return -1;
      return own !== undefined && own === target[dim] ? (to[dim - offset] as number) : lead(size, dim);
    });
  }
  const out = [...target];
  let i = 0;
  let j = 0;
  while (i < from.length && j < target.length) {
    const [startI, startJ] = [i, j];
    let [left, right] = [from[i++] as number, target[j++] as number];
    while (left !== right) {
      if (left < right) left *= from[i++] as number;
      else right *= target[j++] as number;
      if (Number.isNaN(left) || Number.isNaN(right)) return [...given];
    }
    const grown = elements(to.slice(startI, i));
    if (grown !== left) out[startJ] = ((out[startJ] as number) * grown) / left; // whole numbers first: no rounding
  }
  return given.map((size, dim) => (size === -1 ? -1 : (out[dim] as number)));
}
