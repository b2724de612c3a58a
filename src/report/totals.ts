/** Plain tensor bytes of a step: elements x item size, no rounding, every storage once. */
import { once } from "../base/once.js";
import { elements } from "../base/shape.js";
import { sumBytes } from "../base/units.js";
import type { Graph } from "../ir/graph.js";
import type { StepChoice } from "../ir/setup.js";
import { type Block, blockOf, type Step } from "../ir/step.js";
import { savedStorages, type Tape } from "../ir/tape.js";
import { packedSize } from "../ir/tensor.js";
import type { ModelReport, Totals } from "./report.js";

export function totalsOf(tape: Tape, step: Step, which: StepChoice): Totals {
  const resident = { buffer: 0, constant: 0, input: 0, target: 0 };
  for (const { role, tiedTo, spec } of tape.graph.values) {
    if (tiedTo === undefined && role in resident) resident[role as keyof typeof resident] += packedSize(spec);
  }
  const kept = keptBytes(step, which);
  return {
    parameterBytes: ownedParameterBytes(step),
    bufferBytes: resident.buffer + resident.constant,
    gradientBytes: gradientBytes(step),
    optimizerStateBytes: kept.optimizerStates,
    masterParameterBytes: kept.masterParameters,
    inputBytes: resident.input + resident.target,
    savedTensorBytes: sumBytes(savedStorages(tape).map(({ bytes }) => bytes)),
  };
}

/** What this rank has of the parameters. */
function ownedParameterBytes({ blocks, resident }: Step): number {
  let total = 0;
  for (const action of resident.actions) {
    const { category, bytes } = blocks[blockOf(action)] as Block;
    if (category === "parameters") total += action > 0 ? bytes : -bytes;
  }
  return total;
}

const NONE = { parameterCount: 0, trainableParameterCount: 0 };

type ParameterCounts = Pick<ModelReport, "parameterCount" | "trainableParameterCount">;

/** Of the whole model; tied parameters count once. */
export const countParameters = once((graph: Graph): ParameterCounts => {
  let { parameterCount, trainableParameterCount } = graph.stage?.elsewhere ?? NONE;
  for (const { role, tiedTo, trainable, unstepped, spec, packs, parts = 1 } of graph.values) {
    if (role !== "parameter" || tiedTo !== undefined) continue;
    const count = parts * (packs ?? elements(spec.shape));
    parameterCount += count;
    if (trainable && !unstepped) trainableParameterCount += count;
  }
  return { parameterCount, trainableParameterCount };
});

/** Gradients of parameters that are there when backward is done; every step makes the same. */
function gradientBytes({ blocks, resident, first }: Step): number {
  let total = 0;
  for (const { phase, actions } of [resident, ...first]) {
    if (phase === "optimizer" || phase === "zero-grad") continue;
    for (const action of actions) {
      const { category, bytes } = blocks[blockOf(action)] as Block;
      if (category === "gradients") total += action > 0 ? bytes : -bytes;
    }
  }
  return total;
}

/** What the optimizer made, at its construction or in a step, and did not free again. */
function keptBytes(
  { blocks, resident, first, steady }: Step,
  which: StepChoice,
): Record<"optimizerStates" | "masterParameters", number> {
  const alive = new Uint8Array(blocks.length);
  const steps = which === "first" ? first : [...first, ...steady];
  for (const { actions } of [resident, ...steps]) {
    for (const action of actions) alive[blockOf(action)] = action > 0 ? 1 : 0;
  }
  const sums = { optimizerStates: 0, masterParameters: 0 };
  for (const { id, category, bytes } of blocks) {
    if (alive[id] === 1 && (category === "optimizerStates" || category === "masterParameters"))
      sums[category] += bytes;
  }
  return sums;
}
