/** Training steps of DeepSpeed's engine, stages 0 to 3, recorded from DeepSpeed 0.19.8 by oracle/record_deepspeed.py. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { estimate, type Options, readModel } from "../src/index.js";

interface RecordedStep {
  readonly name: string;
  /** The text of config.json. */
  readonly config: string;
  readonly options: Options;
  readonly optimizerStateBytes: number;
  readonly allocatedBytes: number;
  readonly reservedBytes: number;
}

const FILE = join(import.meta.dirname, "fixtures/recorded-zero-steps.jsonl");
const STEPS: readonly RecordedStep[] = readFileSync(FILE, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

/** What steps of these stages agree within: the order of a few releases in 0, of scratch beside fetches in 3. */
const PEAK = [0.0015, 0.002, 0.00002, 0.008] as const;
const RESERVED = [0.03, 0.00001, 0.00001, 0.02] as const;

/**
 * Where few parameters may be there at once: the tied embedding is let go of and fetched at other moments; with blocks computed again,
 * modules are fetched once more in backward, which is not told.
 */
const FURTHER: Readonly<Record<string, number>> = { ds_gpt2_z3_ckpt: 0.04, ds_gpt2_z3_small: 0.03 };

describe("a recorded step of DeepSpeed's engine", () => {
  for (const { name, config, options, ...recorded } of STEPS) {
    test(name, async () => {
      const model = await readModel(new TextEncoder().encode(config), { name: "config.json" });
      const { totals, peak } = estimate(model, options);
      const stage = options.zero ?? 0;
      expect(totals.optimizerStateBytes, "states").toBe(recorded.optimizerStateBytes);
      expect(off(peak.allocatedBytes, recorded.allocatedBytes), "peak").toBeLessThan(
        FURTHER[name] ?? PEAK[stage],
      );
      expect(off(peak.reservedBytes, recorded.reservedBytes), "reserved").toBeLessThan(
        FURTHER[name] ?? RESERVED[stage],
      );
    });
  }
});

const off = (ours: number, theirs: number) => Math.abs(ours / theirs - 1);
