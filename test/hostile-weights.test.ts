/** ONNX files and files of weights that are damaged, or made to exhaust memory, time or patience. */
import { readFileSync } from "node:fs";
import { afterAll, describe, test } from "vitest";
import { because, createFolder, expectComplaint, isBuilt } from "./run-cli.js";
import { deflatedZeros, writeZip } from "./write-zip.js";

const { file, remove } = createFolder();
afterAll(remove);

const varint = (value: bigint): number[] =>
  value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];
const int = (field: number, value: bigint | number) => [
  ...varint(BigInt(field) * 8n),
  ...varint(BigInt(value)),
];
const bytes = (field: number, content: readonly number[] | string): number[] => {
  const inside = typeof content === "string" ? [...Buffer.from(content)] : content;
  return [...varint(BigInt(field) * 8n + 2n), ...varint(BigInt(inside.length)), ...inside];
};

const node = (op: string, inputs: readonly string[], output: string, more: readonly number[] = []) =>
  bytes(1, [...inputs.flatMap((name) => bytes(1, name)), ...bytes(2, output), ...bytes(4, op), ...more]);
const dims = (sizes: readonly (bigint | number)[]) =>
  bytes(
    2,
    sizes.flatMap((size) => bytes(1, int(1, size))),
  );
const value = (field: number, name: string, sizes: readonly (bigint | number)[], type = 1) =>
  bytes(field, [...bytes(1, name), ...bytes(2, bytes(1, [...int(1, type), ...dims(sizes)]))]);
const tensor = (name: string, sizes: readonly (bigint | number)[], type = 1, raw?: readonly number[]) =>
  bytes(5, [
    ...sizes.flatMap((size) => int(1, size)),
    ...int(2, type),
    ...bytes(8, name),
    ...(raw ? bytes(9, raw) : int(14, 1)),
  ]);
const model = (graph: readonly number[], more: readonly number[] = [], opset = 17) =>
  file("x.onnx", Uint8Array.from([...int(1, 9), ...bytes(7, graph), ...bytes(8, int(2, opset)), ...more]));
const X = value(11, "x", [2, 8]);
const Y = value(12, "y", [2, 8]);

/** A graph in an attribute of a node of a graph, and so on. */
function nested(depth: number): number[] {
  let graph: number[] = [];
  for (let i = 0; i < depth; i++)
    graph = node("If", ["x"], "y", bytes(5, [...bytes(1, "then_branch"), ...bytes(6, graph)]));
  return graph;
}
/** Functions that call the next one twice. */
const doubling = Array.from({ length: 30 }, (_, i) =>
  bytes(25, [
    ...bytes(1, `f${i}`),
    ...bytes(4, "a"),
    ...bytes(5, "b"),
    ...bytes(7, [
      ...bytes(1, "a"),
      ...bytes(2, "m"),
      ...bytes(4, i === 29 ? "Relu" : `f${i + 1}`),
      ...bytes(7, "d"),
    ]),
    ...bytes(7, [
      ...bytes(1, "m"),
      ...bytes(2, "b"),
      ...bytes(4, i === 29 ? "Relu" : `f${i + 1}`),
      ...bytes(7, "d"),
    ]),
    ...bytes(10, "d"),
  ]),
).flat();
const ONNX = readFileSync("src/importers/onnx/fixtures/encoder.dynamo.onnx");
const ZIP = readFileSync("src/importers/weights/fixtures/small.pth");
const STREAM = readFileSync("src/importers/weights/fixtures/small-before-1.6.pth");
const SAFE = readFileSync("src/importers/weights/fixtures/small.safetensors");

const safetensors = (header: string, length = BigInt(header.length)) => {
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(length);
  return file("x.safetensors", Buffer.concat([lead, Buffer.from(header)]));
};
const one = (tensor: string) => safetensors(`{"a":${tensor}}`);
const pickle = (text: string) =>
  file("x.pth", writeZip([{ name: "x/data.pkl", content: Buffer.from(text, "latin1") }]));

const CASES: readonly [what: string, path: () => string, parts: readonly string[]][] = [
  ["an ONNX file that is cut off", () => file("cut.onnx", ONNX.subarray(0, 9000)), ["[protobuf/field]"]],
  ["an ONNX file of four bytes", () => file("four.onnx", ONNX.subarray(0, 4)), ["["]],
  ["an empty ONNX file", () => file("empty.onnx", ""), ["[onnx/no-graph]"]],
  [
    "a length of 2^60",
    () => file("x.onnx", Uint8Array.from([8, 9, 0x3a, ...varint(2n ** 60n)])),
    ["[protobuf/field]"],
  ],
  [
    "an initializer of 2^60 numbers",
    () => model([...node("Add", ["x", "w"], "y"), ...tensor("w", [2n ** 60n]), ...X, ...Y]),
    ["[onnx/dim]"],
  ],
  [
    "dims whose product is beyond counting",
    () => model([...node("Add", ["x", "w"], "y"), ...tensor("w", Array(9).fill(2 ** 30)), ...X, ...Y]),
    ["[onnx/dim]"],
  ],
  [
    "a dim below zero",
    () => model([...node("Add", ["x", "w"], "y"), ...tensor("w", [2n ** 64n - 3n]), ...X, ...Y]),
    ["[onnx/dim]", "-3"],
  ],
  [
    "sizes in the other byte order",
    () =>
      model([
        ...node("Reshape", ["x", "s"], "y"),
        ...tensor("s", [2], 7, [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4]),
        ...X,
        ...Y,
      ]),
    ["[onnx/"],
  ],
  [
    "a tensor with too few bytes",
    () => model([...node("Add", ["x", "w"], "y"), ...tensor("w", [8], 1, [1, 2, 3]), ...X, ...Y]),
    ["[onnx/data]", "32 bytes"],
  ],
  [
    "a type that is none",
    () => model([...node("Add", ["x", "w"], "y"), ...tensor("w", [8], 99), ...X, ...Y]),
    ["[onnx/type]"],
  ],
  [
    "operators in a circle",
    () => model([...node("Relu", ["b"], "a"), ...node("Relu", ["a"], "b"), ...X, ...value(12, "b", [2, 8])]),
    ["[onnx/tensor]"],
  ],
  ["an output that nothing makes", () => model([...node("Relu", ["x"], "a"), ...X, ...Y]), ["[onnx/tensor]"]],
  [
    "two weights of one name",
    () => model([...node("Add", ["x", "w"], "y"), ...tensor("w", [8]), ...tensor("w", [8]), ...X, ...Y]),
    ["[onnx/twice]"],
  ],
  ["an operator without its input", () => model([...node("Relu", [], "y"), ...X, ...Y]), ["[onnx/input]"]],
  [
    "operators that do not fit",
    () => model([...node("MatMul", ["x", "x"], "y"), ...X, ...Y]),
    ["[onnx/shape]"],
  ],
  [
    "a size that data decides",
    () =>
      model([
        ...node("NonZero", ["x"], "n"),
        ...node("Reshape", ["x", "n"], "r"),
        ...X,
        ...bytes(12, bytes(1, "r")),
      ]),
    ["[onnx/"],
  ],
  ["an old opset", () => model([...node("Relu", ["x"], "y"), ...X, ...Y], [], 6), ["[onnx/opset]"]],
  ["graphs in graphs", () => model([...nested(500), ...X, ...Y]), ["[protobuf/field]", "inside each other"]],
  [
    "functions that multiply",
    () => model([...node("f0", ["x"], "y", bytes(7, "d")), ...X, ...Y], doubling),
    ["[onnx/"],
  ],
  [
    "a name that every object has",
    () => model([...node("constructor", [], "y"), ...X, ...value(12, "z", [1])]),
    ["[onnx/tensor]"],
  ],
  [
    "a crowd of operators",
    () =>
      model([
        ...Array(150_000)
          .fill(node("Relu", ["x"], "y"))
          .flat(),
        ...X,
        ...Y,
      ]),
    ["[protobuf/field]"],
  ],

  [
    "a safetensors file that is cut off",
    () => file("x.safetensors", SAFE.subarray(0, 300)),
    ["[weights/header]"],
  ],
  ["a header of 2^60 bytes", () => safetensors("{}", 2n ** 60n), ["[weights/header]"]],
  ["a header in the other byte order", () => safetensors('{"a":1}', 7n << 56n), ["[weights/header]"]],
  ["a header that is no JSON", () => safetensors("{nope"), ["[weights/header]"]],
  ["a header without end", () => safetensors("[".repeat(1_000_000)), ["[weights/header]"]],
  ["a header of nothing", () => safetensors("{}"), ["[weights/header]"]],
  [
    "a NaN dim",
    () => one('{"dtype":"F32","shape":["NaN"],"data_offsets":[0,4]}'),
    ["[weights/tensor]", "NaN"],
  ],
  [
    "a dim of 2^60",
    () => one(`{"dtype":"F32","shape":[${2n ** 60n}],"data_offsets":[0,4]}`),
    ["[weights/tensor]"],
  ],
  [
    "offsets outside of the file",
    () => one('{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'),
    ["[weights/tensor]"],
  ],
  [
    "a dtype that every object has",
    () => one('{"dtype":"constructor","shape":[],"data_offsets":[0,4]}'),
    ["[weights/tensor]"],
  ],

  ["a checkpoint that is cut off", () => file("x.pth", ZIP.subarray(0, 2000)), ["[zip/directory]"]],
  ["an older checkpoint that is cut off", () => file("x.pth", STREAM.subarray(0, 200)), ["[pickle/broken]"]],
  [
    "a pickle that inflates to gigabytes",
    () =>
      file(
        "x.pth",
        writeZip([{ name: "x/data.pkl", content: deflatedZeros(3072), inflated: 3 * 1024 ** 3 }]),
      ),
    ["[zip/size]"],
  ],
  [
    "a pickle that calls os.system",
    () => pickle("cos\nsystem\n(S'true'\ntR."),
    ["[pickle/runs-code]", "os.system"],
  ],
  [
    "a pickle that calls eval",
    () => pickle("\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."),
    ["[pickle/runs-code]"],
  ],
  [
    "a pickle nested 10^5 deep",
    () => pickle(`${"]".repeat(100_000)}${"a".repeat(99_999)}.`),
    ["[weights/none]"],
  ],
  [
    "a pickle that doubles itself",
    () => pickle(`]q\x00${"(h\x00h\x00tq\x00".repeat(60)}.`),
    ["[weights/none]"],
  ],
  ["a list that holds itself", () => pickle("]q\x00h\x00a."), ["[weights/none]"]],
  [
    "a text of 2^60 bytes",
    () => pickle(`\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x10.`),
    ["[pickle/broken]"],
  ],
  ["a pickle of marks", () => pickle("(".repeat(4_000_000)), ["[pickle/broken]"]],
  ["a pickle without a stack", () => pickle("R."), ["[pickle/broken]"]],
  [
    "an archive of other files",
    () => file("x.pth", writeZip([{ name: "a.txt", content: "a" }])),
    ["[weights/none]"],
  ],
];

describe.skipIf(!isBuilt)(`a hostile file gets a complaint within two seconds${because}`, () => {
  test.for(CASES)("%s", ([, path, parts]) => {
    expectComplaint(["estimate", path()], parts);
  });
});
