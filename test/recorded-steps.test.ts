/** Whole training steps recorded from real PyTorch (CUDA caching allocator, cuDNN workspaces 0), byte for byte. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { estimate, type ImportedModel, type Options } from "../src/index.js";
import { readFixture } from "./read-fixture.js";

interface RecordedStep {
  readonly name: string;
  readonly model: string;
  readonly options: Options;
  readonly phases: Readonly<Record<string, number>>;
  readonly allocatedBytes: number;
  readonly reservedBytes: number;
  readonly savedTensorBytes: number | null;
  readonly [total: string]: unknown;
}

/** Steps of the shared recordings; those under settings of PYTORCH_CUDA_ALLOC_CONF or on full devices; of more optimizers. */
const FILES = ["recorded-steps.jsonl", "recorded-allocator-steps.jsonl", "recorded-optimizer-steps.jsonl"];
const STEPS: readonly RecordedStep[] = FILES.flatMap((file) =>
  readFileSync(join(import.meta.dirname, "fixtures", file), "utf8")
    .trim()
    .split("\n"),
).map((line) => JSON.parse(line));

const TOTALS = [
  "parameterBytes",
  "bufferBytes",
  "gradientBytes",
  "optimizerStateBytes",
  "savedTensorBytes",
] as const;
const PHASES = ["forward", "backward", "optimizer"] as const;

/** The recorder keeps a target alive that inference never needs. */
const TARGET_BYTES = 512;
const models = new Map<string, Promise<ImportedModel>>();
function modelOf(name: string): Promise<ImportedModel> {
  const known = models.get(name) ?? readFixture(`test/fixtures/models/${name}`);
  models.set(name, known);
  return known;
}

describe("a recorded step of real PyTorch", () => {
  for (const recorded of STEPS) {
    test(recorded.name, async () => {
      const report = estimate(await modelOf(recorded.model), recorded.options);
      const inference = recorded.options.mode === "inference";
      for (const total of TOTALS) {
        if (recorded[total] !== null && !(inference && total === "savedTensorBytes"))
          expect(report.totals[total], total).toBe(recorded[total]);
      }
      if (inference) {
        expect(recorded.allocatedBytes - report.peak.allocatedBytes).toBe(TARGET_BYTES);
        return;
      }
      for (const phase of PHASES)
        expect(report.phases[phase]?.peakAllocatedBytes, phase).toBe(recorded.phases[phase]);
      expect(report.peak.allocatedBytes).toBe(recorded.allocatedBytes);
      expect(report.peak.reservedBytes).toBe(recorded.reservedBytes);
    });
  }
});

describe("a device that fills up", () => {
  test("what PyTorch ran out of memory with does not fit", async () => {
    const model = await modelOf("resnet50.pt2");
    const options = { gpu: "RTX-3060-12GB", cudnn: "no-workspace", optimizer: "adam" } as const;
    expect(estimate(model, { ...options, batch: 136 }).machine?.verdict).toBe("does-not-fit");
    const allocatorConf = "expandable_segments:True";
    expect(estimate(model, { ...options, batch: 140, allocatorConf }).machine?.verdict).toBe("does-not-fit");
  });
  test("cached memory is given back as often as recorded", async () => {
    const model = await modelOf("resnet50.pt2");
    const options = { gpu: "RTX-3060-12GB", cudnn: "no-workspace", optimizer: "adam" } as const;
    const { diagnostics } = estimate(model, { ...options, batch: 134 });
    expect(diagnostics.find(({ code }) => code === "memory/retries")?.message).toContain("back 2 times");
  });
});
