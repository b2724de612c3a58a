/**
 * Steps with attention kernels by name, with saved tensors on the host, with validation between them and with float8 linear
 * layers, against real PyTorch 2.14 (oracle/record_variants.py, record_float8.py): every phase byte for byte, and what is reserved.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CatalogueFiles, estimate, type Options, readModel } from "../src/index.js";

interface RecordedVariant {
  readonly name: string;
  /** A model of the catalogue, or else the text of a config.json. */
  readonly model?: string;
  readonly config?: string;
  readonly options: Options;
  readonly phases: Readonly<Record<string, number>>;
  readonly reservedBytes: number;
}

const FILE = join(import.meta.dirname, "fixtures/recorded-variants.jsonl");
const VARIANTS: readonly RecordedVariant[] = readFileSync(FILE, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const catalogue: CatalogueFiles = { read: (path) => readFile(join("catalogue", path)) };

/** By how much a phase may be off, as a share; all others are equal. */
const DIFFERS: Readonly<Record<string, number>> = {
  "offload-swin_t forward": 0.03, // variables of its window function, which the exported program does not show
  "offload-gpt2-ckpt forward": 3e-5, // position ids that a variable of the model keeps
  "offload-gpt2-ckpt backward": 3e-5,
  "fp8-rowwise-vit-inference forward": 3e-5,
};

describe("a recorded variation of a step", () => {
  test.for(VARIANTS)("$name", async ({ name, model, config, options, phases, reservedBytes }) => {
    const read =
      model === undefined
        ? await readModel(new TextEncoder().encode(config), { name: "config.json" })
        : await readModel(model, { catalogue });
    const report = estimate(read, options);
    for (const [phase, recorded] of Object.entries(phases)) {
      const ours = report.phases[phase as keyof typeof report.phases]?.peakAllocatedBytes ?? 0; // as: they are named alike
      expect(Math.abs(ours / recorded - 1), phase).toBeLessThanOrEqual(DIFFERS[`${name} ${phase}`] ?? 0);
    }
    expect(report.peak.reservedBytes).toBe(reservedBytes);
  });
});

test("float8 wants a GPU that has it, and rows in sixteens", async () => {
  const model = await readModel("timm/vit_small_patch16_224", { catalogue });
  const step = (options: Options) => () => estimate(model, { precision: "fp8", ...options });
  expect(step({ batch: 16, gpu: "h100" })).not.toThrow();
  expect(step({ batch: 16, gpu: "a100" })).toThrow("[float8/device]");
  expect(step({ batch: 15, gpu: "h100" })).toThrow("[float8/rows]");
  expect(step({ batch: 16, gpu: "h100", compile: true })).toThrow(
    "an eager step of the whole model in float8",
  );
});

describe("an attention kernel that does not take the operands", () => {
  const tiny = { model_type: "gpt2", n_embd: 64, n_layer: 1, n_head: 4, vocab_size: 100, n_positions: 64 };
  const refusal = async (options: Options): Promise<string> => {
    const model = await readModel(new TextEncoder().encode(JSON.stringify(tiny)), { name: "config.json" });
    try {
      estimate(model, { sequence: 32, ...options });
      return "accepted";
    } catch (error) {
      return String(error);
    }
  };

  test("flash wants 16 bits", async () => {
    expect(await refusal({ attention: "flash" })).toContain(
      "--attention flash: the one kernel that is allowed",
    );
    expect(await refusal({ attention: "flash", precision: "bf16" })).toBe("accepted");
  });

  test("cudnn wants a dropout of whole sixteenths: gpt2's is a tenth", async () => {
    expect(await refusal({ attention: "cudnn", precision: "bf16" })).toContain("[attention/kernel]");
  });
});
