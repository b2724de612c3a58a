import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type CatalogueFiles,
  estimate,
  explain,
  type InputError,
  listModels,
  type Options,
  readModel,
} from "../src/index.js";
import { because, isBuilt, run } from "./run-cli.js";

/** The catalogue as it is published: its list and its files belong together, and answers are those of exported programs. */
const FOLDER = "catalogue";
const catalogue: CatalogueFiles = { read: (path) => readFile(join(FOLDER, path)) };
const models = await listModels(catalogue);
/** Those recorded as programs; the others are configurations. */
const recordedModels = models.filter(({ image }) => image !== null);
const names = recordedModels.map(({ name }) => name);
const MiB = 1024 ** 2;

/** Parameters as the authors' documentation counts them. */
const COUNTS: Readonly<Record<string, number>> = {
  // https://pytorch.org/vision/stable/models.html
  "torchvision/alexnet": 61_100_840,
  "torchvision/resnet50": 25_557_032,
  "torchvision/vgg16": 138_357_544,
  "torchvision/vit_b_16": 86_567_656,
  "torchvision/regnet_y_128gf": 644_812_894,
  "torchvision/swin_v2_t": 28_351_570,
};

/** Parameters of published checkpoints, written down from memory of the models' pages: not looked up again. */
const CHECKPOINTS: Readonly<Record<string, number>> = {
  "hf/EleutherAI/pythia-1.4b": 1_414_647_808,
  "hf/Qwen/Qwen2.5-7B": 7_615_616_512,
  "hf/Qwen/Qwen3-30B-A3B": 30_532_122_624,
  "hf/google/gemma-2-9b": 9_241_705_984,
  "hf/meta-llama/Llama-2-7b-hf": 6_738_415_616,
  "hf/meta-llama/Llama-3.1-8B": 8_030_261_248,
  "hf/meta-llama/Llama-3.1-405B": 405_853_388_800,
  "hf/meta-llama/Llama-3.2-1B": 1_235_814_400,
  "hf/microsoft/Phi-3-mini-4k-instruct": 3_821_079_552,
  "hf/mistralai/Mistral-7B-v0.1": 7_241_732_096,
  "hf/mistralai/Mixtral-8x7B-v0.1": 46_702_792_704,
  "hf/openai-community/gpt2": 124_439_808,
  "hf/tiiuae/falcon-7b": 6_921_720_704,
};

test("at least sixty language models are known by their configuration, each drawn with as many parameters as listed", async () => {
  const configured = models.filter(({ image }) => image === null);
  expect(configured.length).toBeGreaterThanOrEqual(60);
  for (const { name, parameterCount } of configured) {
    const model = await readModel(name, { catalogue });
    const options = { mode: "inference", sequence: 8 } as const;
    expect(estimate(model, options).model.parameterCount, name).toBe(parameterCount);
  }
});

/** Of keras.applications, as TensorFlow 2.21 counted them. */
const KERAS: Readonly<Record<string, number>> = {
  "keras/ConvNeXtBase": 88_591_464,
  "keras/DenseNet121": 8_062_504,
  "keras/EfficientNetB0": 5_330_571,
  "keras/EfficientNetV2M": 54_431_388,
  "keras/InceptionV3": 23_851_784,
  "keras/MobileNetV2": 3_538_984,
  "keras/NASNetLarge": 88_949_818,
  "keras/ResNet50": 25_636_712,
  "keras/VGG16": 138_357_544,
};

test.for(Object.entries(KERAS))("%s is TensorFlow's and has %d parameters", async ([name, count]) => {
  const { model, setup } = estimate(await readModel(name, { catalogue }), { batch: 2 });
  expect([model.parameterCount, setup.framework]).toEqual([count, "tensorflow"]);
});

test("models of keras.applications take less than 200 KB, and image sizes that their heads can", async () => {
  const files = readdirSync(join(FOLDER, "keras"));
  expect(files.length).toBe(29);
  expect(files.reduce((sum, file) => sum + statSync(join(FOLDER, "keras", file)).size, 0)).toBeLessThan(
    200_000,
  );
  const at = async (name: string, options: Options) =>
    estimate(await readModel(name, { catalogue }), options);
  expect((await at("keras/ResNet50", { image: [96, 128] })).totals.inputBytes).toBe(96 * 128 * 3 * 4 + 4);
  await expect(at("keras/VGG16", { image: [256, 256] })).rejects.toThrow("[catalogue/image]");
  await expect(at("keras/VGG16", { shape: { keras_tensor: [1, 256, 256, 3] } })).rejects.toThrow();
});

const shared = process.env["PLIMSOLL_SHARED"] ?? join(import.meta.dirname, "../../shared");
const results = join(shared, "oracle/tensorflow/results");
const isThere = existsSync(results);

test.skipIf(!isThere)(
  `every model of keras.applications is as large as recorded${isThere ? "" : " (skipped: shared/oracle is absent)"}`,
  () => {
    for (const { name, parameterCount } of models.filter((model) => model.name.startsWith("keras/"))) {
      const path = join(results, `${name.slice("keras/".length)}.json`);
      expect([name, parameterCount]).toEqual([name, JSON.parse(readFileSync(path, "utf8")).params_total]);
    }
  },
);

test.for(Object.entries(CHECKPOINTS))("%s has %d parameters", ([name, count]) => {
  expect(models.find((model) => model.name === name)?.parameterCount).toBe(count);
});

test("the catalogue has every classification and segmentation model of torchvision 0.29", () => {
  expect(names.filter((name) => name.startsWith("torchvision/")).length).toBe(86);
});

test("the catalogue takes less than 12 MiB, and has the files it lists and no others", () => {
  const sizes = new Map<string, number>();
  for (const source of readdirSync(FOLDER).filter((name) => !name.endsWith(".json")))
    for (const file of readdirSync(join(FOLDER, source)))
      sizes.set(`${source}/${file}`, statSync(join(FOLDER, source, file)).size);
  expect([...sizes.keys()].sort()).toEqual(names.map((name) => `${name}.json.gz`).sort());
  expect([...sizes.values()].reduce((sum, size) => sum + size, 0)).toBeLessThan(12 * MiB);
});

test.for(Object.entries(COUNTS))("%s has %d parameters", async ([name, count]) => {
  expect(models.find((model) => model.name === name)?.parameterCount).toBe(count);
  expect(estimate(await readModel(name, { catalogue }), { batch: 2 }).model.parameterCount).toBe(count);
});

test.for([
  ["torchvision/resnet18", "resnet18.pt2"],
  ["torchvision/resnet50", "resnet50.pt2"],
  ["torchvision/vgg16", "vgg16.pt2"],
  ["timm/vit_base_patch16_224", "vit_base_patch16_224.pt2"],
] as const)("%s answers to the byte as its exported program does", async ([name, file]) => {
  const recorded = await readModel(name, { catalogue });
  const exported = await readModel(readFileSync(join("test/fixtures/models", file)), { name: file });
  for (const options of [
    { batch: 1 },
    { batch: 32, optimizer: "sgd:momentum=0.9" },
    { mode: "inference" },
  ] as const) {
    const [ours, theirs] = [recorded, exported].map((model) => explain(model, options));
    expect({ ...ours, model: null }).toEqual({ ...theirs, model: null });
  }
});

interface RecordedStep {
  readonly name: string;
  readonly model: string;
  readonly options: Options;
  readonly allocatedBytes: number;
  readonly reservedBytes: number;
}

/** Models that move where loops append to lists and resampling copies what is strided; the gaps left are docs/ACCURACY.md's. */
const STEPS: readonly RecordedStep[] = readFileSync("test/fixtures/recorded-catalogue-steps.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

test.for(STEPS)("$name is within 1.5 % of its recorded peak, 3.1 % of what was reserved", async (step) => {
  const { peak } = estimate(await readModel(step.model, { catalogue }), step.options);
  expect(Math.abs(peak.allocatedBytes / step.allocatedBytes - 1)).toBeLessThan(0.015);
  expect(Math.abs(peak.reservedBytes / step.reservedBytes - 1)).toBeLessThan(0.031);
});

test.for(names.filter((_, i) => i % 12 === 0))(
  "%s trains at batch 3 and is as large as listed",
  async (name) => {
    const report = estimate(await readModel(name, { catalogue }), { batch: 3 });
    expect(report.model.parameterCount).toBe(models.find((model) => model.name === name)?.parameterCount);
    expect(report.peak.allocatedBytes).toBeGreaterThan(report.totals.parameterBytes * 3);
  },
);

describe("a pattern", () => {
  test("finds names and descriptions that contain every word", async () => {
    const found = await listModels(catalogue, "torchvision DeepLab");
    expect(found.map(({ name }) => name)).toEqual([
      "torchvision/deeplabv3_mobilenet_v3_large",
      "torchvision/deeplabv3_resnet101",
      "torchvision/deeplabv3_resnet50",
    ]);
  });
  test("that fits nothing is a complaint with a suggestion", async () => {
    const error = await listModels(catalogue, "resnot50").catch((reason: InputError) => reason);
    expect((error as InputError).complaint).toMatchObject({ code: "list/no-match" });
    expect((error as InputError).complaint.hint).toContain("did you mean");
  });
});

test("a name without a catalogue says what to pass", async () => {
  const error = await readModel("torchvision/resnet50").catch((reason: InputError) => reason);
  expect((error as InputError).complaint).toMatchObject({ code: "catalogue/files" });
});

test("every model says its family in words of one line", () => {
  for (const { name, description, image } of recordedModels) {
    expect(description, name).toMatch(/^\S.{3,70}\d (classes|classes per pixel|features|outputs)$/);
    expect(Math.min(...(image ?? [])), name).toBeGreaterThan(0);
  }
});

describe.skipIf(!isBuilt || !existsSync(FOLDER))(`the command${because}`, () => {
  test("models prints names, parameters, image sizes and families", async () => {
    await expect(run(["models", "torchvision/vit"]).stdout).toMatchFileSnapshot("goldens/models-vit.txt");
  });
  test("models --json is the list of the library", async () => {
    const { stdout } = run(["models", "torchvision/vit", "--json"]);
    expect(JSON.parse(stdout)).toEqual(await listModels(catalogue, "torchvision/vit"));
  });
  test("estimate, explain and by-hand take a name", () => {
    for (const command of ["estimate", "explain", "by-hand"]) {
      const { status, stdout } = run([command, "torchvision/squeezenet1_1", "--batch", "4", "--json"]);
      expect(status, command).toBe(0);
      expect(stdout).toContain("squeezenet1_1");
    }
  });
});
