import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { estimate, fit, type ImportedModel, InputError, type Options, readModel } from "./index.js";

const vgg = await readFixture("examples/vgg16.yaml");
const bert = await readModel(
  new TextEncoder().encode(
    JSON.stringify({ model_type: "bert", hidden_size: 128, num_attention_heads: 4, num_hidden_layers: 2 }),
  ),
  { name: "config.json" },
);

const verdict = (model: ImportedModel, options: Options) => estimate(model, options).machine?.verdict;

describe("the largest batch on one device", () => {
  test.for([
    ["examples/grayscale-cnn.yaml", "a100:3"],
    ["examples/vgg16.yaml", "RTX 3060"],
    ["test/fixtures/lenet.pt2", "t4:1"],
    ["examples/transformer.yaml", "a100:4"],
  ])("of %s on %s is the last that fits when all around it are tried", async ([path, gpu]) => {
    const model = await readFixture(path as string);
    const options = { gpu: gpu as string, optimizer: "sgd" } as const;
    const { largestBatch, limit } = fit(model, options);
    const found = largestBatch ?? 0;
    expect(limit).toBe("memory");
    const around = Array.from({ length: 24 }, (_, i) => found - 8 + i).filter((batch) => batch > 0);
    const fitting = around.filter((batch) => verdict(model, { ...options, batch }) !== "does-not-fit");
    expect(fitting.at(-1)).toBe(found);
  });

  test("is smaller when a margin is to stay free, and smaller still when the interval is to fit", () => {
    const on = (more: object) => fit(vgg, { gpu: "RTX 3060", ...more }).largestBatch ?? 0;
    const [plain, margin, sure, surer] = [
      {},
      { margin: "1GiB" },
      { confidence: 0.9 },
      { confidence: 0.95 },
    ].map(on);
    expect(margin).toBeLessThan(plain as number);
    expect(sure).toBeLessThan(plain as number);
    expect(surer).toBeLessThanOrEqual(sure as number);
  });

  test("with a confidence of 0.9 is not even tight: the interval's upper end fits", () => {
    const { largestBatch } = fit(vgg, { gpu: "RTX 3060", confidence: 0.9 });
    expect(verdict(vgg, { gpu: "RTX 3060", batch: largestBatch ?? 0 })).toBe("fits");
  });
});

test("when nothing fits, the nearest miss says by how much", () => {
  const report = fit(vgg, { gpu: "RTX 3060:1,RTX 3060:2" });
  expect(report.perGpu.map(({ largest }) => largest)).toEqual([0, 0]);
  expect(report.nearestMiss).toMatchObject({ gpu: "RTX-3060-12GB:2", at: 1 });
  const { peak, machine } = estimate(vgg, { gpu: "RTX 3060:2", batch: 1 });
  expect(report.nearestMiss?.missingBytes).toBe(peak.deviceTotalBytes - (machine?.capacityBytes ?? 0));
});

test("the table has every NVIDIA and AMD device, and more memory of a kind never takes less", () => {
  const { perGpu, largestBatch } = fit(vgg, { optimizer: "sgd" });
  expect(largestBatch).toBeNull();
  expect(perGpu.length).toBeGreaterThan(140);
  const ofKind = perGpu.filter(({ gpu }) => /^A100-\d/.test(gpu)).map(({ largest }) => largest);
  expect(ofKind).toEqual([...ofKind].sort((a, b) => a - b));
});

test("the smallest device fits the setup as asked, and the table's answer is near the exact one", () => {
  const { smallestGpu, perGpu } = fit(vgg, { batch: 32, optimizer: "sgd" });
  expect(verdict(vgg, { batch: 32, optimizer: "sgd", gpu: smallestGpu?.gpu ?? "" })).not.toBe("does-not-fit");
  const told = perGpu.find(({ gpu }) => gpu === "RTX-4090-24GB")?.largest ?? 0;
  const exact = fit(vgg, { optimizer: "sgd", gpu: "RTX 4090" }).largestBatch ?? 0;
  expect(Math.abs(told / exact - 1)).toBeLessThan(0.03);
});

describe("the longest sequence", () => {
  test("ends where the model's positions end", () => {
    expect(fit(bert, { gpu: "a100", for: "sequence" })).toMatchObject({
      largest: 512,
      limit: "model",
      largestBatch: null,
    });
  });
  test("fits, and 64 tokens more do not", () => {
    const options = { gpu: "a100:2", batch: 8, optimizer: "sgd" } as const;
    const { largest, limit, stride } = fit(bert, { ...options, for: "sequence" });
    expect({ limit, stride }).toEqual({ limit: "memory", stride: 64 });
    expect(verdict(bert, { ...options, sequence: largest ?? 0 })).not.toBe("does-not-fit");
    expect(verdict(bert, { ...options, sequence: (largest ?? 0) + 64 })).toBe("does-not-fit");
  });
});

describe("what cannot be asked", () => {
  const code = (options: object): string => {
    try {
      fit(vgg, options);
    } catch (error) {
      if (error instanceof InputError) return error.complaint.code;
    }
    return "none";
  };
  test.for([
    [{ gpu: "t5000" }, "setup/gpu"],
    [{ gpu: " , " }, "setup/contradiction"],
    [{ margin: "lots" }, "fit/margin"],
    [{ margin: "100%" }, "fit/margin"],
    [{ confidence: 0.99 }, "fit/confidence"],
    [{ for: "bach" }, "setup/choice"],
    [{ for: "sequence" }, "setup/not-taken"],
    [{ for: "image", shape: { x: [8, 3, 32, 32] } }, "setup/contradiction"],
    [{ gpus: 0 }, "setup/count"],
  ] as const)("%o is a complaint", ([options, expected]) => expect(code(options)).toBe(expected));
});
