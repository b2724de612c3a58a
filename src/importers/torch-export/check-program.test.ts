import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../base/complaint.js";
import { bytesSource } from "../../base/source.js";
import { readArchive } from "../../decode/zip.js";
import { checkProgram } from "./check-program.js";
import { usedNames } from "./declared-inputs.js";
import { importProgram } from "./read.js";

const members = await readArchive(bytesSource("lenet.pt2", readFileSync("test/fixtures/lenet.pt2")));
const text = new TextDecoder().decode(
  await members.find(({ name }) => name.endsWith("models/model.json"))?.read(),
);

type Json = Record<string, unknown>;

/** Every place in a value, as keys from the outside in. */
function placesIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

const PLACES = placesIn(JSON.parse(text)).filter((path) => path.length > 0);

/** The program with the value at `path` replaced. */
function replaced(path: readonly string[], by: unknown): unknown {
  const program = JSON.parse(text) as Json;
  let here = program;
  for (const key of path.slice(0, -1)) here = here[key] as Json; // as: a place in the same text
  here[path[path.length - 1] as string] = by;
  return program;
}

test("a program that is broken anywhere gives a complaint of four lines or can be imported", () => {
  const values = fc.constantFrom(
    ...[null, 0, -1, 1.5, 1e99, "x", "", "__proto__", "constructor", true, [], {}, [null], [[]]],
    ...[{ as_tensor: null }, { as_tensor: { name: "no" } }, { as_ints: null }, { as_sym_ints: [null] }],
  );
  fc.assert(
    fc.property(fc.constantFrom(...PLACES), values, (path, value) => {
      try {
        const program = checkProgram(replaced(path, value), "m.pt2");
        importProgram(program, new Map(), "m.pt2");
        usedNames(program.graph_module.graph);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        expect(error.message.split("\n")).toHaveLength(4);
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ["graph_module.graph.nodes", null, "m.pt2: the program must state its graph_module.graph.nodes"],
  [
    "graph_module.graph.nodes.1.target",
    "a.constructor",
    "m.pt2 › node #1: the program must state its target",
  ],
  ["graph_module.graph.nodes.1.inputs.0.arg", null, "m.pt2 › node #1: the program must state its argument"],
  [
    "graph_module.graph.nodes.1.metadata.stack_trace",
    5,
    "m.pt2 › node #1: the program must state its metadata",
  ],
  [
    "graph_module.graph.tensor_values.x.sizes",
    {},
    "m.pt2: the program must state its sizes of tensor_values.x",
  ],
  ["graph_module.signature.input_specs.0", 5, "m.pt2: the program must state its input_specs[0]"],
])("%s as %j is named in the complaint", (path, value, complaint) => {
  expect(() => checkProgram(replaced(path.split("."), value), "m.pt2")).toThrow(complaint);
});
