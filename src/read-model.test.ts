import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { IMPORTERS, recognizeFormat } from "./importers/registry.js";
import { estimate, InputError, readModel } from "./index.js";

const LENET = new Uint8Array(readFileSync("test/fixtures/lenet.pt2"));
const SPEC = readFileSync("examples/mlp.yaml", "utf8");

describe("a model is recognized by its content", () => {
  test.for(["model.pt2", "model.bin", "model.pth", "model"])("an exported program named %s", async (name) => {
    expect((await readModel(LENET, { name })).format).toBe("torch-export");
  });

  test.for(["mlp.yaml", "mlp.json", "mlp"])("a layer spec named %s", async (name) => {
    expect((await readModel(new TextEncoder().encode(SPEC), { name })).format).toBe("layer-spec");
  });

  test("a YAML file with layers but no schema gets the spec's own complaint", async () => {
    const text = new TextEncoder().encode("layers:\n  - dense: 10\n");
    await expect(readModel(text, { name: "a.yaml" })).rejects.toThrow(/\[layer-spec\//);
  });

  test.for([["saved_model.pb", "\u0008\u0001\u0012", "TensorFlow SavedModel"]])(
    "%s is known, but not read",
    async ([name, head, title]) => {
      const bytes = new TextEncoder().encode(head);
      expect(recognizeFormat({ name: name as string, bytes })?.entry.title).toContain(title);
      await expect(readModel(bytes, { name: name as string })).rejects.toThrow(InputError);
    },
  );

  test.for([
    ["onnx", "src/importers/onnx/fixtures/lenet.dynamo.onnx"],
    ["onnx", "src/importers/onnx/fixtures/loop.onnx"],
    ["safetensors", "src/importers/weights/fixtures/small.safetensors"],
    ["torch-weights", "src/importers/weights/fixtures/small.pth"],
    ["torch-weights", "src/importers/weights/fixtures/small-before-1.6.pth"],
    ["torchscript", "src/importers/weights/fixtures/scripted.pt"],
  ])("a file of %s under any name (%s)", async ([format, path]) => {
    const bytes = new Uint8Array(readFileSync(path as string));
    expect((await readModel(bytes, { name: "model" })).format).toBe(format);
  });

  test("recognizers never throw, whatever the bytes", () => {
    for (let length = 0; length < 64; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length * 101) & 255);
      for (const entry of Object.values(IMPORTERS))
        expect(["certain", "possible", "no"]).toContain(entry.recognize({ name: "x", bytes }));
    }
  });
});

describe("where the bytes come from does not matter", () => {
  test("bytes, a blob and a source of ranges give the same estimate", async () => {
    const source = {
      name: "lenet.pt2",
      size: LENET.length,
      read: async (start: number, end: number) => LENET.slice(start, end),
    };
    const models = [
      await readModel(LENET, { name: "lenet.pt2" }),
      await readModel(new Blob([LENET]), { name: "lenet.pt2" }),
      await readModel(source),
    ];
    const [first, ...others] = models.map((model) => JSON.stringify(estimate(model, { batch: 8 })));
    for (const other of others) expect(other).toBe(first);
  });

  test("the same question twice has the same answer", async () => {
    const model = await readModel(LENET, { name: "lenet.pt2" });
    const ask = () => JSON.stringify(estimate(model, { batch: 8, gpu: "a100" }));
    expect(ask()).toBe(ask());
  });
});
