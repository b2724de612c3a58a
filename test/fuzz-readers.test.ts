/** Damaged files of every format: whatever the damage, an answer or a complaint, and soon. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { estimate, InputError, readModel } from "../src/index.js";

const FILES = [
  "src/importers/onnx/fixtures/images.dynamo.onnx",
  "src/importers/onnx/fixtures/words.opset17.onnx",
  "src/importers/onnx/fixtures/loop.onnx",
  "src/importers/onnx/fixtures/function.onnx",
  "src/importers/tensorflow-graph/fixtures/cnn.frozen.pb",
  "src/importers/tensorflow-graph/fixtures/flow.saved_model.pb",
  "src/importers/tensorflow-graph/fixtures/old.saved_model.pb",
  "src/importers/tensorflow-graph/fixtures/cnn.tfjs.json",
  "src/importers/weights/fixtures/small.safetensors",
  "src/importers/weights/fixtures/small-before-1.6.pth",
  "src/importers/weights/fixtures/whole-module.pt",
];
/** Numbers that break readers: lengths without end, signs, ends of ranges. */
const NASTY = [0, 1, 0x7f, 0x80, 0xff];

const damage = fc.record({
  cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3 }),
  edits: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      bytes: fc.array(fc.oneof(fc.constantFrom(...NASTY), fc.nat(255)), { minLength: 1, maxLength: 10 }),
      inserts: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  swap: fc.boolean(),
});

function damaged(
  file: Uint8Array,
  { cut, edits, swap }: typeof damage extends fc.Arbitrary<infer T> ? T : never,
): Uint8Array {
  let bytes = [...file];
  for (const { at, bytes: by, inserts } of edits)
    bytes.splice(Math.floor(at * bytes.length), inserts ? 0 : by.length, ...by);
  if (swap) bytes = [...bytes.slice(bytes.length / 2), ...bytes.slice(0, bytes.length / 2)];
  return Uint8Array.from(cut === null ? bytes : bytes.slice(0, cut * bytes.length));
}

describe("a damaged file", () => {
  test.for(FILES)("%s", { timeout: 60_000 }, async (path) => {
    const file = new Uint8Array(readFileSync(path));
    const ask = async (damage: Parameters<typeof damaged>[1]) => {
      const [start, computed] = [performance.now(), process.cpuUsage()];
      try {
        estimate(await readModel(damaged(file, damage), { name: path }), { batch: 2 });
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        const { where, rule, expected, got, hint } = error.complaint;
        for (const part of [where, rule, expected, got, hint]) expect(part).toMatch(/^[^\n]+$/);
      }
      // the process computes in other threads too, and the machine does other work: the smaller figure is nearer
      const { user, system } = process.cpuUsage(computed);
      expect(Math.min(performance.now() - start, (user + system) / 1000)).toBeLessThan(2000);
    };
    for (let cut = 0; cut < 40; cut++) await ask({ cut: cut / 40, edits: [], swap: false });
    await fc.assert(fc.asyncProperty(damage, ask), {
      numRuns: Number(process.env["FUZZ_RUNS"] ?? 150),
      seed: 20_260,
    });
  });
});
