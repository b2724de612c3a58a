/** Files that are damaged, or made to exhaust memory, time or patience. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { bytesSource } from "../src/base/source.js";
import { readArchive } from "../src/decode/zip.js";
import { because, createFolder, expectComplaint, isBuilt, MODEL, run } from "./run-cli.js";
import { deflatedZeros, writeZip, type ZipMember } from "./write-zip.js";

const { file, remove } = createFolder();
afterAll(remove);

const PROGRAM = "lenet/models/model.json";
const program = await readArchive(bytesSource(MODEL, readFileSync(MODEL))).then(async (members) => {
  const bytes = await members.find(({ name }) => name.endsWith("models/model.json"))?.read();
  return new TextDecoder().decode(bytes);
});

/** An export whose program is `content`. */
const archive = (content: ZipMember["content"], more: Partial<ZipMember> = {}) =>
  file(
    "model.pt2",
    writeZip([
      { name: "lenet/archive_format", content: "pt2" },
      { name: PROGRAM, content, ...more },
    ]),
  );
/** LeNet with every `from` in its program replaced. */
const edited = (from: string, to: string) => {
  expect(program).toContain(from);
  return archive(program.replaceAll(from, to));
};
const spec = (layers: string, input = "{ vector: 8 }") =>
  file("spec.yaml", `schema: plimsoll/spec@1\ninput: ${input}\nlayers:\n${layers}`);

const GIB = 1024 ** 3;
const READS_TANH = '{"name": "self", "arg": {"as_tensor": {"name": "tanh"}}';
const REGION = (inside: string) =>
  `{"inputs":[],"outputs":[],"tensor_values":{},"nodes":[{"target":"torch.ops.higher_order.wrap","outputs":[],"inputs":[{"name":"g","arg":{"as_graph":{"graph":${inside}}}}]}]}`;
const nested = (depth: number): string => (depth === 0 ? "{}" : REGION(nested(depth - 1)));
const ALIASES = Array.from({ length: 30 }, (_, i) => `  - &a${i + 1} { sequential: [*a${i}, *a${i}] }`);

const CASES: readonly [what: string, path: () => string, parts: readonly string[]][] = [
  [
    "a truncated archive",
    () => file("cut.pt2", readFileSync(MODEL).subarray(0, 20_000)),
    ["cut.pt2", "[zip/directory]"],
  ],
  [
    "a member that inflates to gigabytes",
    () => archive(deflatedZeros(3072), { inflated: 3 * GIB }),
    ["[zip/size]", `got       ${3 * GIB} bytes`],
  ],
  [
    "a member that inflates to more than it may for its size",
    () => archive(deflatedZeros(60), { inflated: 60 * 1024 ** 2 }),
    ["[zip/bomb]"],
  ],
  [
    "a member that inflates to gigabytes, and says it does not",
    () => archive(deflatedZeros(3072), { inflated: 3 * GIB, stated: 1000 }),
    ["[zip/member]"],
  ],
  [
    "a path that leaves the archive",
    () => file("up.pt2", writeZip([{ name: "../models/model.json", content: program }])),
    ["[zip/path]", 'got       "../models/model.json"'],
  ],
  [
    "a path from the root",
    () => file("root.pt2", writeZip([{ name: "/models/model.json", content: program }])),
    ["[zip/path]"],
  ],
  [
    "a path on two lines",
    () => file("lines.pt2", writeZip([{ name: "a\nb/models/model.json", content: program }])),
    ["[zip/path]"],
  ],
  ["a program that is no JSON", () => archive("graph lenet"), [PROGRAM, "[torch-export/json]"]],
  ["a program that is cut off", () => archive(program.slice(0, 5000)), [PROGRAM, "[torch-export/json]"]],
  ["a program that is empty", () => archive(""), [PROGRAM, "[torch-export/json]"]],
  [
    "a program that is a list",
    () => archive("[]"),
    ["[torch-export/missing]", "expected  the field graph_module"],
  ],
  [
    "JSON without end",
    () => archive("[".repeat(5_000_000)),
    [PROGRAM, "[torch-export/json-depth]", "expected  at most 256 levels"],
  ],
  [
    "a crowd of JSON values",
    () => archive(`[${"{},".repeat(5_000_000)}{}]`),
    [PROGRAM, "[torch-export/json-size]"],
  ],
  [
    "regions inside regions",
    () => archive(`{"graph_module":{"graph":${nested(20)}}}`),
    ["[torch-export/depth]"],
  ],
  [
    "a tensor that does not exist",
    () => edited(READS_TANH, READS_TANH.replace('"tanh"', '"tanhh"')),
    ["[torch-export/tensor]", 'got       "tanhh"'],
  ],
  [
    "a tensor that is made later",
    () => edited(READS_TANH, READS_TANH.replace('"tanh"', '"linear_1"')),
    ["[torch-export/tensor]", 'got       "linear_1"'],
  ],
  [
    "an operator that reads its own result",
    () => edited(READS_TANH, READS_TANH.replace('"tanh"', '"avg_pool2d"')),
    ["[torch-export/tensor]", 'got       "avg_pool2d"'],
  ],
  [
    "a tensor that nothing describes",
    () => edited('"tanh_1": {"dtype"', '"tanh_x": {"dtype"'),
    ["[torch-export/tensor]", 'got       "tanh_1"'],
  ],
  [
    "a size below zero",
    () =>
      edited(
        '"p_net_0_weight": {"dtype": 7, "sizes": [{"as_int": 6}',
        '"p_net_0_weight": {"dtype": 7, "sizes": [{"as_int": -6}',
      ),
    ["[torch-export/size]"],
  ],

  ["binary garbage", () => file("noise", noise(5000)), ["[model/format]"]],
  ["binary garbage that is named a model", () => file("noise.pt2", noise(5000)), ["[model/format]"]],
  ["binary garbage that is named a spec", () => file("noise.yaml", noise(5000)), ["[model/format]"]],
  [
    "binary garbage after the first line of a spec",
    () => file("tail.yaml", Buffer.concat([Buffer.from("schema: plimsoll/spec@1\n"), noise(5000)])),
    ["[layer-spec/text]"],
  ],

  ["a dim below zero in a spec", () => spec("  - relu", "{ image: [3, -8, 8] }"), ["[layer-spec/value]"]],
  ["open brackets without end", () => spec(`  - sequential: ${"[".repeat(900_000)}`), ["[layer-spec/depth]"]],
  ["a large spec", () => spec("  - relu\n".repeat(200_000)), ["[layer-spec/file-size]"]],
  ["a spec of very many layers", () => spec("  - relu\n".repeat(100_000)), ["[layer-spec/tokens]"]],
  ["a spec full of mistakes", () => spec("  - : :\n".repeat(18_000)), ["[layer-spec/syntax]"]],
  ["a spec full of wrong escapes", () => spec(`  - "${"\\x".repeat(140_000)}"\n`), ["[layer-spec/syntax]"]],
  ["aliases that multiply", () => spec(`  - &a0 { relu: }\n${ALIASES.join("\n")}`), ["[layer-spec/values]"]],
  [
    "repeats that multiply",
    () => spec(`  - ${"{ repeat: { times: 1000, layers: [".repeat(5)}relu${"] } }".repeat(5)}`),
    ["[layer-spec/layers]"],
  ],
  [
    "repeats of nothing",
    () => spec("  - repeat: { times: 1000000000000, layers: [] }"),
    ["[layer-spec/layers]"],
  ],
  [
    "repeats of large blocks",
    () => spec("  - repeat: { times: 9999, layers: [{ transformer: 1 }] }", "{ sequence: 8, features: 8 }"),
    ["[layer-spec/operators]"],
  ],
  ["an endless key", () => spec(`  - { ${"k".repeat(900_000)}: 3 }`), ["[layer-spec/"]],
];

/** Bytes without order, the same ones every time. */
function noise(size: number): Buffer {
  let state = 1;
  return Buffer.from(
    Array.from({ length: size }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state >> 16;
    }),
  );
}

describe.skipIf(!isBuilt)(`a hostile file gets a complaint within two seconds${because}`, () => {
  test.for(CASES)("%s", ([, path, parts]) => {
    expectComplaint(["estimate", path()], parts);
  });
});

describe.skipIf(!isBuilt)(`an operator that Plimsoll does not know${because}`, () => {
  test("is bounded, named in a diagnostic, and no mistake", () => {
    const path = edited("torch.ops.aten.tanh.default", "torch.ops.mine.wobble.default");
    const { status, stdout, stderr } = run(["estimate", path, "--batch", "8", "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const known = JSON.parse(run(["estimate", MODEL, "--batch", "8", "--json"]).stdout);
    const { diagnostics, peak } = JSON.parse(stdout);
    expect(diagnostics).toEqual([
      expect.objectContaining({
        code: "ops/unknown",
        severity: "warning",
        message: expect.stringContaining("torch.ops.mine.wobble.default"),
      }),
    ]);
    expect(peak.allocatedBytes).toBeGreaterThanOrEqual(known.peak.allocatedBytes);
    expect(peak.allocatedBytes).toBeLessThan(2 * known.peak.allocatedBytes);
  });
});
