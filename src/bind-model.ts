/** Model + sizes → the forward graph a step runs. The last few graphs are kept: questions repeat with other settings. */
import type { Diagnostic } from "./base/complaint.js";
import { Kept } from "./base/kept.js";
import { noImageInput, unknownInput } from "./complaints.js";
import { freezeParameters } from "./freeze-parameters.js";
import type { Bindings, ImportedModel } from "./importers/model.js";
import type { Graph } from "./ir/graph.js";
import { autocastType, type TrainingSetup } from "./ir/setup.js";
import { printSpec } from "./ir/tensor.js";
import { addAdapters } from "./training/adapters.js";
import { quantize } from "./training/quantize.js";

export interface BoundModel {
  readonly graph: Graph;
  readonly diagnostics: readonly Diagnostic[];
}

/** Enough for one setup and its formula. */
const graphs = new Kept<ImportedModel, BoundModel>({ each: 4 });

export function bindModel(
  model: ImportedModel,
  bindings: Bindings,
  setup: Pick<TrainingSetup, "freeze" | "adapters" | "quantization" | "checkpointing" | "precision">,
): BoundModel {
  const { freeze, adapters = null, quantization = null } = setup;
  const inputsTrain = setup.checkpointing !== null;
  const autocast = autocastType(setup.precision) !== null;
  const key = JSON.stringify([bindings, freeze, adapters, quantization, inputsTrain, autocast]);
  return graphs.get(model, key, () => {
    const { graph, diagnostics } = model.bind(bindings);
    checkSizes(graph, bindings);
    const adapted = addAdapters(quantize(graph, quantization), adapters, { inputsTrain, autocast });
    return { graph: freezeParameters(adapted, freeze), diagnostics };
  });
}

/** The same sizes at another batch: shapes that are given follow it in their first dim. */
export function atBatch(bindings: Bindings, batch: number): Bindings {
  const { shapes } = bindings;
  if (!shapes) return { ...bindings, batch };
  const moved = Object.entries(shapes).map(([name, shape]) => [
    name,
    shape[0] === bindings.batch ? [batch, ...shape.slice(1)] : shape,
  ]);
  return { ...bindings, batch, shapes: Object.fromEntries(moved) };
}

/** Sizes that no input can take would be ignored silently. */
function checkSizes(graph: Graph, { shapes, image }: Bindings): void {
  const inputs = graph.values.filter(({ role }) => role === "input");
  const names = inputs.map(({ name }) => name);
  for (const name of Object.keys(shapes ?? {}))
    if (!names.includes(name)) throw unknownInput("--shape", name, names);
  if (image && !inputs.some(({ spec }) => spec.shape.length === 4))
    throw noImageInput(inputs.map(({ name, spec }) => `${name} ${printSpec(spec)}`));
}
