/** TensorFlow graphs that are damaged, or made to exhaust memory, time or patience. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { estimate, InputError, readModel } from "../src/index.js";
import { because, createFolder, expectComplaint, isBuilt } from "./run-cli.js";

const { file, remove } = createFolder();
afterAll(remove);

const FIXTURES = "src/importers/tensorflow-graph/fixtures";
const SAVED = new Uint8Array(readFileSync(`${FIXTURES}/cnn.saved_model.pb`));
const FLOW = new Uint8Array(readFileSync(`${FIXTURES}/flow.saved_model.pb`));

// ---------------------------------------------------------------- protocol buffers, written by hand

type Part = Uint8Array | string | number | bigint;
function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return out;
}
/** Fields of a message: numbers as varints, texts and messages with their length. */
function message(...fields: readonly (readonly [number: number, value: Part])[]): Uint8Array {
  const parts = fields.map(([number, value]) => {
    if (typeof value === "number" || typeof value === "bigint")
      return [...varint(number * 8), ...varint(value)];
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
  });
  return Uint8Array.from(parts.flat());
}
const shape = (...dims: (number | bigint)[]) =>
  message(...dims.map((size) => [2, message([1, size])] as const));
const attr = (key: string, value: Uint8Array) => [5, message([1, key], [2, value])] as const;
const FLOAT = message([6, 1]);
const node = (
  name: string,
  op: string,
  input: readonly string[],
  ...attrs: (readonly [number, Uint8Array])[]
) => [1, message([1, name], [2, op], ...input.map((ref) => [3, ref] as const), ...attrs)] as const;
const placeholder = (...dims: (number | bigint)[]) =>
  node("x", "Placeholder", [], attr("dtype", FLOAT), attr("shape", message([7, shape(...dims)])));
const calls = (name: string, op = "PartitionedCall") =>
  attr(op === "PartitionedCall" ? "f" : op, message([10, message([1, name])]));
/** A function of one tensor that runs `nodes` and returns `result`. */
const fn = (name: string, result: string, ...nodes: (readonly [number, Uint8Array])[]) =>
  [
    1,
    message(
      [1, message([1, name], [2, message([1, "a"], [3, 1])], [3, message([1, "r"], [3, 1])])],
      ...nodes.map(([, body]) => [3, body] as const),
      [4, message([1, "r"], [2, result])],
    ),
  ] as const;
const library = (...functions: (readonly [number, Uint8Array])[]) => [2, message(...functions)] as const;
const graph = (...fields: (readonly [number, Uint8Array])[]) => file("graph.pb", message(...fields));
const json = (...nodes: object[]) =>
  file("model.json", JSON.stringify({ format: "graph-model", modelTopology: { node: nodes } }));
const X = {
  name: "x",
  op: "Placeholder",
  attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: [{ size: "2" }, { size: "4" }] } } },
};

const chain = (count: number) =>
  Array.from({ length: count }, (_, i) => node(`n${i}`, "Relu", [i === 0 ? "x" : `n${i - 1}`]));
const doubling = (depth: number) =>
  Array.from({ length: depth }, (_, i) =>
    i === 0
      ? fn("f0", "y:y:0", node("y", "Relu", ["a"]))
      : fn(
          `f${i}`,
          "z:output:0",
          node("y", "PartitionedCall", ["a"], calls(`f${i - 1}`)),
          node("z", "PartitionedCall", ["y:output:0"], calls(`f${i - 1}`)),
        ),
  );

const CASES: readonly [what: string, path: () => string, parts: readonly string[]][] = [
  ["a SavedModel cut short", () => file("cut.pb", SAVED.slice(0, 20_000)), ["[protobuf/field]"]],
  ["one of three bytes", () => file("short.pb", SAVED.slice(0, 3)), ["[protobuf/field]"]],
  ["no graph at all", () => file("empty.pb", message([1, 1], [2, message()])), ["[tensorflow-graph/graph]"]],
  ["text that is called .pb", () => file("text.pb", "hello world"), ["[tensorflow-graph/json]"]],
  [
    "no signature",
    () => file("s.pb", message([1, 1], [2, message([2, message(placeholder(2, 4))])])),
    ["[tensorflow-graph/signature]"],
  ],
  [
    "a function that is not there",
    () => graph(placeholder(2, 4), node("y", "PartitionedCall", ["x"], calls("nowhere"))),
    ["[tensorflow-graph/graph]", '"nowhere"'],
  ],
  [
    "a size of 2^60",
    () => graph(placeholder(2n ** 60n, 4), node("y", "Relu", ["x"])),
    ["[tensorflow-graph/"],
  ],
  [
    "sizes that multiply to 2^60",
    () => graph(placeholder(2, 2 ** 30, 2 ** 30), node("y", "Relu", ["x"])),
    ["[tensorflow-graph/too-large]"],
  ],
  [
    "a negative size",
    () => graph(placeholder(2, -7), node("y", "Relu", ["x"])),
    ["[tensorflow-graph/value]"],
  ],
  ["a size of zero", () => graph(placeholder(2, 0), node("y", "Relu", ["x"])), ["[tensorflow-graph/shape]"]],
  [
    "an open size",
    () => graph(placeholder(-1, -1), node("y", "Relu", ["x"])),
    ["[tensorflow-graph/open-shape]", "--shape x="],
  ],
  [
    "two nodes of one name",
    () => graph(placeholder(2, 4), node("y", "Relu", ["x"]), node("y", "Tanh", ["x"])),
    ["[tensorflow-graph/name]"],
  ],
  [
    "an input that is not there",
    () => graph(placeholder(2, 4), node("y", "Relu", ["z"])),
    ["[tensorflow-graph/input]"],
  ],
  [
    "a result that is not there",
    () => graph(placeholder(2, 4), node("y", "Relu", ["x:7"])),
    ["[tensorflow-graph/input]"],
  ],
  [
    "nodes that feed themselves",
    () =>
      graph(
        placeholder(2, 4),
        node("a", "AddV2", ["x", "b"]),
        node("b", "Relu", ["a"]),
        node("y", "Relu", ["b"]),
      ),
    ["[tensorflow-graph/cycle]"],
  ],
  [
    "a function that calls itself",
    () =>
      graph(
        library(fn("f", "y:output:0", node("y", "PartitionedCall", ["a"], calls("f")))),
        placeholder(2, 4),
        node("y", "PartitionedCall", ["x"], calls("f")),
      ),
    ["[tensorflow-graph/depth]"],
  ],
  [
    "functions that multiply",
    () =>
      graph(library(...doubling(40)), placeholder(2, 4), node("y", "PartitionedCall", ["x"], calls("f39"))),
    ["[tensorflow-graph/nodes]"],
  ],
  [
    "a loop without end",
    () =>
      graph(
        library(
          fn(
            "c",
            "t:output:0",
            node(
              "t",
              "Const",
              [],
              attr("dtype", message([6, 10])),
              attr("value", message([8, message([1, 10], [11, 1])])),
            ),
          ),
          fn("b", "y:y:0", node("y", "Relu", ["a"])),
        ),
        placeholder(2, 4),
        node("y", "While", ["x"], calls("c", "cond"), calls("b", "body")),
      ),
    [],
  ],
  [
    "a chain of thirty-five thousand",
    () => graph(placeholder(2, 4), ...chain(35_000)),
    ["[tensorflow-graph/nodes]"],
  ],
  ["a chain of a hundred thousand", () => graph(placeholder(2, 4), ...chain(100_000)), ["[protobuf/field]"]],
  [
    "lengths inside lengths, a hundred thousand deep",
    () => file("deep.pb", deep(100_000)),
    ["[tensorflow-graph/graph]"],
  ],
  [
    "a kernel of other channels",
    () =>
      graph(
        placeholder(2, 8, 8, 3),
        node("w", "VarHandleOp", [], attr("dtype", FLOAT), attr("shape", message([7, shape(3, 3, 5, 4)]))),
        node("r", "ReadVariableOp", ["w"]),
        node("y", "Conv2D", ["x", "r"]),
      ),
    ["[tensorflow-graph/shape]"],
  ],
  [
    "strides below one",
    () =>
      graph(
        placeholder(2, 8, 8, 3),
        node(
          "y",
          "MaxPool",
          ["x"],
          attr("ksize", message([1, message([3, 1], [3, 2], [3, 2], [3, 1])])),
          attr("strides", message([1, message([3, 1], [3, -1], [3, 0], [3, 1])])),
        ),
      ),
    ["[tensorflow-graph/value]"],
  ],
  [
    "channels first",
    () =>
      graph(placeholder(2, 8, 8, 3), node("y", "MaxPool", ["x"], attr("data_format", message([2, "NCHW"])))),
    ["[tensorflow-graph/not-computed]"],
  ],
  [
    "an operation nobody knows, of nothing",
    () => graph(node("y", "Conjure", ["z"]), node("z", "Const", [])),
    ["[tensorflow-graph/operation]", "Conjure"],
  ],
  [
    "a graph model whose size is NaN",
    () =>
      json(
        { ...X, attr: { ...X.attr, shape: { shape: { dim: [{ size: "two" }, { size: "4" }] } } } },
        { name: "y", op: "Relu", input: ["x"] },
      ),
    ["[tensorflow-graph/value]"],
  ],
  [
    "a graph model with a number for its inputs",
    () => json(X, { name: "y", op: "Relu", input: 7 }),
    ["[tensorflow-graph/value]"],
  ],
  [
    "brackets a hundred thousand deep",
    () => file("model.json", `{"format":"graph-model","modelTopology":${"[".repeat(100_000)}`),
    ["[tensorflow-graph/json]"],
  ],
  [
    "a graph model cut short",
    () => file("model.json", readFileSync(`${FIXTURES}/cnn.tfjs.json`, "utf8").slice(0, 3000)),
    ["[tensorflow-graph/json]"],
  ],
];

function deep(levels: number): Uint8Array {
  // lengths that all end where the file does
  const parts: number[][] = [];
  let length = 0;
  for (let i = 0; i < levels; i++) {
    const head = [0x0a, ...varint(Math.max(length, 0))];
    parts.push(head);
    length += head.length;
  }
  return Uint8Array.from(parts.reverse().flat());
}

describe.skipIf(!isBuilt)(`a hostile graph${because}`, () => {
  test.for(CASES)("%s", async ([, path, parts]) => {
    if (parts.length === 0) return void (await expectAnswer(path()));
    await expectComplaint(["estimate", path(), "--batch", "2"], parts);
  });
});

/** It is bounded, and soon. */
async function expectAnswer(path: string) {
  const start = performance.now();
  const report = estimate(await readModel(new Uint8Array(readFileSync(path)), { name: path }), {
    batch: 2,
    loss: "none",
  });
  expect(report.diagnostics.map(({ code }) => code)).toContain("tensorflow-graph/loop");
  expect(performance.now() - start).toBeLessThan(2000);
}

// ---------------------------------------------------------------- fields moved about

type Json = unknown;
const NASTY: readonly Json[] = [
  "-1",
  "0",
  "1152921504606846976",
  "NaN",
  "x",
  -1,
  2 ** 60,
  Number.NaN,
  null,
  [],
  {},
  "",
  "y:9",
  "^x",
  "DT_STRING",
];
const TFJS = JSON.parse(readFileSync(`${FIXTURES}/cnn.tfjs.json`, "utf8")) as Json;

/** Replaces, removes or doubles what stands at places of a JSON value, so that it stays JSON. */
const change = fc.record({
  at: fc.nat(5000),
  by: fc.nat(NASTY.length - 1),
  how: fc.constantFrom("put", "drop", "twice", "swap"),
});
function changed(value: Json, changes: readonly { at: number; by: number; how: string }[]): Json {
  const copy = structuredClone(value);
  const places: [holder: Record<string, Json>, key: string][] = [];
  const walk = (item: Json) => {
    if (typeof item !== "object" || item === null) return;
    for (const key of Object.keys(item)) {
      places.push([item as Record<string, Json>, key]);
      walk((item as Record<string, Json>)[key]);
    }
  };
  walk(copy);
  for (const { at, by, how } of changes) {
    const [holder, key] = places[at % places.length] as (typeof places)[number];
    const [other, otherKey] = places[(at * 31) % places.length] as (typeof places)[number];
    if (how === "drop") delete holder[key];
    else if (how === "put") holder[key] = NASTY[by];
    else if (how === "twice" && Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]));
    else holder[key] = structuredClone(other[otherKey]);
  }
  return copy;
}

async function ask(bytes: Uint8Array, name: string) {
  const start = performance.now();
  try {
    estimate(await readModel(bytes, { name }), { batch: 2 });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { where, rule, expected, got, hint } = error.complaint;
    for (const part of [where, rule, expected, got, hint]) expect(part).toMatch(/^[^\n]+$/);
  }
  expect(performance.now() - start).toBeLessThan(2000);
}

/** A protocol buffer's fields by place, so that edits keep the lengths around them true. */
function fieldsOf(
  bytes: Uint8Array,
  from: number,
  to: number,
  depth: number,
  found: [number, number][],
): boolean {
  const own: [number, number][] = [];
  for (let at = from; at < to; ) {
    const tag = bytes[at] as number;
    const wire = tag & 7;
    at += tag > 127 ? 2 : 1;
    if (wire === 0) {
      own.push([at, at + 1]);
      while ((bytes[at++] as number) > 127);
    } else if (wire === 5) at += 4;
    else if (wire === 1) at += 8;
    else if (wire === 2) {
      let [length, scale] = [0, 1];
      for (; (bytes[at] as number) > 127; at++, scale *= 128) length += ((bytes[at] as number) & 127) * scale;
      length += (bytes[at++] as number) * scale;
      if (at + length > to) return false;
      if (length > 0) own.push([at, at + length]);
      if (length > 2 && depth < 12) fieldsOf(bytes, at, at + length, depth + 1, found);
      at += length;
    } else return false;
    if (at > to) return false;
  }
  found.push(...own);
  return true;
}

describe("a graph whose fields were moved about", () => {
  const runs = { numRuns: Number(process.env["FUZZ_RUNS"] ?? 200), seed: 20_261 };

  test("as JSON: an answer or a complaint", { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) =>
        ask(new TextEncoder().encode(JSON.stringify(changed(TFJS, changes))), "model.json"),
      ),
      runs,
    ),
  );

  test.for([
    ["cnn", SAVED],
    ["flow", FLOW],
  ] as const)("as protocol buffers: %s", { timeout: 60_000 }, async ([name, bytes]) => {
    const fields: [number, number][] = [];
    fieldsOf(bytes, 0, bytes.length, 0, fields);
    const edit = fc.record({
      field: fc.nat(fields.length - 1),
      other: fc.nat(fields.length - 1),
      byte: fc.constantFrom(0, 1, 7, 0x7f, 0x80, 0xff),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (edits, copies) => {
          const out = bytes.slice();
          for (const { field, other, byte } of edits) {
            const [from, to] = fields[field] as [number, number];
            const [start, end] = fields[other] as [number, number];
            // a field of the same length elsewhere, or a byte
            if (copies && end - start === to - from) out.set(bytes.slice(start, end), from);
            else out[from] = byte;
          }
          await ask(out, `${name}.pb`);
        },
      ),
      runs,
    );
  });
});
