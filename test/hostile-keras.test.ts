/** Keras files that are damaged, or made to exhaust memory, time or patience. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { InputError, readModel, estimate } from "../src/index.js";
import { because, createFolder, expectComplaint, isBuilt } from "./run-cli.js";
import { deflatedZeros, writeZip } from "./write-zip.js";

const { file, remove } = createFolder();
afterAll(remove);

const CNN = readFileSync("test/fixtures/keras/cnn180b.json", "utf8");
const H5 = readFileSync("test/fixtures/keras/config-only.h5");
const GIB = 1024 ** 3;

const json = (text: string) => file("model.json", text);
const edited = (from: string, to: string) => {
  expect(CNN).toContain(from);
  return json(CNN.replaceAll(from, to));
};
const keras = (members: Parameters<typeof writeZip>[0]) => file("model.keras", writeZip(members));

const input = (name: string, shape = "[null,8]") =>
  `{"class_name":"InputLayer","name":"${name}","config":{"batch_shape":${shape},"dtype":"float32","name":"${name}"},"inbound_nodes":[]}`;
const tensor = (layer: string, call = 0, result = 0) =>
  `{"class_name":"__keras_tensor__","config":{"keras_history":["${layer}",${call},${result}]}}`;
const layer = (kind: string, name: string, from: readonly string[], config = "{}") =>
  `{"class_name":"${kind}","name":"${name}","config":${config},"inbound_nodes":[${from.map((arg) => `{"args":[${arg}],"kwargs":{}}`).join(",")}]}`;
const functional = (layers: readonly string[], output: string) =>
  `{"class_name":"Functional","config":{"name":"m","layers":[${layers.join(",")}],"input_layers":[["x",0,0]],"output_layers":[["${output}",0,0]]}}`;
/** A model inside a model inside a model. */
const nested = (depth: number): string =>
  depth === 0
    ? layer("Dense", "d", [tensor("x")], '{"units":4}')
    : `{"class_name":"Functional","name":"m${depth}","config":{"name":"m${depth}","layers":[${input("x")},${nested(depth - 1)}],"input_layers":[["x",0,0]],"output_layers":[["${depth === 1 ? "d" : `m${depth - 1}`}",0,0]]},"inbound_nodes":[{"args":[${tensor("x")}],"kwargs":{}}]}`;
/** Every model calls the one inside it twice. */
const doubling = (depth: number): string =>
  depth === 0
    ? layer("Dense", "d", [tensor("x"), tensor("d", 0)], '{"units":8}')
    : `{"class_name":"Functional","name":"m${depth}","config":{"name":"m${depth}","layers":[${input("x")},${doubling(depth - 1)}],"input_layers":[["x",0,0]],"output_layers":[["${depth === 1 ? "d" : `m${depth - 1}`}",1,0]]},"inbound_nodes":[{"args":[${tensor("x")}],"kwargs":{}},{"args":[${tensor(`m${depth}`, 0)}],"kwargs":{}}]}`;

const CASES: readonly [what: string, path: () => string, parts: readonly string[]][] = [
  ["a description cut short", () => json(CNN.slice(0, 2000)), ["[keras/json]"]],
  [
    "brackets a hundred thousand deep",
    () => json(`{"class_name":"Sequential","config":${"[".repeat(100_000)}`),
    ["[keras/depth]"],
  ],
  [
    "objects a hundred thousand deep",
    () => json(`{"class_name":"Sequential","config":${'{"a":'.repeat(100_000)}`),
    ["[keras/depth]"],
  ],
  [
    "a crowd of values",
    () => json(`{"class_name":"Sequential","config":[${"1,".repeat(2_100_000)}1]}`),
    ["[keras/values]"],
  ],
  ["a size that is NaN", () => edited('"filters":36', '"filters":NaN'), ["[keras/json]"]],
  [
    "a size that is text",
    () => edited('"filters":36', '"filters":"many"'),
    ["[keras/value]", 'got       "many"'],
  ],
  [
    "a size that is negative",
    () => edited('"filters":36', '"filters":-36'),
    ["[keras/value]", "got       -36"],
  ],
  ["a size that is no whole number", () => edited('"units":1024', '"units":0.5'), ["[keras/value]"]],
  [
    "a size beyond any device",
    () => edited('"units":1024', '"units":900000000000000'),
    ["[keras/too-large]"],
  ],
  [
    "a window larger than the image",
    () => edited('"kernel_size":[3,3]', '"kernel_size":[999,999]'),
    ["[keras/shape]"],
  ],
  ["an input of no size", () => edited("[null,180,50,1]", "[null,0,50,1]"), ["[keras/value]"]],
  [
    "an input whose sizes are open",
    () => edited("[null,180,50,1]", "[null,null,50,1]"),
    ["[keras/open-shape]"],
  ],
  [
    "an input of a crowd of dims",
    () => edited("[null,180,50,1]", `[null${",1".repeat(1000)}]`),
    ["[keras/value]"],
  ],
  ["two layers of one name", () => edited('"name":"conv2d_1"', '"name":"conv2d"'), ["[keras/name]"]],
  [
    "an endless name",
    () => edited('"name":"conv2d_1"', `"name":"${"n".repeat(100_000)}"`),
    ["[keras/value]"],
  ],
  [
    "a custom layer",
    () => edited('"class_name":"Flatten"', '"class_name":"MyFlatten"'),
    ["[keras/layer]", 'got       "MyFlatten"'],
  ],
  [
    "a layer named like an object's property",
    () => edited('"class_name":"Flatten"', '"class_name":"constructor"'),
    ["[keras/layer]"],
  ],
  [
    "an unknown activation",
    () => edited('"activation":"softmax"', '"activation":"toString"'),
    ["[keras/not-computed]"],
  ],
  ["a subclassed model", () => json('{"class_name":"MyModel","config":{"units":3}}'), ["[keras/subclassed]"]],
  [
    "a model without layers",
    () => json('{"class_name":"Sequential","config":{"name":"m","layers":[]}}'),
    ["[keras/config]"],
  ],
  [
    "a model that names no input",
    () =>
      json(
        '{"class_name":"Sequential","config":{"layers":[{"class_name":"Dense","config":{"name":"d","units":3}}]}}',
      ),
    ["[keras/input]"],
  ],
  [
    "layers that feed each other",
    () =>
      json(
        functional(
          [
            input("x"),
            layer("Add", "a", [`[${tensor("x")},${tensor("b")}]`]),
            layer("ReLU", "b", [tensor("a")]),
          ],
          "b",
        ),
      ),
    ["[keras/cycle]"],
  ],
  [
    "a layer that feeds itself",
    () => json(functional([input("x"), layer("ReLU", "a", [tensor("a")])], "a")),
    ["[keras/cycle]"],
  ],
  [
    "an unknown inbound layer",
    () => json(functional([input("x"), layer("ReLU", "a", [tensor("y")])], "a")),
    ["[keras/inbound]"],
  ],
  [
    "a call that is not there",
    () => json(functional([input("x"), layer("ReLU", "a", [tensor("x", 7)])], "a")),
    ["[keras/inbound]"],
  ],
  [
    "an output that nobody makes",
    () => json(functional([input("x"), layer("ReLU", "a", [tensor("x")])], "z")),
    ["[keras/inbound]"],
  ],
  ["models nested without end", () => json(functional([input("x"), nested(48)], "m48")), ["[keras/"]],
  ["models that multiply", () => json(functional([input("x"), doubling(20)], "m20")), ["[keras/calls]"]],
  [
    "a merge of one",
    () => json(functional([input("x"), layer("Add", "a", [tensor("x")])], "a")),
    ["[keras/shape]"],
  ],
  [
    "an archive cut short",
    () => file("cut.keras", writeZip([{ name: "config.json", content: CNN }]).subarray(0, 300)),
    ["[zip/directory]"],
  ],
  [
    "an archive without a configuration",
    () =>
      keras([
        { name: "metadata.json", content: "{}" },
        { name: "model.weights.h5", content: "x" },
      ]),
    ["[keras/config]"],
  ],
  [
    "a configuration that inflates to gigabytes",
    () => keras([{ name: "config.json", content: deflatedZeros(3072), inflated: 3 * GIB }]),
    ["[zip/size]"],
  ],
  [
    "a configuration that inflates beyond reason",
    () => keras([{ name: "config.json", content: deflatedZeros(60), inflated: 60 * 1024 ** 2 }]),
    ["[zip/bomb]"],
  ],
  [
    "weights without a configuration",
    () =>
      file("w.h5", Buffer.from(H5).fill(0x41, H5.indexOf("model_config"), H5.indexOf("model_config") + 12)),
    ["[keras/hdf5]"],
  ],
];

describe.skipIf(!isBuilt)(`a hostile Keras file gets a complaint within two seconds${because}`, () => {
  test.each(CASES)("%s", { timeout: 30_000 }, (_, path, parts) => {
    expectComplaint(["estimate", path()], parts);
  });
});

/** What reading and estimating `bytes` comes to: a complaint, or an answer. */
async function outcome(name: string, bytes: Uint8Array): Promise<string> {
  try {
    const report = estimate(await readModel(bytes, { name }), { noOptimizer: true });
    return report.model.name;
  } catch (error) {
    if (error instanceof InputError) return "complaint";
    throw error;
  }
}

test("a description cut anywhere is a complaint", async () => {
  for (let end = 1; end < CNN.length - 1; end += 97)
    expect(await outcome("model.json", new TextEncoder().encode(CNN.slice(0, end)))).toBe("complaint");
});

test("an .h5 file cut anywhere is a complaint, and its configuration is read when it is whole", async () => {
  expect(await outcome("model.h5", H5)).toBe("cnn180a");
  for (let end = 1; end < H5.length; end += 211)
    expect(["complaint", "cnn180a"]).toContain(await outcome("model.h5", H5.subarray(0, end)));
});

test("an .h5 file with any byte of its directory changed never fails otherwise", {
  timeout: 60_000,
}, async () => {
  for (let at = 0; at < 2400; at += 13) {
    const bytes = Buffer.from(H5);
    bytes[at] = 0xff - (bytes[at] as number);
    expect(await outcome("model.h5", bytes)).toBeTypeOf("string");
  }
});
