/** Training steps of models that transformers makes from a configuration, recorded from real PyTorch 2.14 and transformers 5.18. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { estimate, type Options, readModel } from "../src/index.js";

interface RecordedStep {
  readonly name: string;
  /** The text of config.json. */
  readonly config: string;
  readonly options: Options;
  readonly savedTensorBytes: number | null;
  readonly allocatedBytes: number;
  readonly reservedBytes: number;
  readonly [total: string]: unknown;
}

const FILE = join(import.meta.dirname, "fixtures/recorded-config-steps.jsonl");
const STEPS: readonly RecordedStep[] = readFileSync(FILE, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

const STATES = ["parameterBytes", "bufferBytes", "gradientBytes", "optimizerStateBytes"] as const;

/** Peaks are equal but for scratch of sorts and the order of a few releases. */
const PEAK = 0.004;
const RESERVED = 0.02;
/** Segments that one more or less block near the limit opens or spares. */
const FURTHER: Readonly<Record<string, number>> = {
  "hf_olmo2-1b_b2_s1024_bf16_adamw_ckpt": 0.1,
  finetune_llama_dora_bf16_dropout: 0.12,
  qlora_nf4_bf16_ckpt: 0.04,
};

describe("a recorded step of a model made from a configuration", () => {
  for (const recorded of STEPS) {
    test(recorded.name, async () => {
      const bytes = new TextEncoder().encode(recorded.config);
      const model = await readModel(bytes, { name: "config.json" });
      const { totals, peak } = estimate(model, recorded.options);
      for (const total of STATES) expect(totals[total], total).toBe(recorded[total]);
      if (recorded.savedTensorBytes !== null && recorded.options.mode !== "inference")
        expect(totals.savedTensorBytes, "savedTensorBytes").toBe(recorded.savedTensorBytes);
      expect(off(peak.allocatedBytes, recorded.allocatedBytes), "peak").toBeLessThan(PEAK);
      const limit = FURTHER[recorded.name] ?? RESERVED;
      expect(off(peak.reservedBytes, recorded.reservedBytes), "reserved").toBeLessThan(limit);
    });
  }
});

const off = (ours: number, theirs: number) => Math.abs(ours / theirs - 1);
