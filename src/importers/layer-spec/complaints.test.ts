import { expect, test } from "vitest";
import { InputError } from "../../base/complaint.js";
import { bytesSource } from "../../base/source.js";
import { readLayerSpec } from "./read.js";

/** The complaint about `text`, whole. */
async function complaint(text: string | Uint8Array): Promise<string> {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  try {
    (await readLayerSpec(bytesSource("models/cnn.yaml", bytes))).bind({ batch: 2 });
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return "no complaint";
}

/** A spec with the layers of `list`, whose first one is on line 4. */
const layers = (list: string, input = "{ image: [3, 8, 8] }") =>
  `schema: plimsoll/spec@1\ninput: ${input}\nlayers:\n${list}`;

test("a misspelt layer is suggested, with its place", async () => {
  expect(await complaint(layers("  - relu\n  - batchnrom\n"))).toBe(
    `cnn.yaml:5:5: a layer must be one that Plimsoll knows [layer-spec/layer]
  expected  a known layer
  got       "batchnrom"
  hint      did you mean "batchnorm" or "batch_norm" or "batchnorm1d"?`,
  );
});

test("a misspelt option is suggested, with its place", async () => {
  expect(await complaint(layers("  - conv: { filters: 4,\n            kernal: 3 }\n"))).toBe(
    `cnn.yaml:5:13: conv must have known options only [layer-spec/option]
  expected  filters, kernel, stride, padding, dilation, bias, activation, groups
  got       "kernal"
  hint      did you mean "kernel"?`,
  );
});

test("a large file is refused unread", async () => {
  const source = {
    name: "models/cnn.yaml",
    size: 2 * 1024 * 1024,
    read: () => Promise.reject(new Error("read")),
  };
  await expect(readLayerSpec(source)).rejects.toThrow(
    `models/cnn.yaml: a layer spec must be a small text file [layer-spec/file-size]
  expected  at most 1048576 bytes
  got       2097152 bytes
  hint      write repeated layers once, with repeat`,
  );
});

test("brackets without end are refused, however many", async () => {
  expect(await complaint("[".repeat(100_000))).toMatch(
    /^cnn\.yaml.*: lists and maps must not nest too deep \[layer-spec\/depth\]/,
  );
});

test("an option that was not indented is recognized", async () => {
  expect(await complaint(layers("  - conv:\n    filters: 4\n    kernel: 3\n"))).toBe(
    `cnn.yaml:5:5: filters of conv must be indented under conv [layer-spec/kind]
  expected  indented under conv
  got       beside it
  hint      write conv: { filters: … } or indent the line further`,
  );
});

test("shapes that do not fit name the layer and both shapes", async () => {
  expect(await complaint(layers("  - flatten\n  - conv: { filters: 4, kernel: 3 }\n"))).toBe(
    `cnn.yaml:5:5: conv must accept the shape it is given [layer-spec/shape]
  expected  [batch, channels, …] with 1 to 3 spatial dims
  got       [2,192]
  hint      dim 0 is the batch; check the layers above, and --batch, --image or --shape`,
  );
});

test("an unknown reference lists what there is", async () => {
  expect(await complaint(layers("  - { relu: , name: features }\n  - { relu: , input: featurs }\n"))).toBe(
    `cnn.yaml:5:22: input must name an input or an earlier layer [layer-spec/reference]
  expected  one of input, features
  got       "featurs"
  hint      did you mean "features"?`,
  );
});

const DEEP = `${"[".repeat(70)}${"]".repeat(70)}`;
const BOMB = [
  "  - &a0 { relu: }",
  ...Array.from({ length: 30 }, (_, i) => `  - &a${i + 1} { sequential: [*a${i}, *a${i}] }`),
].join("\n");
const NESTED_ALIASES = [
  `  - &a ${"[".repeat(40)}${"]".repeat(40)}`,
  `  - &b ${"[".repeat(40)}*a${"]".repeat(40)}`,
].join("\n");
const nested = (depth: number): string =>
  depth === 0 ? "relu" : `{ repeat: { times: 1000, layers: [${nested(depth - 1)}] } }`;

// first line of the complaint, and what was got
// biome-ignore format: one row per line
const ROWS: readonly [what: string, text: string | Uint8Array, place: string, code: string, got: string][] = [
  ["an empty file",           "",                                        "cnn.yaml",      "empty",      "an empty document"],
  ["comments only",           "# nothing\n",                             "cnn.yaml",      "empty",      "an empty document"],
  ["bytes",                   new Uint8Array([0xff, 0xfe, 0x00]),         "models/cnn.yaml", "text",     "bytes that are no UTF-8"],
  ["a list",                  "- conv\n",                                "cnn.yaml:1:1",  "kind",       "a list of 1"],
  ["open brackets",           "schema: [1, 2\n",                         "cnn.yaml:2:1",  "syntax",     "Flow sequence in block collection must be sufficiently indented and end with a ]"],
  ["two documents",           "a: 1\n---\nb: 2\n",                       "cnn.yaml:2:1",  "syntax",     "a second document"],
  ["deep nesting",            layers(`  - sequential: ${DEEP}`),          "cnn.yaml:4:79", "depth",      "more"],
  ["an alias bomb",           layers(BOMB),                              "cnn.yaml:18:31", "values",    "more"],
  ["a cyclic alias",          layers("  - sequential: &a [*a]"),          "cnn.yaml:4:21", "anchor",     "*a"],
  ["repeats that multiply",   layers(`  - ${nested(3)}`),                 "cnn.yaml:4:75", "layers",     "1001001"],
  ["repeats of nothing",      layers("  - repeat: { times: 1000000000000, layers: [] }"), "cnn.yaml:4:45", "layers", "1000000000001"],
  ["endless repeats",         layers(`  - ${nested(20)}`),                "cnn.yaml:4:75", "layers",     "1001001"],
  ["a key twice",             "schema: plimsoll/spec@1\nname: a\nname: b\n", "cnn.yaml:3:1", "key-twice", '"name"'],
  ["a crowd of values",       `[${"1,".repeat(75_000)}]`,                 "cnn.yaml",      "tokens",     "more"],
  ["a crowd of escapes",      `"${"\\x".repeat(150_000)}"`,               "cnn.yaml",      "tokens",     "more"],
  ["a crowd of dims",         layers("  - relu", `{ shape: [${"1, ".repeat(65)}] }`), "cnn.yaml:2:17", "value", "a list of 65"],
  ["a crowd of inputs",       layers(`  - add: [${"input, ".repeat(257)}]`), "cnn.yaml:4:10", "inputs",    "257"],
  ["a crowd of outputs",      `${layers("  - relu")}\noutputs: [${"input, ".repeat(257)}]`, "cnn.yaml:5:10", "value", "257"],
  ["a crowd of operators",    layers("  - repeat: { times: 9000, layers: [{ transformer: 1 }] }", "{ sequence: 8, features: 8 }"), "cnn.yaml:4:39", "operators", "more"],
  ["aliases that nest",       layers(NESTED_ALIASES),                    "cnn.yaml:5:48", "depth",      "more"],
  ["an endless word",         layers(`  - ${"k".repeat(100_000)}`),       "cnn.yaml:4:5",  "layer",      `"${"k".repeat(60)}…" (100000 characters)`],
  ["an endless name",         layers(`  - { relu: , name: ${"n".repeat(65)} }`), "cnn.yaml:4:21", "name", `"${"n".repeat(60)}…" (65 characters)`],
  ["no schema",               "input: { vector: 3 }\nlayers: [relu]\n",  "cnn.yaml:1:1",  "schema",     "no schema"],
  ["another schema",          "schema: plimsoll/spec@2\nlayers: []\n",   "cnn.yaml:1:9",  "schema",     '"plimsoll/spec@2"'],
  ["an unknown key",          "schema: plimsoll/spec@1\nlayer: []\n",    "cnn.yaml:2:1",  "key",        '"layer"'],
  ["no layers",               "schema: plimsoll/spec@1\ninput: { vector: 3 }\n", "cnn.yaml:1:1", "missing", "none"],
  ["an empty list of layers", layers("  []"),                            "cnn.yaml:4:3",  "value",      "an empty list"],
  ["layers that are a map",   layers("  relu: "),                        "cnn.yaml:4:3",  "kind",       'a map with "relu"'],
  ["no input",                "schema: plimsoll/spec@1\nlayers: [relu]\n", "cnn.yaml:1:1", "missing",   "none"],
  ["input and inputs",        "schema: plimsoll/spec@1\ninput: { vector: 3 }\ninputs: { a: { vector: 3 } }\nlayers: [relu]\n", "cnn.yaml:3:1", "input", "both input and inputs"],
  ["an input of two kinds",   layers("  - relu", "{ vector: 3, image: [1, 2, 3] }"), "cnn.yaml:2:8", "input", "vector and image"],
  ["an unknown input key",    layers("  - relu", "{ picture: [1, 2, 3] }"), "cnn.yaml:2:10", "key",      '"picture"'],
  ["a negative dim",          layers("  - relu", "{ image: [3, -8, 8] }"), "cnn.yaml:2:17", "value",     "a list of 3"],
  ["a fractional dim",        layers("  - relu", "{ vector: 3.5 }"),       "cnn.yaml:2:18", "value",     "3.5"],
  ["a zero dim",              layers("  - relu", "{ vector: 0 }"),         "cnn.yaml:2:18", "value",     "0"],
  ["a sequence of nothing",   layers("  - relu", "{ sequence: 8 }"),       "cnn.yaml:2:10", "missing",   "none"],
  ["features of an image",    layers("  - relu", "{ vector: 8, features: 3 }"), "cnn.yaml:2:21", "key",  '"features"'],
  ["an unknown dtype",        layers("  - relu", "{ vector: 8, dtype: float8 }"), "cnn.yaml:2:28", "value", '"float8"'],
  ["a layer that is a number", layers("  - 5"),                          "cnn.yaml:4:5",  "kind",       "5"],
  ["two layers in one item",  layers("  - { relu: , tanh: }"),           "cnn.yaml:4:5",  "one-layer",  "2 layers: relu, tanh"],
  ["an item without a layer", layers("  - { name: x }"),                 "cnn.yaml:4:5",  "one-layer",  "no layer"],
  ["a stray key",             layers("  - { relu: , colour: red }"),     "cnn.yaml:4:15", "key",        '"colour"'],
  ["a missing option",        layers("  - conv: { filters: 4 }"),        "cnn.yaml:4:5",  "missing",    "none"],
  ["a negative option",       layers("  - dense: -3"),                   "cnn.yaml:4:12", "value",      "-3"],
  ["a fractional option",     layers("  - conv: { filters: 2.5, kernel: 3 }"), "cnn.yaml:4:22", "value", "2.5"],
  ["text for a number",       layers("  - dense: many"),                 "cnn.yaml:4:12", "value",      '"many"'],
  ["an option in two words",  layers("  - conv: { filters: 2, out_channels: 2, kernel: 3 }"), "cnn.yaml:4:25", "twice", '"out_channels" again'],
  ["an unknown activation",   layers("  - conv: { filters: 2, kernel: 3, activation: rellu }"), "cnn.yaml:4:48", "value", '"rellu"'],
  ["an argument of relu",     layers("  - relu: 3"),                     "cnn.yaml:4:11", "value",      "3"],
  ["a name with a dot",       layers("  - { relu: , name: a.b }"),       "cnn.yaml:4:21", "name",       '"a.b"'],
  ["a name used twice",       layers("  - { relu: , name: a }\n  - { relu: , name: a }"), "cnn.yaml:5:15", "name-taken", '"a"'],
  ["a reference ahead",       layers("  - { relu: , input: later }\n  - { relu: , name: later }"), "cnn.yaml:4:22", "reference", '"later"'],
  ["a reference into a block", layers("  - sequential: [{ relu: , name: inner }]\n  - { relu: , input: inner }"), "cnn.yaml:5:22", "reference", '"inner"'],
  ["an unknown output",       `${layers("  - { relu: , name: a }")}\noutputs: [b]`, "cnn.yaml:5:11", "reference", '"b"'],
  ["one input to concat",     layers("  - { relu: , name: a }\n  - concat: [a]"), "cnn.yaml:5:5", "inputs", "1"],
  ["two inputs to relu",      layers("  - { relu: , name: a }\n  - { relu: , inputs: [a, input] }"), "cnn.yaml:5:7", "inputs", "2"],
  ["an lstm of an image",     layers("  - lstm: 64"),                    "cnn.yaml:4:5",  "shape",      "[2,3,8,8]"],
  ["an lstm on a last step",  layers("  - lstm: 4\n  - lstm: 4", "{ sequence: 4, features: 8 }"), "cnn.yaml:5:5", "shape", "[2,4]"],
  ["an endless lstm",         layers("  - lstm: { units: 4, layers: 1000000000000 }", "{ sequence: 4, features: 8 }"), "cnn.yaml:4:5", "layers", "1000000000000"],
  ["a wrong loss",            `${layers("  - relu")}\nloss: hinge`,       "cnn.yaml:5:7",  "value",      '"hinge"'],
  ["a window too large",      layers("  - maxpool: 9"),                  "cnn.yaml:4:5",  "shape",      "[2,3,8,8]"],
  ["a window of wrong rank",  layers("  - conv: { filters: 1, kernel: [3, 3, 3] }"), "cnn.yaml:4:5", "shape", "[3,3,3]"],
  ["groups that do not divide", layers("  - conv: { filters: 4, kernel: 1, groups: 2 }"), "cnn.yaml:4:5", "shape", "3 channels"],
  ["heads that do not divide", layers("  - attention: 3", "{ sequence: 4, features: 8 }"), "cnn.yaml:4:5", "shape", "8"],
  ["shapes that do not add",  layers("  - { maxpool: 2, name: a }\n  - add: [a, input]"), "cnn.yaml:5:5", "shape", "[2,3,4,4] and [2,3,8,8]"],
  ["a reshape that loses some", layers("  - reshape: [5, -1]"),          "cnn.yaml:4:5",  "shape",      "[2,5,-1] of a tensor [2,3,8,8]"],
  ["an embedding of numbers", layers("  - embedding: 8"),                "cnn.yaml:4:5",  "shape",      "float32 [2,3,8,8]"],
  ["an unthinkable tensor",   layers("  - flatten\n  - dense: 1000000000000"), "cnn.yaml:5:5", "too-large", "[1000000000000,192]"],
];

test.each(ROWS)("%s is refused at its place", async (_, text, place, code, got) => {
  const [first = "", , third = ""] = (await complaint(text)).split("\n");
  expect([
    first.slice(0, first.indexOf(": ")),
    /\[layer-spec\/([\w-]+)\]$/.exec(first)?.[1],
    third.slice(12),
  ]).toEqual([place, code, got]);
});
