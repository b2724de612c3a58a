/** Plain tensor bytes of a step: elements x item size, no rounding, every storage once. */
import { type Bytes, sumBytes } from "../base/units.js";
import { elements } from "../base/shape.js";
import type { Graph, Value } from "../ir/graph.js";
import type { StepChoice } from "../ir/setup.js";
import { type Block, type BlockId, blockOf, type Category, type Section, type Step } from "../ir/step.js";
import { savedStorages, type Tape } from "../ir/tape.js";
import { packedSize } from "../ir/tensor.js";
import type { ModelReport, Totals } from "./report.js";

export function totalsOf(tape: Tape, step: Step, which: StepChoice): Totals {
  const values = tape.graph.values.filter(({ tiedTo }) => tiedTo === undefined);
  const bytesOf = (...roles: Value["role"][]): Bytes =>
    sumBytes(values.filter(({ role }) => roles.includes(role)).map(({ spec }) => packedSize(spec)));
  const kept = (category: Category): Bytes =>
    sumBytes(persistent(step, which, category).map(({ bytes }) => bytes));
  return {
    parameterBytes: bytesOf("parameter"),
    bufferBytes: bytesOf("buffer", "constant"),
    gradientBytes: sumBytes(gradients(step).map(({ bytes }) => bytes)),
    optimizerStateBytes: kept("optimizerStates"),
    masterParameterBytes: kept("masterParameters"),
    inputBytes: bytesOf("input", "target"),
    savedTensorBytes: sumBytes(savedStorages(tape).map(({ bytes }) => bytes)),
  };
}

/** Tied parameters count once. */
export function countParameters(
  graph: Graph,
): Pick<ModelReport, "parameterCount" | "trainableParameterCount"> {
  let parameterCount = 0;
  let trainableParameterCount = 0;
  for (const { role, tiedTo, trainable, spec } of graph.values) {
    if (role !== "parameter" || tiedTo !== undefined) continue;
    const count = elements(spec.shape);
    parameterCount += count;
    if (trainable) trainableParameterCount += count;
  }
  return { parameterCount, trainableParameterCount };
}

/** Gradients of parameters as the first step makes them; later steps make the same. */
function gradients(step: Step): Block[] {
  return allocated(step, step.first).filter(({ category }) => category === "gradients");
}

function allocated(step: Step, sections: readonly Section[]): Block[] {
  const ids = sections.flatMap(({ actions }) => actions.filter((action) => action > 0).map(blockOf));
  return ids.map((id) => step.blocks[id] as Block);
}

/** Blocks of a category that outlive the step. */
function persistent(step: Step, which: StepChoice, category: Category): Block[] {
  const alive = new Set<BlockId>();
  for (const { actions } of which === "first" ? step.first : [...step.first, ...step.steady]) {
    for (const action of actions) {
      const id = blockOf(action);
      if (step.blocks[id]?.category !== category) continue;
      if (action > 0) alive.add(id);
      else alive.delete(id);
    }
  }
  return [...alive].map((id) => step.blocks[id] as Block);
}
