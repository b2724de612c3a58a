/**
 * Layer spec (`plimsoll/spec@1`, YAML or JSON) → forward graph, as PyTorch's modules of these names would run it.
 *
 * Spec     the JSON Schema in schemas/, generated from the same table (schema.ts)
 * Reads    inputs without their batch axis, layers, outputs, loss
 * Ignores  nothing: an unknown key is a complaint
 * Untrue   `loss: mse` and `loss: none` also stand behind the model in inference
 */
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import type { ImportedModel } from "../model.js";
import {
  badValue,
  emptySpec,
  fileTooLarge,
  missing,
  notText,
  unknownKey,
  wrongKind,
  wrongSchema,
} from "./complaints.js";
import { type Located, type LocatedMap, quoted, readDocument } from "./document.js";
import { readInputs } from "./inputs.js";
import { LOSSES, lowerSpec, type Spec, type SpecLoss } from "./lower.js";
import { planLayers } from "./plan.js";
import type { Reference } from "./row.js";

export const SPEC_SCHEMA = "plimsoll/spec@1";

/** A spec of a thousand different layers takes 100 KiB; more is some other file. */
const MAX_BYTES = MiB;
/** Outputs that a spec may name; no model returns more. */
const MAX_OUTPUTS = 256;
/** Characters of a model's name: it heads every answer. */
const MAX_NAME = 200;

/** Keys of the outermost map. */
export const SPEC_KEYS = ["schema", "name", "input", "inputs", "layers", "outputs", "loss"] as const;

export async function readLayerSpec(source: Source): Promise<ImportedModel> {
  if (source.size > MAX_BYTES) throw fileTooLarge(source.name, source.size, MAX_BYTES);
  const text = decode(await source.read(0, source.size), source.name);
  const spec = readSpec(readDocument(text, fileName(source.name)), source.name);
  return {
    kind: "model",
    name: spec.name,
    source: source.name,
    format: "layer-spec",
    batch: 1,
    bind: (bindings) => lowerSpec(spec, bindings),
  };
}

const fileName = (path: string) => path.replace(/^.*[/\\]/, "");

function decode(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw notText(where);
  }
}

function readSpec(root: Located | undefined, source: string): Spec {
  const file = fileName(source);
  if (!root || (root.kind === "scalar" && root.value === null)) throw emptySpec(file);
  if (root.kind !== "map")
    throw wrongKind(root.at, "a layer spec", "a map", quoted(root), "start with schema, input and layers");
  checkKeys(root);
  const layers = root.entries.find(({ key }) => key === "layers");
  if (!layers)
    throw missing(
      root.at,
      "a layer spec",
      "layers",
      "write layers: and the layers below it, each with a dash",
    );
  const inputs = readInputs(root);
  const plan = planLayers(
    layers.value,
    inputs.map(({ name }) => name),
  );
  if (plan.layers.length === 0)
    throw badValue(layers.value.at, "layers", "a list of one or more layers", "an empty list");
  const outputs = readOutputs(root);
  for (const output of outputs) plan.check(output);
  return {
    name: readName(root) ?? file.replace(/\.(ya?ml|json)$/i, ""),
    source: file,
    inputs,
    layers: plan.layers,
    outputs,
    loss: readLoss(root),
  };
}

function checkKeys(root: LocatedMap): void {
  const schema = root.entries.find(({ key }) => key === "schema");
  if (!schema) throw wrongSchema(root.at, "no schema", SPEC_SCHEMA);
  if (schema.value.kind !== "scalar" || schema.value.value !== SPEC_SCHEMA)
    throw wrongSchema(schema.value.at, quoted(schema.value), SPEC_SCHEMA);
  for (const { key, at } of root.entries) {
    if (!SPEC_KEYS.some((known) => known === key)) throw unknownKey(at, "a layer spec", key, SPEC_KEYS);
  }
}

function readName(root: LocatedMap): string | undefined {
  const entry = root.entries.find(({ key }) => key === "name");
  if (!entry) return undefined;
  const { value } = entry;
  if (value.kind !== "scalar" || typeof value.value !== "string" || value.value.trim() === "")
    throw badValue(value.at, "name", "text", quoted(value));
  if (value.value.length > MAX_NAME)
    throw badValue(value.at, "name", `text of at most ${MAX_NAME} characters`, `${value.value.length}`);
  return value.value;
}

function readOutputs(root: LocatedMap): Reference[] {
  const entry = root.entries.find(({ key }) => key === "outputs");
  if (!entry) return [];
  const items = entry.value.kind === "list" ? entry.value.items : [entry.value];
  if (items.length === 0) throw badValue(entry.value.at, "outputs", "a list of names", "an empty list");
  if (items.length > MAX_OUTPUTS)
    throw badValue(entry.value.at, "outputs", `at most ${MAX_OUTPUTS} names`, String(items.length));
  return items.map((item) => {
    if (item.kind === "scalar" && typeof item.value === "string") return { name: item.value, at: item.at };
    throw badValue(item.at, "an output", "the name of a layer", quoted(item));
  });
}

function readLoss(root: LocatedMap): SpecLoss | undefined {
  const entry = root.entries.find(({ key }) => key === "loss");
  if (!entry) return undefined;
  const { value } = entry;
  const loss = LOSSES.find((known) => value.kind === "scalar" && value.value === known);
  if (!loss) throw badValue(value.at, "loss", `one of ${LOSSES.join(", ")}`, quoted(value));
  return loss;
}
