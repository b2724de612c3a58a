/** Keras files of every kind, and what their layers come to. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { estimate, explain, type Options, readModel } from "../../index.js";
import { writeZip } from "../../../test/write-zip.js";

const fixtures = join(import.meta.dirname, "../../../test/fixtures/keras");
const CNN = readFileSync(join(fixtures, "cnn180b.json"));
const text = (value: object) => new TextEncoder().encode(JSON.stringify(value));

async function answer(name: string, bytes: Uint8Array, options: Options = {}) {
  return estimate(await readModel(bytes, { name }), { noOptimizer: true, ...options });
}

describe("a Keras model is read from", () => {
  test("what to_json() gives", async () => {
    const { model, setup } = await answer("cnn.json", CNN);
    expect(model).toMatchObject({ name: "cnn180b", parameterCount: 19_072_984 });
    expect(setup).toMatchObject({ framework: "tensorflow", batch: 1 });
  });

  test("a .keras archive, whose weights are not read", async () => {
    const archive = writeZip([
      { name: "metadata.json", content: "{}" },
      { name: "config.json", content: CNN },
      { name: "model.weights.h5", content: "no weights at all" },
    ]);
    expect((await answer("cnn.keras", archive)).model.parameterCount).toBe(19_072_984);
  });

  test("the configuration inside an .h5 file", async () => {
    const { model } = await answer("cnn.h5", readFileSync(join(fixtures, "config-only.h5")));
    expect(model).toMatchObject({ name: "cnn180a", parameterCount: 19_072_984 });
  });

  test("a TensorFlow.js layers model in Keras 2's spelling", async () => {
    const layers = [
      { class_name: "LSTM", config: { name: "lstm", units: 16, batch_input_shape: [null, 20, 8] } },
      { class_name: "Dense", config: { name: "dense", units: 3, activation: "softmax" } },
    ];
    const config = { class_name: "Sequential", config: { name: "tfjs", layers } };
    const { model, diagnostics } = await answer(
      "model.json",
      text({ modelTopology: { model_config: config } }),
    );
    expect(model.parameterCount).toBe(4 * 16 * (8 + 16 + 1) + 17 * 3);
    expect(diagnostics.map(({ code }) => code)).toEqual(["keras/cudnn-rnn"]);
  });
});

const input = (name: string, shape: readonly (number | null)[]) => ({
  class_name: "InputLayer",
  name,
  config: { batch_shape: shape, dtype: "float32", name },
  inbound_nodes: [],
});
const functional = (name: string, layers: readonly object[], output: string) => ({
  class_name: "Functional",
  config: { name, layers, input_layers: [["x", 0, 0]], output_layers: [[output, 0, 0]] },
});
/** A call as Keras 2 writes it. */
const old = (...layers: readonly string[]) => [layers.map((layer) => [layer, 0, 0, {}])];
const dense = (name: string, units: number, calls: readonly object[]) => ({
  class_name: "Dense",
  name,
  config: { name, units },
  inbound_nodes: calls,
});

describe("a Functional model", () => {
  test("of Keras 2 merges what its inbound nodes name", async () => {
    const layers = [
      input("x", [null, 8]),
      dense("a", 4, old("x")),
      dense("b", 4, old("x")),
      { class_name: "Add", name: "sum", config: {}, inbound_nodes: old("a", "b") },
    ];
    expect((await answer("m.json", text(functional("m", layers, "sum")))).model.parameterCount).toBe(72);
  });

  test("calls a shared layer twice, with one set of weights and one gradient", async () => {
    const layers = [input("x", [null, 8]), dense("shared", 8, [[["x", 0, 0, {}]], [["shared", 0, 0, {}]]])];
    const model = functional("m", layers, "shared");
    model.config.output_layers = [["shared", 1, 0]];
    const { model: counted, totals } = await answer("m.json", text(model), { batch: 4 });
    expect(counted.parameterCount).toBe(72);
    expect(totals.gradientBytes).toBe(72 * 4);
    // x, the first call's result, and what the loss makes: 4 x 8 floats each
    expect(totals.savedTensorBytes).toBe(3 * 4 * 8 * 4);
  });

  test("holds another model, whose layers carry its name", async () => {
    const inner = functional("inner", [input("x", [null, 8]), dense("d", 5, old("x"))], "d");
    const layers = [
      input("x", [null, 8]),
      { ...inner, name: "inner", inbound_nodes: old("x") },
      dense("top", 3, old("inner")),
    ];
    const report = explain(await readModel(text(functional("m", layers, "top")), { name: "m.json" }), {});
    expect(report.model.parameterCount).toBe(45 + 18);
    expect(report.layers.map(({ path }) => path)).toEqual(["inner/d", "top", "loss"]);
  });

  test("names a custom layer and bounds it where another layer states its result", async () => {
    const stated = {
      class_name: "__keras_tensor__",
      config: { shape: [null, 6], dtype: "float32", keras_history: ["mine", 0, 0] },
    };
    const layers = [
      input("x", [null, 8]),
      dense("first", 8, old("x")),
      { class_name: "MyLayer", name: "mine", config: {}, inbound_nodes: old("first") },
      dense("top", 3, [{ args: [stated], kwargs: {} }]),
    ];
    const { diagnostics, model } = await answer("m.json", text(functional("m", layers, "top")));
    expect(model.parameterCount).toBe(72 + 21);
    expect(diagnostics.map(({ code, severity }) => [code, severity])).toEqual([
      ["keras/custom-layer", "warning"],
    ]);
    expect(diagnostics[0]?.message).toContain("MyLayer mine");
  });

  test("runs preprocessing layers inside", async () => {
    const layers = [
      input("x", [null, 8, 8, 3]),
      { class_name: "Rescaling", name: "scale", config: { scale: 0.5, offset: 1 }, inbound_nodes: old("x") },
      { class_name: "Normalization", name: "norm", config: { axis: [-1] }, inbound_nodes: old("scale") },
      { class_name: "Flatten", name: "flat", config: {}, inbound_nodes: old("norm") },
      dense("top", 2, old("flat")),
    ];
    const { model } = await answer("m.json", text(functional("m", layers, "top")));
    // mean, variance and count of the data do not train
    expect([model.parameterCount, model.trainableParameterCount]).toEqual([393, 386]);
  });
});

describe("a setting", () => {
  test("of PyTorch alone is refused", async () => {
    await expect(answer("m.json", CNN, { compile: true })).rejects.toThrow("[setup/tensorflow]");
  });

  test("that names the other framework is refused", async () => {
    await expect(answer("m.json", CNN, { framework: "pytorch" })).rejects.toThrow("[setup/framework]");
  });

  test("of an unknown optimizer lists keras.optimizers", async () => {
    const asked = { optimizer: "adan", noOptimizer: false };
    await expect(answer("m.json", CNN, asked)).rejects.toThrow("one of keras.optimizers");
  });

  test("of a frozen layer leaves its kernel's gradient out, and the values it would read", async () => {
    const whole = await answer("m.json", CNN, { batch: 8 });
    const frozen = await answer("m.json", CNN, { batch: 8, freeze: ["dense"] });
    expect(whole.totals.gradientBytes - frozen.totals.gradientBytes).toBe((12_000 * 1024 + 1024) * 4);
    expect(whole.totals.savedTensorBytes).toBeGreaterThan(frozen.totals.savedTensorBytes - 1);
  });

  test("of inference keeps nothing", async () => {
    const { totals } = await answer("m.json", CNN, { mode: "inference", batch: 8 });
    expect([totals.savedTensorBytes, totals.gradientBytes]).toEqual([0, 0]);
  });
});

describe("TensorFlow's memory", () => {
  test("is taken whole at the start, and said so beside what the step needs", async () => {
    const { diagnostics, machine, peak } = await answer("m.json", CNN, { batch: 128, gpu: "a100-40gb" });
    expect(diagnostics.map(({ code }) => code)).toEqual(["tensorflow/whole-gpu"]);
    expect(machine?.verdict).toBe("fits");
    expect(peak.reservedBytes).toBeLessThan(2 * 1024 ** 3);
  });

  test("with growth is the sum of regions that double", async () => {
    const options = { batch: 128, gpu: "a100-40gb", memoryGrowth: true };
    const { diagnostics, peak } = await answer("m.json", CNN, options);
    expect(diagnostics).toEqual([]);
    expect(peak.reservedBytes % (2 * 1024 ** 2)).toBe(0);
  });
});
