/** Kinds of option values: how each is read, and its JSON Schema. */
import type { Located } from "./document.js";
import type { JsonSchema, OptionKind, OptionValue } from "./row.js";

/** No tensor has a dim above this; products of a few stay exact. */
const MAX_SIZE = 2 ** 40;

const INTEGER = { type: "integer" };
const POSITIVE = { type: "integer", minimum: 1 };
const NATURAL = { type: "integer", minimum: 0 };

function scalar(value: Located): unknown {
  return value.kind === "scalar" ? value.value : undefined;
}

const whole = (value: unknown, low: number): value is number =>
  Number.isInteger(value) && (value as number) >= low && Math.abs(value as number) <= MAX_SIZE;

function integer(expected: string, schema: JsonSchema, low: number): OptionKind {
  const read = (value: Located) => {
    const number = scalar(value);
    return whole(number, low) ? number : undefined;
  };
  return { expected, schema, read };
}

/** Numbers of one list: PyTorch's iterators take tensors of at most 64 dims. */
const MAX_NUMBERS = 64;

/** A list of whole numbers of at least `low`. */
function integers(expected: string, item: JsonSchema, low: number): OptionKind {
  const read = (value: Located) => {
    if (value.kind !== "list" || value.items.length === 0 || value.items.length > MAX_NUMBERS)
      return undefined;
    const numbers = value.items.map(scalar);
    return numbers.every((number) => whole(number, low)) ? (numbers as number[]) : undefined; // as: just checked
  };
  return {
    expected: `${expected}, at most ${MAX_NUMBERS}`,
    schema: { type: "array", items: item, minItems: 1, maxItems: MAX_NUMBERS },
    read,
  };
}

/** The first of `kinds` that can read the value. */
function either(expected: string, ...kinds: readonly OptionKind[]): OptionKind {
  const read: OptionKind["read"] = (value, plan) => {
    for (const kind of kinds) {
      const found = kind.read(value, plan);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return { expected, schema: { anyOf: kinds.map(({ schema }) => schema) }, read };
}

export function choice(...values: readonly string[]): OptionKind {
  const read = (value: Located) => {
    const text = scalar(value);
    return typeof text === "string" && values.includes(text) ? text : undefined;
  };
  return { expected: `one of ${values.join(", ")}`, schema: { enum: values }, read };
}

export const count = integer("a whole number of 1 or more", POSITIVE, 1);
export const natural = integer("a whole number of 0 or more", NATURAL, 0);
export const dim = integer("a whole number", INTEGER, -MAX_SIZE);
export const sizes = integers("a list of whole numbers of 1 or more", POSITIVE, 1);
const naturals = integers("a list of whole numbers of 0 or more", NATURAL, 0);
export const dims = integers("a list of whole numbers", INTEGER, -MAX_SIZE);
/** Target sizes; one may be -1, meaning what is left. */
export const target: OptionKind = {
  ...integers(
    "a list of whole numbers above 0, one of them perhaps -1",
    { anyOf: [{ const: -1 }, POSITIVE] },
    -1,
  ),
  read: (value, plan) => {
    const numbers = dims.read(value, plan) as number[] | undefined; // as: dims reads nothing else
    return numbers?.every((size) => size === -1 || size >= 1) &&
      numbers.indexOf(-1) === numbers.lastIndexOf(-1)
      ? numbers
      : undefined;
  },
};

/** One number for every spatial dim, or one each: `3` or `[3, 5]`. */
export const window = either("a whole number of 1 or more, or one for each dim", count, sizes);
export const border = either("a whole number of 0 or more, or one for each dim", natural, naturals);
export const padding = either(
  "same, valid, or a whole number of 0 or more",
  choice("same", "valid"),
  natural,
  naturals,
);
export const dimOrDims = either("a dim or a list of dims", dim, dims);

export const flag: OptionKind = {
  expected: "true or false",
  schema: { type: "boolean" },
  read: (value) => {
    const given = scalar(value);
    return typeof given === "boolean" ? given : undefined;
  },
};

export const number: OptionKind = {
  expected: "a number",
  schema: { type: "number" },
  read: (value) => {
    const given = scalar(value);
    return typeof given === "number" && Number.isFinite(given) ? given : undefined;
  },
};

export const fraction: OptionKind = {
  expected: "a number from 0 to 1",
  schema: { type: "number", minimum: 0, maximum: 1 },
  read: (value) => {
    const given = scalar(value);
    return typeof given === "number" && given >= 0 && given <= 1 ? given : undefined;
  },
};

export const layerList: OptionKind = {
  expected: "a list of layers",
  schema: { $ref: "#/$defs/layers" },
  read: (value, plan): OptionValue | undefined => (value.kind === "list" ? plan(value) : undefined),
};

export const layerLists: OptionKind = {
  expected: "a list of two or more lists of layers",
  schema: { type: "array", items: { $ref: "#/$defs/layers" }, minItems: 2 },
  read: (value, plan): OptionValue | undefined => {
    if (value.kind !== "list" || value.items.length < 2) return undefined;
    return value.items.every(({ kind }) => kind === "list") ? value.items.map(plan) : undefined;
  },
};
