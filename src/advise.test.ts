import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { advise, type AdviceReport, estimate, type ImportedModel, type Options, readModel } from "./index.js";
import { renderAdvice, renderAdviceMarkdown } from "./present/index.js";
import { ADVICE_RULES } from "./report/advice/rules.js";

const vgg = await readFixture("examples/vgg16.yaml");
const llama = await readModel(
  new TextEncoder().encode(
    JSON.stringify({
      model_type: "llama",
      hidden_size: 256,
      num_attention_heads: 4,
      num_hidden_layers: 3,
      intermediate_size: 1024,
      vocab_size: 32_000,
    }),
  ),
  { name: "config.json" },
);

const ids = ({ changes }: AdviceReport) => changes.map(({ id }) => id);
const onA100 = (model: ImportedModel, options: Options) => ids(advise(model, { gpu: "a100", ...options }));
const small = { batch: 8, sequence: 256 } as const;

describe("a rule speaks where it applies, and is silent where it does not", () => {
  const CASES: readonly [id: string, applies: Options, silent: Options][] = [
    ["amp-bf16", small, { ...small, precision: "bf16" }],
    ["micro-batch", small, { ...small, batch: 1 }],
    ["checkpointing-full", small, { ...small, checkpointing: "full" }],
    ["fused-loss", small, { ...small, loss: "fused" }],
    ["8-bit-optimizer", small, { ...small, optimizer: "sgd" }],
    ["lora", { ...small, batch: 1 }, { ...small, lora: "rank=8" }],
    ["sdpa", { ...small, attention: "eager" }, small],
    ["offload-activations", small, { ...small, compile: true }],
    ["set-to-none", { ...small, batch: 1, zeroGrad: "keep" }, { ...small, batch: 1 }],
    ["optimizer-in-backward", { ...small, batch: 1, sequence: 64 }, { ...small, clipGrad: true }],
  ];
  test.for(CASES)("%s", ([id, applies, silent]) => {
    expect(onA100(llama, applies)).toContain(id);
    expect(onA100(llama, silent)).not.toContain(id);
  });

  test("channels last is for 16-bit convolutions", () => {
    expect(ADVICE_RULES.flatMap((rule) => rule.id)).toContain("loop");
    expect(onA100(llama, { ...small, precision: "amp-bf16" })).not.toContain("channels-last");
  });
});

describe("every figure is simulated", () => {
  const report = advise(vgg, { batch: 256, gpu: "RTX 3060" });

  test("what a change takes is what estimate says of it", () => {
    for (const { change, deviceTotalBytes } of report.changes) {
      const { peak } = estimate(vgg, { batch: 256, gpu: "RTX 3060", ...change } as Options);
      expect(peak.deviceTotalBytes).toBe(deviceTotalBytes);
    }
  });

  test("the plan fits, and its flags are its changes", () => {
    expect(report.now.fits).toBe(false);
    expect(report.plan?.fits).toBe(true);
    const { machine } = estimate(vgg, { batch: 256, gpu: "RTX 3060", ...report.plan?.change } as Options);
    expect(machine?.verdict).not.toBe("does-not-fit");
    expect(report.plan?.flags).toMatch(/^--/);
  });

  test("its steps are listed first", () => {
    const planned = report.plan?.ids ?? [];
    expect(ids(report).slice(0, planned.length)).toEqual(planned);
  });

  test("along the front less memory takes more time", () => {
    const { front } = report;
    expect(front.length).toBeGreaterThan(1);
    for (const [i, each] of front.slice(1).entries()) {
      expect(each.deviceTotalBytes).toBeLessThan(front[i]?.deviceTotalBytes ?? 0);
      expect(each.relativeTime).toBeGreaterThanOrEqual(front[i]?.relativeTime ?? 0);
    }
  });

  test("recomputing every block costs about a third more arithmetic", () => {
    const { changes } = advise(llama, { ...small, gpu: "a100" });
    const full = changes.find(({ id }) => id === "checkpointing-full")?.relativeTime ?? 0;
    expect(full).toBeGreaterThan(1.05);
    expect(full).toBeLessThan(1.34);
  });

  test("as text and Markdown it shows code to apply the first changes", () => {
    expect(renderAdvice(report, { width: 100 })).toContain("torch.autocast");
    expect(renderAdviceMarkdown(report)).toContain("```python");
  });
});

test("without a device there is no advice", () => {
  expect(() => advise(vgg, { batch: 8 })).toThrow("advice must be for a device");
});
