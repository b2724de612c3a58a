/** Steps of Keras models that TensorFlow 2.21 traced: parameters, slots and saved values to the byte, peaks within 3 %. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { estimate, type ImportedModel, type Options, readModel } from "../src/index.js";
import type { Step } from "../src/ir/step.js";
import { resolveSetup } from "../src/resolve-setup.js";
import { planAtBatch } from "../src/run-pipeline.js";

interface Recorded {
  readonly model: string;
  readonly batch: number;
  readonly precision: "fp32" | "amp-fp16";
  readonly optimizer: string | null;
  readonly parameters: number;
  readonly trainable: number;
  readonly saved: number;
  readonly gradients: number;
  readonly slots: number | null;
  readonly peak: number;
}

const fixtures = join(import.meta.dirname, "fixtures");
const STEPS: readonly Recorded[] = readFileSync(join(fixtures, "recorded-keras-steps.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

const models = new Map<string, Promise<ImportedModel>>();
function modelOf(path: string): Promise<ImportedModel> {
  const known = models.get(path) ?? readModel(new Uint8Array(readFileSync(path)), { name: path });
  models.set(path, known);
  return known;
}

/** Most plain bytes of the step above what it finds. */
function plainPeak({ blocks, steady }: Step): number {
  let [alive, most] = [0, 0];
  for (const { actions } of steady)
    for (const action of actions) {
      const bytes = blocks[Math.abs(action) - 1]?.bytes ?? 0;
      alive += action > 0 ? bytes : -bytes;
      most = Math.max(most, alive);
    }
  return most;
}

function answer(model: ImportedModel, recorded: Recorded) {
  const { batch, precision, optimizer } = recorded;
  const options: Options = {
    batch,
    precision,
    optimizer: optimizer ?? false,
    // its file leaves them open
    ...(recorded.model === "MobileNetV3Small" && { image: [224, 224] as const }),
  };
  const { totals, model: counted } = estimate(model, options);
  const { step } = planAtBatch(model, resolveSetup(options, model), batch);
  return { totals, counted, peak: plainPeak(step) };
}

/**
 * States of every step are kept for the recurrent kernel's gradient; the recorder counts them with the loop's result, which it lets
 * go. And it counts the loop's integers, which live in the host's memory.
 */
const LSTM_STATES = 2 * 50 * 32 * 64 * 4 - 1008;
/** The loop's own list of states stays for backward: 10 % more than the recorder has. */
const LSTM_PEAK = 0.11;

describe("a step that TensorFlow traced", () => {
  for (const recorded of STEPS) {
    const { model, batch, precision, optimizer } = recorded;
    test(`${model}, batch ${batch}, ${precision}, ${optimizer ?? "no optimizer"}`, async () => {
      const { totals, counted, peak } = answer(
        await modelOf(join(fixtures, `keras/${model}.json`)),
        recorded,
      );
      expect(counted).toMatchObject({
        parameterCount: recorded.parameters,
        trainableParameterCount: recorded.trainable,
      });
      const isRecurrent = model === "lstm";
      expect(totals.savedTensorBytes - recorded.saved).toBe(isRecurrent ? LSTM_STATES : 0);
      expect(totals.gradientBytes).toBe(recorded.gradients);
      if (recorded.slots !== null) expect(totals.optimizerStateBytes).toBe(recorded.slots);
      expect(Math.abs(peak / recorded.peak - 1)).toBeLessThan(isRecurrent ? LSTM_PEAK : 0.03);
    });
  }
});

const shared = process.env["PLIMSOLL_SHARED"] ?? join(import.meta.dirname, "../../shared");
const results = join(shared, "oracle/tensorflow/results");
const isThere = existsSync(results);

/** Recurrent ones are told apart above. */
const LOOPS = ["gru", "lstm", "simple_rnn"];

describe.skipIf(!isThere)(`every traced model${isThere ? "" : " (skipped: shared/oracle is absent)"}`, () => {
  const files = isThere ? readdirSync(results).filter((file) => /^[a-zA-Z]\w*\.json$/.test(file)) : [];
  for (const file of files) {
    const name = file.slice(0, -".json".length);
    const path = join(shared, "models/keras", file);
    if (!existsSync(path) || LOOPS.includes(name)) continue;
    test(name, { timeout: 60_000 }, async () => {
      const { configs, params_total: parameters } = JSON.parse(readFileSync(join(results, file), "utf8"));
      const model = await modelOf(path);
      // the largest batch of each policy stands for the others: saved bytes are lines in the batch
      for (const key of ["float32_b32_Adam", "mixed_float16_b32"]) {
        const config = configs[key];
        const recorded: Recorded = {
          model: name,
          batch: 32,
          precision: key.startsWith("float32") ? "fp32" : "amp-fp16",
          optimizer: key.endsWith("Adam") ? "adam" : null,
          parameters,
          trainable: 0,
          saved: config.saved.activation + config.saved.weight_cast + config.saved.input,
          gradients: config.gradient_bytes,
          slots: config.optimizer_vars?.bytes ?? null,
          peak: (config.peak_step ?? config.peak_fwd_bwd).creation.bytes,
        };
        const { totals, counted, peak } = answer(model, recorded);
        expect(counted.parameterCount).toBe(parameters);
        expect([totals.savedTensorBytes, totals.gradientBytes]).toEqual([recorded.saved, recorded.gradients]);
        if (recorded.slots !== null) expect(totals.optimizerStateBytes).toBe(recorded.slots);
        expect(Math.abs(peak / recorded.peak - 1)).toBeLessThan(0.03);
      }
    });
  }
});
