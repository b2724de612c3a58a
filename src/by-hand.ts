/** The rules people use, side by side: with counts typed in, or with those of a model beside its real answer. */
import { bindModel } from "./bind-model.js";
import { checkFlags } from "./check-options.js";
import { handCount } from "./complaints.js";
import type { ImportedModel } from "./importers/model.js";
import type { ExplainReport } from "./report/report.js";
import { type HandCount, type RuleOfThumb, rulesOfThumb } from "./report/rules-of-thumb.js";
import { resolveSetup } from "./resolve-setup.js";
import type { Options } from "./settings.js";

export interface ByHandReport {
  readonly schema: "plimsoll/by-hand@1";
  readonly count: HandCount;
  readonly rules: readonly RuleOfThumb[];
  /** What the engine says of the model whose counts these are; absent where counts were typed in. */
  readonly answer?: {
    readonly name: string;
    readonly allocatedBytes: number;
    readonly deviceTotalBytes: number;
  };
}

const FLOAT32 = 4;
/** Beyond this, products of counts are no exact whole numbers any more. */
const MOST = 1e13;

/** Every rule with these numbers. Throws InputError when one is no count, or the product cannot be counted. */
export function byHand(
  count: Omit<HandCount, "bytesPerElement"> & { readonly bytesPerElement?: number },
): ByHandReport {
  const whole = { bytesPerElement: FLOAT32, ...count };
  const { transformer, ...counts } = whole;
  for (const [name, value] of [...Object.entries(counts), ...Object.entries(transformer ?? {})]) {
    if (!Number.isSafeInteger(value) || value < 0) throw handCount(name, String(value), "a whole number");
  }
  const { activations, parameters, inputElements, batch, bytesPerElement } = whole;
  if (batch * (activations + inputElements) + parameters > MOST || bytesPerElement > 16) {
    throw handCount(
      "batch",
      String(batch),
      `counts whose product stays below ${MOST} elements of at most 16 B`,
    );
  }
  return { schema: "plimsoll/by-hand@1", count: whole, rules: rulesOfThumb(whole) };
}

/** Every rule with what a person would count on the model that `report` explains. */
export function byHandOf(model: ImportedModel, options: Options, report: ExplainReport): ByHandReport {
  return byHand(countByHand(model, options, report));
}

/** What a person would count on the model that `report` explains. */
export function countByHand(
  model: ImportedModel,
  options: Options,
  { layers, model: { parameterCount } }: ExplainReport,
): HandCount {
  const { bindings, setup } = resolveSetup(checkFlags(options), model);
  const inputs = bindModel(model, bindings, setup).graph.values.filter(({ role }) => role === "input");
  const inputElements = inputs.reduce(
    (sum, { spec }) => sum + spec.shape.slice(1).reduce((all, size) => all * size, 1),
    0,
  );
  const tokens = bindings.sequence ?? model.sequence;
  const outputs = layers.map(({ activationsPerSample, parameterCount: own }) => ({
    elements: activationsPerSample ?? 0,
    own,
  }));
  const sum = (list: typeof outputs): number => list.reduce((total, { elements }) => total + elements, 0);
  return {
    activations: sum(outputs),
    parameters: parameterCount,
    inputElements,
    batch: setup.batch,
    ...(model.blocks && tokens !== undefined && { transformer: { ...model.blocks, tokens } }),
    bytesPerElement: FLOAT32,
    parameterLayerActivations: sum(outputs.filter(({ own }) => own > 0)),
  };
}

/** The rule most people would try first on this model: the notes' count for images, bytes per parameter for the rest. */
export function usualRule(
  model: ImportedModel,
  options: Options,
  report: ExplainReport,
): RuleOfThumb | undefined {
  if (report.setup.mode === "inference") return undefined;
  const { rules } = byHand(countByHand(model, options, report));
  const isImage = report.alive.some(({ category, shape }) => category === "inputs" && shape.length === 4);
  return rules.find(({ name }) => name.startsWith(isImage ? "CS231n" : "16 bytes"));
}
