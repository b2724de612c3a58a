/** What a spec says about its inputs, without the batch axis. */
import type { DType } from "../../base/dtype.js";
import { isFloating } from "../../base/dtype.js";
import { badName, badValue, inputKind, missing, quotedText, unknownKey, wrongKind } from "./complaints.js";
import { type Located, type LocatedMap, quoted } from "./document.js";
import { choice, count, sizes } from "./kinds.js";
import type { JsonSchema, OptionKind } from "./row.js";

export interface InputPlan {
  readonly name: string;
  /** Dims behind the batch. */
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The dim of `shape` that --sequence sets. */
  readonly sequence?: number;
  /** Height and width are the last two dims. */
  readonly image?: true;
  readonly vocabulary?: number;
}

const FLOATS = ["float32", "float64", "float16", "bfloat16"] as const;
const TOKENS = ["int64", "int32"] as const;

interface InputKind {
  readonly help: string;
  readonly value: OptionKind;
  /** Further keys, all required. */
  readonly with?: Readonly<Record<string, OptionKind>>;
  /** The first is the default. */
  readonly dtypes: readonly DType[];
  readonly plan: (value: readonly number[], more: readonly number[]) => Omit<InputPlan, "name" | "dtype">;
}

const triple: OptionKind = {
  expected: "three whole numbers of 1 or more: channels, height, width",
  schema: { type: "array", items: count.schema, minItems: 3, maxItems: 3 },
  read: (value, plan) =>
    value.kind === "list" && value.items.length === 3 ? sizes.read(value, plan) : undefined,
};

/** `{ length: 128, vocabulary: 30522 }`, or just the length. Read as `[length, vocabulary or 0]`. */
const tokens: OptionKind = {
  expected: "a map with length and vocabulary, or the length",
  schema: {
    anyOf: [
      count.schema,
      {
        type: "object",
        properties: { length: count.schema, vocabulary: count.schema },
        required: ["length"],
        additionalProperties: false,
      },
    ],
  },
  read: (value, plan) => {
    if (value.kind !== "map") return count.read(value, plan);
    const given = new Map(value.entries.map(({ key, value }) => [key, count.read(value, plan)]));
    if ([...given].some(([key, size]) => size === undefined || (key !== "length" && key !== "vocabulary")))
      return undefined;
    const length = given.get("length");
    return length === undefined
      ? undefined
      : [length as number, (given.get("vocabulary") as number | undefined) ?? 0];
  },
};

// biome-ignore format: one row per line
const INPUT_KINDS: Readonly<Record<string, InputKind>> = {
  image:    { help: "channels, height, width", value: triple, dtypes: FLOATS, plan: (shape) => ({ shape, image: true }) },
  sequence: { help: "steps, each of `features` numbers", value: count, with: { features: count }, dtypes: FLOATS, plan: ([steps = 1], [features = 1]) => ({ shape: [steps, features], sequence: 0 }) },
  tokens:   { help: "whole numbers below `vocabulary`", value: tokens, dtypes: TOKENS, plan: ([length = 1, vocabulary = 0]) => ({ shape: [length], sequence: 0, ...(vocabulary > 0 && { vocabulary }) }) },
  vector:   { help: "features of a sample", value: count, dtypes: FLOATS, plan: (shape) => ({ shape }) },
  shape:    { help: "any dims behind the batch", value: sizes, dtypes: [...FLOATS, ...TOKENS], plan: (shape) => ({ shape }) },
};

const KINDS = Object.keys(INPUT_KINDS);
const NO_PLAN = () => [];

/** An input's name, and every layer's: part of parameter paths and of references. */
export const NAME = /^[A-Za-z_][\w-]{0,63}$/;

/** Inputs of a spec; no model takes more. */
const MAX_INPUTS = 256;

/** `input: {…}`, called "input", or `inputs: { name: {…}, … }`. */
export function readInputs(root: LocatedMap): readonly InputPlan[] {
  const given = root.entries.filter(({ key }) => key === "input" || key === "inputs");
  const [first, second] = given;
  if (!first)
    throw missing(root.at, "a layer spec", "input", "write for instance input: { image: [3, 224, 224] }");
  if (second) throw inputKind(second.at, "both input and inputs");
  if (first.key === "input") return [readInput("input", first.value)];
  const { value } = first;
  const hint = "write inputs: { left: { vector: 8 }, right: { vector: 4 } }";
  if (value.kind !== "map" || value.entries.length === 0)
    throw wrongKind(value.at, "inputs", "a map of names", quoted(value), hint);
  if (value.entries.length > MAX_INPUTS)
    throw wrongKind(
      value.at,
      "inputs",
      `a map of at most ${MAX_INPUTS} names`,
      String(value.entries.length),
      hint,
    );
  return value.entries.map(({ key, at, value }) => {
    if (!NAME.test(key)) throw badName(at, quotedText(key));
    return readInput(key, value);
  });
}

function readInput(name: string, value: Located): InputPlan {
  if (value.kind !== "map") throw inputKind(value.at, quoted(value));
  const kinds = value.entries.filter(({ key }) => KINDS.includes(key));
  const [entry] = kinds;
  const stray = value.entries.find(
    ({ key }) => !KINDS.includes(key) && key !== "dtype" && key !== "features",
  );
  if (stray) throw unknownKey(stray.at, "an input", stray.key, [...KINDS, "features", "dtype"]);
  if (!entry || kinds.length > 1)
    throw inputKind(value.at, kinds.map(({ key }) => key).join(" and ") || "none of them");
  const kind = INPUT_KINDS[entry.key] as InputKind; // as: a key of KINDS
  const read = kind.value.read(entry.value, NO_PLAN);
  if (read === undefined) throw badValue(entry.value.at, entry.key, kind.value.expected, quoted(entry.value));
  const more = Object.entries(kind.with ?? {}).map(([key, option]) => {
    const found = value.entries.find((other) => other.key === key);
    if (!found) throw missing(entry.at, entry.key, key, `write ${entry.key}: 128, ${key}: 64`);
    const number = option.read(found.value, NO_PLAN);
    if (number === undefined) throw badValue(found.value.at, key, option.expected, quoted(found.value));
    return number as number; // as: every such option is a count
  });
  const features = value.entries.find(({ key }) => key === "features" && !("features" in (kind.with ?? {})));
  if (features) throw unknownKey(features.at, `an input with ${entry.key}`, "features", [entry.key, "dtype"]);
  const numbers = typeof read === "number" ? [read] : (read as readonly number[]); // as: every kind reads numbers
  return { name, dtype: readDtype(value, kind), ...kind.plan(numbers, more) };
}

function readDtype(value: LocatedMap, kind: InputKind): DType {
  const given = value.entries.find(({ key }) => key === "dtype");
  if (!given) return kind.dtypes[0] as DType;
  const option = choice(...kind.dtypes);
  const dtype = option.read(given.value, NO_PLAN);
  if (dtype === undefined) throw badValue(given.value.at, "dtype", option.expected, quoted(given.value));
  return dtype as DType; // as: one of the choices
}

/** The dtype parameters have: that of the first input of real numbers. */
export function parameterDtype(inputs: readonly InputPlan[]): DType {
  return inputs.find(({ dtype }) => isFloating(dtype))?.dtype ?? "float32";
}

/** One input, for editors. */
export function inputSchema(): JsonSchema {
  const alternatives = Object.entries(INPUT_KINDS).map(([key, { help, value, with: more = {}, dtypes }]) => ({
    type: "object",
    properties: {
      [key]: { ...value.schema, description: help },
      ...Object.fromEntries(Object.entries(more).map(([name, { schema }]) => [name, schema])),
      dtype: { enum: dtypes },
    },
    required: [key, ...Object.keys(more)],
    additionalProperties: false,
  }));
  return { anyOf: alternatives };
}
