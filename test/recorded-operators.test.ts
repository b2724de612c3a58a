/**
 * Every operator case recorded from real PyTorch (oracle/record_ops.py) against the engine, event by event.
 *
 * Cases that differ are listed by name in known-differences.json: a listed case that agrees fails too, so the list
 * can only shrink.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { analyze } from "../src/analyze.js";
import { NO_BYTES, sumBytes } from "../src/base/units.js";
import type { Program } from "../src/importers/torch-export/program.js";
import { importProgram } from "../src/importers/torch-export/read.js";
import type { Machine, Precision, TrainingSetup } from "../src/ir/setup.js";
import { blockOf, type Section, type Step } from "../src/ir/step.js";
import { savedStorages } from "../src/ir/tape.js";
import { DEFAULT_ALLOCATOR } from "../src/memory/default-allocator.js";

const FOLDER = join(import.meta.dirname, "../oracle/recorded");

/** The recorder's GPU; cuBLAS workspaces are taken before the recorded step. */
const MACHINE: Machine = {
  gpu: null,
  capacity: null,
  computeCapability: [8, 0],
  multiprocessors: 108,
  blasWorkspace: NO_BYTES,
  context: NO_BYTES,
};
const SETUP: TrainingSetup = {
  mode: "train",
  precision: "fp32",
  batch: 1,
  optimizer: null,
  accumulate: 1,
  channelsLast: false,
  checkpointing: null,
  attention: "sdpa",
  compile: false,
  clipGradients: false,
  gradScaler: false,
  allocator: DEFAULT_ALLOCATOR,
  loss: "auto",
  zeroGrad: "set-to-none",
  step: "steady",
  cudnn: "no-workspace",
  freeze: [],
};

interface RecordedCase {
  readonly name: string;
  readonly program: Program | null;
  readonly autocast?: string;
  readonly forward: readonly string[];
  readonly backward: readonly string[];
  readonly savedBytes: number;
}

interface Outcome {
  readonly forward: string;
  readonly backward: string;
  readonly savedBytes: number;
}

const AUTOCAST: Readonly<Record<string, Precision>> = { bfloat16: "amp-bf16", float16: "amp-fp16" };

function run({ name, program, autocast }: RecordedCase, family: string): Outcome | null {
  if (!program) return null;
  const { graph, diagnostics } = importProgram(program, new Map(), name).bind({});
  if (diagnostics.length > 0) return null;
  const { step, tape } = analyze(
    graph,
    {
      ...SETUP,
      attention: family === "attention-math" ? "math" : "sdpa",
      precision: AUTOCAST[autocast ?? ""] ?? "fp32",
    },
    MACHINE,
  );
  const numbers = new Map<number, number>();
  const written = (section: Section | undefined) => (section ? write(section, step, numbers) : "");
  const [forward, backward] = step.steady;
  return {
    forward: written(forward),
    backward: written(backward),
    savedBytes: sumBytes(savedStorages(tape).map(({ bytes }) => bytes)),
  };
}

/** "a3:2048" allocates, "f3" frees; numbered in order of allocation, as the recordings are. */
function write({ actions }: Section, step: Step, numbers: Map<number, number>): string {
  return actions
    .map((action) => {
      const block = blockOf(action);
      if (action < 0) return `f${numbers.get(block)}`;
      numbers.set(block, numbers.size);
      return `a${numbers.size - 1}:${step.blocks[block]?.bytes}`;
    })
    .join(" ");
}

function agrees(recorded: RecordedCase, family: string): boolean {
  let outcome: Outcome | null = null;
  try {
    outcome = run(recorded, family);
  } catch {
    return false;
  }
  return (
    outcome?.forward === recorded.forward.join(" ") &&
    outcome.backward === recorded.backward.join(" ") &&
    outcome.savedBytes === recorded.savedBytes
  );
}

const known = JSON.parse(readFileSync(join(import.meta.dirname, "known-differences.json"), "utf8")) as Record<
  string,
  readonly string[]
>;

for (const file of readdirSync(FOLDER).filter((name) => /^ops-.*\.json$/.test(name))) {
  const family = file.slice("ops-".length, -".json".length);
  const { cases } = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as { cases: RecordedCase[] };
  const listed = new Set(known[family] ?? []);
  describe(`recorded: ${family}`, () => {
    for (const recorded of cases) {
      if (listed.has(recorded.name)) continue;
      test(`${recorded.name} allocates and frees as PyTorch does`, () => {
        const outcome = run(recorded, family);
        expect(outcome?.forward).toBe(recorded.forward.join(" "));
        expect(outcome?.backward).toBe(recorded.backward.join(" "));
        expect(outcome?.savedBytes).toBe(recorded.savedBytes);
      });
    }
    test(`the ${listed.size} known differences still differ`, () => {
      expect(
        cases
          .filter((recorded) => listed.has(recorded.name) && agrees(recorded, family))
          .map(({ name }) => name),
      ).toEqual([]);
    });
  });
}
