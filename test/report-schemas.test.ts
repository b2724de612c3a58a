/** The published schema of reports is that of their types, and reports of many kinds keep to it. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { catalogueFiles } from "../src/cli/catalogue-files.js";
import {
  advise,
  byHandOf,
  compare,
  estimate,
  explain,
  fit as fitOn,
  type ImportedModel,
  type Options,
  plan,
  readModel,
  readRecording,
} from "../src/index.js";
import { versus } from "../src/versus.js";
import { expectReport } from "./expect-report.js";

const MODELS = [
  "torchvision/resnet18",
  "torchvision/mobilenet_v2",
  "timm/vit_tiny_patch16_224",
  "hf/openai-community/gpt2",
];
const SETUPS: readonly Options[] = [
  { batch: 2 },
  { batch: 2, optimizer: "sgd:momentum=0.9", precision: "amp-fp16", gpu: "T4-16GB" },
  { batch: 4096, gpu: "RTX-3060-12GB" },
  { batch: 1, mode: "inference", precision: "bf16" },
  { batch: 2, validate: true, accumulate: 2, ema: true, step: "first" },
];
const asJson = (report: unknown): unknown => JSON.parse(JSON.stringify(report));
const model = (name: string): Promise<ImportedModel> => readModel(name, { catalogue: catalogueFiles() });

test("the schema in schemas/ and the one that is served are those of the types", () => {
  const { status, stderr } = spawnSync(process.execPath, ["tools/report-schemas.mjs", "--check"], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
}, 120_000);

describe("keep to the schema:", () => {
  test.each(MODELS)("estimates and explanations of %s", { timeout: 120_000 }, async (name) => {
    const found = await model(name);
    for (const setup of SETUPS) {
      expectReport(asJson(estimate(found, setup)));
      expectReport(asJson(explain(found, setup)));
    }
  });

  test("a rank of several GPUs, stages of a pipeline, TensorFlow's figures", {
    timeout: 120_000,
  }, async () => {
    const gpt2 = await model("hf/openai-community/gpt2");
    for (const parallel of ["dp=2", "fsdp=2", "pp=2"])
      expectReport(asJson(estimate(gpt2, { batch: 2, parallel })));
    const keras = await readModel(readFileSync("test/fixtures/keras/lenet5.json"), { name: "lenet5.json" });
    expectReport(asJson(explain(keras, { batch: 4 })));
  });

  test("answers of every other kind", { timeout: 120_000 }, async () => {
    const net = await model("torchvision/resnet18");
    const setup = { batch: 64, gpu: "RTX-3060-12GB" };
    expectReport(asJson(fitOn(net, setup)));
    expectReport(asJson(fitOn(net, { batch: 8 })));
    expectReport(asJson(advise(net, { ...setup, batch: 512 })));
    expectReport(asJson(plan(net, { gpu: "a100", gpus: 2 })));
    expectReport(asJson(byHandOf(net, setup, explain(net, setup))));
    expectReport(asJson(compare(net, null, { ...setup, measuredAllocated: "2GiB" })));
    const lenet = await readModel(readFileSync("test/fixtures/lenet.pt2"), { name: "lenet.pt2" });
    for (const file of ["lenet_trace.json.gz", "lenet_snapshot.pickle.gz"]) {
      const bytes = readFileSync(`test/fixtures/recordings/${file}`);
      expectReport(asJson(compare(lenet, await readRecording(bytes, { name: file }), { batch: 16 })));
    }
    expectReport(
      asJson(versus({ model: net, options: setup }, { model: net, options: { ...setup, batch: 8 } })),
    );
  });

  test("nothing else does", async () => {
    const report = asJson(estimate(await model("torchvision/resnet18"), { batch: 1 })) as Record<
      string,
      unknown
    >;
    expect(() => expectReport({ ...report, totals: { parameterBytes: "many" } })).toThrow();
    expect(() => expectReport({ ...report, another: 1 })).toThrow();
  });
});
