/**
 * Loops that were unrolled to be planned: a turn's kernels run after those of the turn before it, and only what is stored passes from
 * one to the other. A while loop's body is a program of its own.
 */
import type { Graph } from "../../ir/graph.js";
import type { Phase } from "../../ir/step.js";

/** The turn an instruction belongs to, in the order they run; -1 outside of loops. */
export type TurnOf = (instruction: { readonly node: number; readonly phase: Phase }) => number;

export function loopTurns({ traced, nodes }: Graph): TurnOf {
  const turns = traced?.turns ?? [];
  if (turns.length === 0) return () => -1;
  const at = new Int32Array(nodes.length).fill(-1);
  turns.forEach(({ first, last }, i) => {
    at.fill(i, first, last + 1);
  });
  return ({ node, phase }) => {
    const turn = at[node] ?? -1;
    if (turn < 0 || phase === "optimizer") return -1;
    return phase === "forward" ? turn : 2 * turns.length - 1 - turn;
  };
}
