/** Other frameworks, and one network in several files, for docs/ACCURACY.md: sections of Markdown. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { estimate, readModel } from "../../dist/index.js";

/** @typedef {"pytorch" | "tensorflow"} Framework */

const root = join(import.meta.dirname, "../..");

/** @param {readonly string[]} header @param {readonly (readonly string[])[]} rows */
const table = (header, rows) =>
  [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);

/** LeNet-5 as the exported programs have it, in the words of a layer spec. */
const LENET = `schema: plimsoll/spec@1
name: lenet
input: { image: [1, 28, 28] }
layers:
  - conv: { filters: 6, kernel: 5, padding: 2, activation: relu }
  - avgpool: 2
  - conv: { filters: 16, kernel: 5, activation: relu }
  - avgpool: 2
  - flatten
  - dense: { units: 120, activation: relu }
  - dense: { units: 84, activation: relu }
  - dense: 10
loss: cross-entropy
`;

/**
 * @param {string} shared
 * @returns {Promise<string[]>}
 */
export async function frameworkDetails(shared) {
  return [
    "## One network in several files",
    "",
    "Batch 32, Adam, float32. Files of one framework's operations are computed with that framework.",
    "",
    ...table(
      ["network", "framework", "file", "parameters", "saved bytes", "allocated"],
      await sameNetworks(shared),
    ),
    "",
    "## TensorFlow",
    "",
    "Steps of TensorFlow 2.21 in graph mode (`node tools/compare-tensorflow.mjs` names each): seven per model, of batches 1, 32 and 128 in",
    "float32 and mixed_float16. Recurrent layers lack what their loops keep: TensorLists are recorded as 0 bytes, and counted here.",
    "",
    ...table(["model", "saved bytes equal", "peak, worst"], perModel(run("compare-tensorflow.mjs", shared))),
    "",
    "## JAX",
    "",
    "Programs of JAX 0.10.2 beside what `jax.vjp` keeps and what XLA's **CPU** backend allocates (`node tools/compare-jax.mjs`); a GPU's",
    "fusion was not recorded. The step is arguments, new outputs and temporaries.",
    "",
    ...table(["program", "text", "kept bytes", "step"], perText(run("compare-jax.mjs", shared))),
    "",
  ];
}

/** @param {string} tool @param {string} shared */
function run(tool, shared) {
  const { stdout, status, stderr } = spawnSync(process.execPath, [join(root, "tools", tool)], {
    encoding: "utf8",
    env: { ...process.env, PLIMSOLL_SHARED: shared },
  });
  if (status !== 0) throw new Error(`${tool} ended with ${status}: ${stderr.slice(0, 500)}`);
  return stdout.split("\n").filter(Boolean);
}

/**
 * Parameters, saved bytes and peak by file; files that are not there are left out.
 * @param {string} shared
 */
async function sameNetworks(shared) {
  const keras = join(shared, "models/keras");
  const onnx = join(root, "src/importers/onnx/fixtures");
  /** @type {[network: string, framework: Framework, file: string][]} */
  const files = [
    ["LeNet", "pytorch", join(root, "test/fixtures/lenet.pt2")],
    ["LeNet", "pytorch", join(onnx, "lenet.opset7.onnx")],
    ["LeNet", "pytorch", join(onnx, "lenet.opset20.onnx")],
    ["LeNet", "pytorch", join(onnx, "lenet.dynamo.onnx")],
    ["LeNet", "pytorch", "lenet.yaml"],
    ...["lenet5", "resnet_tiny"].flatMap((name) =>
      [`${name}.json`, `${name}.keras`, `${name}.h5`, `${name}_savedmodel/saved_model.pb`].map(
        (file) => /** @type {[string, Framework, string]} */ ([name, "tensorflow", join(keras, file)]),
      ),
    ),
  ];
  /** @type {string[][]} */
  const rows = [];
  for (const [network, framework, file] of files) {
    const isSpec = file === "lenet.yaml";
    if (!isSpec && !existsSync(file)) continue;
    const bytes = isSpec ? new TextEncoder().encode(LENET) : new Uint8Array(readFileSync(file));
    const name = basename(file);
    const { model, totals, peak } = estimate(await readModel(bytes, { name }), {
      framework,
      batch: 32,
      optimizer: "adam",
    });
    const figures = [model.parameterCount, totals.savedTensorBytes, peak.allocatedBytes];
    rows.push([network, framework, name, ...figures.map((figure) => figure.toLocaleString("en-US"))]);
  }
  return rows;
}

/** @param {readonly string[]} lines */
function perModel(lines) {
  /** @type {Map<string, { equal: number, of: number, worst: number }>} */
  const models = new Map();
  for (const line of lines) {
    const [, name, saved, peak] = /^(\S+) +\S+ +saved (.+?) +peak (-?[\d.]+) %/.exec(line) ?? [];
    if (name === undefined) continue;
    const row = models.get(name) ?? { equal: 0, of: 0, worst: 0 };
    models.set(name, {
      equal: row.equal + Number(saved === "equal"),
      of: row.of + 1,
      worst: Math.max(row.worst, Math.abs(Number(peak))),
    });
  }
  const rows = [...models].map(([name, { equal, of, worst }]) => [
    name,
    `${equal} / ${of}`,
    `${worst.toFixed(2)} %`,
  ]);
  return [...rows, ["**all**", lines.at(-1) ?? "", ""]];
}

/** @param {readonly string[]} lines */
function perText(lines) {
  return lines.flatMap((line) => {
    const [, name, text, kept, step] =
      /^(\S+) +(\S+\.(?:txt|mlir)) +(?:kept (.+?) +)?step (-?[\d.]+ %)/.exec(line) ?? [];
    return name === undefined || text === undefined || step === undefined
      ? []
      : [[name, text, kept ?? "", step]];
  });
}
