/** Parameters of equations as numbers: `axes=(1, 2)`, `dimension_numbers=(([1], [0]), ([], []))`. */
import type { Attributes } from "../../ir/graph.js";
import type { Equation, Jaxpr } from "./parse-jaxpr.js";

const PROGRAMS = ["jaxpr", "call_jaxpr", "branches", "body_jaxpr", "fun_jaxpr"];

/** The programs inside, one or several, written out or by name. */
export function programsOf({ params }: Equation, shared: ReadonlyMap<string, Jaxpr>): readonly Jaxpr[] {
  for (const key of PROGRAMS) {
    const found = params.get(key);
    if (typeof found === "object") return found;
    if (found === undefined) continue;
    const programs = (found.match(/\w+/g) ?? [])
      .map((name) => shared.get(name))
      .filter((one) => one !== undefined);
    if (programs.length > 0) return programs;
  }
  return [];
}

export function textOf({ params }: Equation, key: string): string | undefined {
  const found = params.get(key);
  return typeof found === "string" ? found : undefined;
}

export function countOf(equation: Equation, key: string): number {
  const found = Number(textOf(equation, key));
  return Number.isSafeInteger(found) && found >= 0 ? found : 0;
}

const integers = (text: string): number[] => (text.match(/-?\d+/g) ?? []).map(Number);

/** The lists of numbers in the innermost brackets, in order. */
function lists(text: string): number[][] {
  return (text.match(/[[(][-0-9, ]*[\])]/g) ?? []).map(integers);
}

/** What the rules of primitives read, as plain numbers. */
export function attributesOf(equation: Equation): Attributes {
  const out: Record<string, Attributes[string]> = {};
  for (const [key, value] of equation.params) {
    if (typeof value !== "string" || value.length > 2000) continue;
    const read = ATTRIBUTES[key];
    if (read) Object.assign(out, read(value));
  }
  return out;
}

const numbers =
  (name: string) =>
  (text: string): Attributes => ({ [name]: integers(text.replace(/np\.int64/g, "")) });

const ATTRIBUTES: Readonly<Record<string, (text: string) => Attributes>> = {
  axes: numbers("axes"),
  axis: numbers("axes"),
  dimension: numbers("axes"),
  broadcast_dimensions: numbers("dims"),
  permutation: numbers("permutation"),
  y: (text) => ({ y: Number(text) || 0 }),
  window_dimensions: numbers("window"),
  window_strides: numbers("strides"),
  start_indices: numbers("start"),
  limit_indices: numbers("limit"),
  strides: numbers("strides"),
  name: (text) => ({ name: text }),
  feature_group_count: (text) => ({ groups: Number(text) || 1 }),
  lhs_dilation: numbers("lhsDilation"),
  rhs_dilation: numbers("rhsDilation"),
  mode: (text) => ({ mode: text }),
  dimension_numbers: (text) => {
    if (text.startsWith("ConvDimensionNumbers")) {
      const [lhs = [], rhs = [], out = []] = lists(text);
      return { lhs, rhs, out };
    }
    if (text.startsWith("((")) {
      const [lhsContract = [], rhsContract = [], lhsBatch = [], rhsBatch = []] = lists(text);
      return { lhsContract, rhsContract, lhsBatch, rhsBatch };
    }
    return {};
  },
};
