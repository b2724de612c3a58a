/** TensorFlow graphs of every kind: the same network as its Keras file. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { estimate, type Options, readModel } from "../../index.js";

const FIXTURES = "src/importers/tensorflow-graph/fixtures";
const read = async (path: string) => readModel(new Uint8Array(readFileSync(path)), { name: path });
const answer = async (path: string, options: Options = {}) =>
  estimate(await read(path), { batch: 32, ...options });

const FIGURES = [
  "parameterBytes",
  "gradientBytes",
  "optimizerStateBytes",
  "inputBytes",
  "savedTensorBytes",
] as const;

async function expectSame(graph: string, keras: string, options: Options = {}) {
  const [found, wanted] = [await answer(graph, options), await answer(keras, options)];
  expect(found.model.parameterCount).toBe(wanted.model.parameterCount);
  expect(found.model.trainableParameterCount).toBe(wanted.model.trainableParameterCount);
  for (const figure of FIGURES)
    expect([figure, found.totals[figure]]).toEqual([figure, wanted.totals[figure]]);
  expect(found.peak.allocatedBytes).toBe(wanted.peak.allocatedBytes);
}

describe("a network as a graph is the Keras file again, to the byte", () => {
  test.for(["cnn.saved_model.pb", "cnn.frozen.pb", "cnn.tfjs.json"])("%s", (name) =>
    expectSame(`${FIXTURES}/${name}`, `${FIXTURES}/cnn.json`),
  );

  test("for inference", () =>
    expectSame(`${FIXTURES}/cnn.saved_model.pb`, `${FIXTURES}/cnn.json`, { mode: "inference" }));
});

const shared = process.env["PLIMSOLL_SHARED"] ?? join(import.meta.dirname, "../../../../shared");
const models = join(shared, "models/keras");
const isThere = existsSync(models);

describe.skipIf(!isThere)(`real files${isThere ? "" : " (skipped: shared/models is absent)"}`, () => {
  test.for(["lenet5", "resnet_tiny"])("%s as a SavedModel is the .keras file again", async (name) => {
    for (const options of [{ batch: 1 }, { batch: 32 }, { batch: 128, optimizer: "sgd" }])
      await expectSame(`${models}/${name}_savedmodel/saved_model.pb`, `${models}/${name}.keras`, options);
  });

  test("a traced step's forward pass is read, its backward pass left out", async () => {
    const graph = `${models}/lenet5_fwd_bwd_graphdef.pb`;
    // its file fixed a batch of 32
    for (const batch of [32, 8]) {
      const [found, wanted] = [
        await answer(graph, { batch }),
        await answer(`${models}/lenet5.keras`, { batch }),
      ];
      expect(found.totals.savedTensorBytes).toBe(wanted.totals.savedTensorBytes);
      expect(found.totals.gradientBytes).toBe(wanted.totals.gradientBytes);
    }
    expect((await read(graph)).batch).toBe(32);
    const { diagnostics } = await answer(graph);
    expect(diagnostics.map(({ code }) => code)).toContain("tensorflow-graph/backward");
  });
});

describe("a graph for inference", () => {
  test("says what was put back, and what cannot be", async () => {
    const { diagnostics } = await answer(`${FIXTURES}/cnn.saved_model.pb`);
    expect(diagnostics).toEqual([
      expect.objectContaining({
        code: "tensorflow-graph/inference-export",
        message: expect.stringContaining("batch norms are put back into training mode; dropout"),
      }),
    ]);
  });

  test("of TensorFlow 1 has its fused batch norm back", async () => {
    const { model, totals, diagnostics } = await answer(`${FIXTURES}/old.saved_model.pb`);
    // convolution 108, gamma and beta 8, moving statistics 8, 64 x 5 + 5
    expect([model.parameterCount, model.trainableParameterCount]).toEqual([449, 441]);
    expect(diagnostics.map(({ message }) => message).join()).toContain("batch norms");
    expect(totals.savedTensorBytes).toBeGreaterThan(32 * 8 * 8 * 4 * 4 * 2);
  });

  test("with constants for weights says that they count as trained", async () => {
    const { diagnostics } = await answer(`${FIXTURES}/cnn.frozen.pb`);
    expect(diagnostics.map(({ code, severity }) => [code, severity])).toContainEqual([
      "tensorflow-graph/frozen",
      "warning",
    ]);
  });
});

test("a loop of known length is written out turn by turn", async () => {
  const { model, totals, diagnostics } = await answer(`${FIXTURES}/lstm.saved_model.pb`, { batch: 2 });
  expect(model.parameterCount).toBe(4 * 6 * (3 + 6 + 1) + 6 * 2 + 2);
  // four steps keep what the gradients of their gates read
  expect(totals.savedTensorBytes).toBeGreaterThan(4 * 2 * 6 * 4 * 6);
  expect(diagnostics.map(({ code }) => code)).not.toContain("tensorflow-graph/loop");
});

test("what depends on data is bounded, and said", async () => {
  const { diagnostics } = await answer(`${FIXTURES}/flow.saved_model.pb`);
  const said = diagnostics.filter(({ severity }) => severity === "warning");
  expect(said.map(({ code }) => code.replace("tensorflow-graph/", ""))).toEqual([
    "loop",
    "branch",
    "unknown-operation",
  ]);
  expect(said[2]?.message).toContain("Betainc");
});

test("the policy of a graph is the one it was saved with", async () => {
  await expect(answer(`${FIXTURES}/cnn.saved_model.pb`, { precision: "amp-fp16" })).rejects.toThrow(
    "[tensorflow-graph/precision]",
  );
});

test("fused kernels of a converted graph are apart again while it trains", async () => {
  const shape = (...dims: number[]) => ({ dim: dims.map((size) => ({ size: String(size) })) });
  const weight = (name: string, ...dims: number[]) => ({
    name,
    op: "Const",
    attr: {
      dtype: { type: "DT_FLOAT" },
      value: { tensor: { dtype: "DT_FLOAT", tensorShape: shape(...dims) } },
    },
  });
  const node = [
    { name: "x", op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: shape(-1, 8) } } },
    weight("w", 8, 4),
    weight("b", 4),
    {
      name: "y",
      op: "_FusedMatMul",
      input: ["x", "w", "b"],
      attr: { fused_ops: { list: { s: [btoa("BiasAdd"), btoa("Relu")] } } },
    },
  ];
  const file = new TextEncoder().encode(JSON.stringify({ format: "graph-model", modelTopology: { node } }));
  const { model, totals } = estimate(await readModel(file, { name: "model.json" }), {
    batch: 2,
    loss: "none",
  });
  expect(model.parameterCount).toBe(36);
  // x for the kernel's gradient, the result for ReLU's
  expect(totals.savedTensorBytes).toBe(2 * 8 * 4 + 2 * 4 * 4);
});
