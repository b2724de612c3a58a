/** The JSON Schema of a layer spec, for editors: made from the rows that read it. */
import { inputSchema } from "./inputs.js";
import * as kinds from "./kinds.js";
import { LAYER_WORDS, LAYERS } from "./layers.js";
import { LOSSES } from "./lower.js";
import { type SPEC_KEYS, SPEC_SCHEMA } from "./read.js";
import type { JsonSchema, LayerRow, OptionKind } from "./row.js";
import { activation } from "./rows/activations.js";

const name = { type: "string", pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,63}$" };
const references = { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1 }] };
/** What every layer may have; written once, under $defs. */
const SHARED = {
  "layer-name": { ...name, description: "what other layers call it; part of parameter names" },
  "layer-input": {
    ...references,
    description: "name of an input or an earlier layer; default the layer before it",
  },
  "layer-inputs": { ...references, description: "names, for a layer with several inputs" },
};
const COMMON = {
  name: { $ref: "#/$defs/layer-name" },
  input: { $ref: "#/$defs/layer-input" },
  inputs: { $ref: "#/$defs/layer-inputs" },
};

/** Kinds of values that many options share, written once too. */
const { choice: _, ...plainKinds } = kinds;
const NAMED: ReadonlyMap<OptionKind, string> = new Map(
  Object.entries({ ...plainKinds, activation }).map(([name, kind]) => [kind, `value-${name}`]),
);

function valueSchema(kind: OptionKind): JsonSchema {
  const name = NAMED.get(kind);
  return name === undefined ? kind.schema : { $ref: `#/$defs/${name}` };
}

export function layerSpecSchema(): JsonSchema {
  const top: Record<(typeof SPEC_KEYS)[number], JsonSchema> = {
    schema: { const: SPEC_SCHEMA },
    name: { type: "string" },
    input: { ...inputSchema(), description: "the one input, without its batch axis" },
    inputs: {
      type: "object",
      additionalProperties: inputSchema(),
      minProperties: 1,
      description: "several inputs by name",
    },
    layers: { $ref: "#/$defs/layers" },
    outputs: { ...references, description: "names of the layers that are returned; default the last one" },
    loss: {
      enum: LOSSES,
      description: "cross-entropy (default), mse, or none: backward starts at the sum of the outputs",
    },
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Plimsoll layer spec",
    type: "object",
    properties: top,
    required: ["schema", "layers"],
    additionalProperties: false,
    $defs: {
      layers: { type: "array", items: { $ref: "#/$defs/layer" } },
      layer: { anyOf: [{ enum: plainWords() }, wordedLayer()] },
      ...SHARED,
      ...Object.fromEntries([...NAMED].map(([{ schema }, name]) => [name, schema])),
      ...Object.fromEntries(Object.entries(LAYERS).map(([name, row]) => [name, layerSchema(row)])),
    },
  };
}

/** Words that may stand alone. */
function plainWords(): string[] {
  return [...LAYER_WORDS].filter(([, name]) => !hasRequired(LAYERS[name] as LayerRow)).map(([word]) => word); // as: words point at rows
}

const hasRequired = ({ options, merges }: LayerRow) =>
  merges === true || Object.values(options).some(({ required }) => required);

function wordedLayer(): JsonSchema {
  const words = [...LAYER_WORDS].map(([word, name]) => [word, { $ref: `#/$defs/${name}` }]);
  return {
    type: "object",
    properties: { ...COMMON, ...Object.fromEntries(words) },
    additionalProperties: false,
    minProperties: 1,
  };
}

/** What may follow a layer's word. */
function layerSchema(row: LayerRow): JsonSchema {
  const properties: Record<string, JsonSchema> = { ...COMMON };
  for (const [name, { kind, help, words }] of Object.entries(row.options)) {
    for (const word of [name, ...words]) properties[word] = { ...valueSchema(kind), description: help };
  }
  const forms: JsonSchema[] = [{ type: "object", properties, additionalProperties: false }];
  if (row.main === "inputs") forms.unshift({ type: "array", items: { type: "string" }, minItems: 2 });
  else if (row.main !== undefined)
    forms.unshift(valueSchema((row.options[row.main] as { kind: OptionKind }).kind)); // as: main is one of them
  if (!hasRequired(row)) forms.push({ type: "null" });
  return { description: row.help, anyOf: forms };
}
