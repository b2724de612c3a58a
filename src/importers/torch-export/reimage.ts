/** Sizes written into the reshapes of a file whose image size was fixed, at another image size. */
import { elements } from "../../base/shape.js";

export interface ReimageOptions {
  /** The size argument as the file states it. */
  readonly given: readonly number[];
  /** The result's shape in the file. */
  readonly target: readonly number[];
  /** The input's shape in the file and now. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** Feature maps seen so far: "HxW" in the file → now. */
  readonly maps: ReadonlyMap<string, readonly [number, number]>;
}

/**
 * The size argument at the asked image size. Dims are matched in groups of equal products, as a reshape keeps their order.
 * A group that grew must become one dim, or the height and width of a map that was seen: how a dim splits into windows or
 * a grid is not written in the file, and a guess would be silent. What stays open keeps its size, and does not fit.
 */
export function reimagedSize({ given, target, from, to, maps }: ReimageOptions): number[] {
  if (from.length !== to.length || elements(from) !== elements(target) || elements(from) === 0)
    return [...given];
  const out = [...target];
  for (const { left, right } of groupsOf(from, target)) {
    const grown = elements(to.slice(...left));
    if (grown === elements(from.slice(...left))) continue;
    const dims = out.map((_, dim) => dim).slice(...right);
    const wide = dims.filter((dim) => target[dim] !== 1);
    const [first, second] = wide;
    if (wide.length === 1 && first !== undefined) out[first] = grown;
    else if (wide.length === 2 && first !== undefined && second !== undefined) {
      const map = maps.get(`${target[first]}x${target[second]}`);
      if (!map || map[0] * map[1] !== grown) return [...given];
      [out[first], out[second]] = map;
    } else return [...given];
  }
  return given.map((size, dim) => (size === -1 ? -1 : (out[dim] as number)));
}

interface Group {
  /** Dims of the input and of the result, as start and end. */
  readonly left: readonly [number, number];
  readonly right: readonly [number, number];
}

/** The smallest runs of dims, in order, whose products are equal. Sizes are above zero and all products are equal. */
function groupsOf(from: readonly number[], target: readonly number[]): Group[] {
  const groups: Group[] = [];
  let [i, j] = [0, 0];
  while (i < from.length && j < target.length) {
    const [startI, startJ] = [i, j];
    let [left, right] = [from[i++] as number, target[j++] as number];
    while (left !== right) {
      if (left < right) left *= from[i++] ?? Number.NaN;
      else right *= target[j++] ?? Number.NaN;
      if (Number.isNaN(left) || Number.isNaN(right)) return groups;
    }
    groups.push({ left: [startI, i], right: [startJ, j] });
  }
  return groups;
}
