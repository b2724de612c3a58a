/** Printed summaries beside the engine's own answer for the network that was printed. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { estimate, InputError, type Options, readModel } from "../../index.js";

const FIXTURES = "src/importers/summary/fixtures";
const answer = async (path: string, options: Options) =>
  estimate(await readModel(new Uint8Array(readFileSync(path)), { name: path }), options);

describe("the interval of a summary holds the answer for its network", () => {
  const KERAS = ["lenet5", "cnn180b", "lstm"].flatMap((name) => [
    [`${name}.keras.txt`, `test/fixtures/keras/${name}.json`] as const,
  ]);
  const TORCH = ["torchinfo", "torchsummary", "torchinfo-wide"].map(
    (kind) => [`resnet18.${kind}.txt`, "test/fixtures/models/resnet18.pt2"] as const,
  );
  const LENET = ["torchinfo", "torchsummary"].map(
    (kind) => [`lenet5.${kind}.txt`, "test/fixtures/lenet.pt2"] as const,
  );
  test.for([...KERAS, ...TORCH, ...LENET])("%s", { timeout: 60_000 }, async ([summary, model]) => {
    for (const batch of [1, 32, 128])
      for (const optimizer of ["adam", "sgd"]) {
        const [found, wanted] = [
          await answer(`${FIXTURES}/${summary}`, { batch, optimizer }),
          await answer(model, { batch, optimizer }),
        ];
        expect(found.model.parameterCount).toBe(wanted.model.parameterCount);
        expect(found.model.trainableParameterCount).toBe(wanted.model.trainableParameterCount);
        expect(found.interval.lowBytes).toBeLessThanOrEqual(wanted.peak.deviceTotalBytes);
        expect(found.interval.highBytes).toBeGreaterThanOrEqual(wanted.peak.deviceTotalBytes);
        // the states are the network's but for scalars and the rounding of tensors
        expect(found.totals.optimizerStateBytes / wanted.totals.optimizerStateBytes || 1).toBeCloseTo(1, 3);
      }
  });
});

describe("a summary", () => {
  test("says what is missing", async () => {
    const { diagnostics, interval } = await answer(`${FIXTURES}/lenet5.torchinfo.txt`, {});
    expect(diagnostics.map(({ code, severity }) => [code, severity])).toEqual([
      ["summary/no-operators", "warning"],
    ]);
    expect(diagnostics[0]?.message).toContain("what forward does without a module");
    expect(interval.basis).toContain("from no result kept to 3 of each row's size");
  });

  test("has the batch that torchinfo was given, and follows another", async () => {
    const path = `${FIXTURES}/lenet5.torchinfo.txt`;
    expect((await answer(path, {})).setup.batch).toBe(32);
    const [one, two] = [await answer(path, { batch: 16 }), await answer(path, { batch: 64 })];
    expect(two.totals.savedTensorBytes / one.totals.savedTensorBytes).toBeCloseTo(4, 2);
  });

  test("with recurrent layers or hidden levels has no upper end", async () => {
    for (const name of ["lstm.keras.txt", "resnet18.torchinfo.txt"])
      expect((await answer(`${FIXTURES}/${name}`, {})).interval.highBytes).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("in Keras 2's style goes on where a name was wrapped; half of a batch norm does not train", async () => {
    const { model, setup } = await answer(`${FIXTURES}/old.keras.txt`, {});
    expect([model.parameterCount, model.trainableParameterCount]).toEqual([216_778, 216_714]);
    expect(setup.framework).toBe("tensorflow");
  });
});

const text = (name: string) => readFileSync(`${FIXTURES}/${name}`, "utf8");
const ask = async (content: string) =>
  estimate(await readModel(new TextEncoder().encode(content), { name: "model.txt" }), { batch: 2 });
const INFO = text("lenet5.torchinfo.txt");

test.for([
  ["cut short", INFO.slice(0, 700), "[summary/table]"],
  ["a size of zero", INFO.replace("[32, 6, 28, 28]", "[32, 0, 28, 28]"), "[summary/value]"],
  ["a negative size", INFO.replace("[32, 6, 28, 28]", "[32, -6, 28, 28]"), "[summary/value]"],
  ["a size that is NaN", INFO.replace("[32, 6, 28, 28]", "[32, NaN, 28, 28]"), "[summary/value]"],
  ["a count of 2^60", INFO.replace("48,120", "1152921504606846976"), "[summary/value]"],
  [
    "sizes that multiply to 2^60",
    INFO.replace("[32, 6, 28, 28]", "[32, 1073741824, 1073741824]"),
    "[summary/value]",
  ],
  ["rows with more than the whole", INFO.replace("48,120", "9,048,120"), "[summary/total]"],
  [
    "a column that is cut off",
    text("lenet5.keras.txt")
      .replace(/┃ +Param #/, "Param #")
      .replace(/│ +156 │/, "│ …"),
    "[summary/table]",
  ],
  [
    "rows without end",
    INFO.replace("├─Tanh: 1-2 ", `${"├─Tanh: 1-2   [1, 1]   --\n".repeat(200_000)}├─Tanh: 1-2 `),
    "[summary/rows]",
  ],
] as const)("%s is a complaint", async ([, content, code]) => {
  const start = performance.now();
  await expect(ask(content)).rejects.toThrow(code);
  expect(performance.now() - start).toBeLessThan(2000);
});

test.for(["lenet5.torchinfo.txt", "resnet18.torchsummary.txt", "lenet5.keras.txt", "old.keras.txt"])(
  "%s with lines and characters moved about: an answer or a complaint",
  { timeout: 60_000 },
  async (name) => {
    const lines = text(name).split("\n");
    const edit = fc.record({
      at: fc.nat(lines.length - 1),
      to: fc.nat(lines.length - 1),
      place: fc.nat(100),
      by: fc.constantFrom(
        "",
        "-",
        "9".repeat(20),
        "[",
        ")",
        "None",
        "│",
        "│    └─",
        " ",
        "  ",
        ",",
        "(",
        "1e9",
      ),
      how: fc.constantFrom("drop", "copy", "put", "cut"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        const out = [...lines];
        for (const { at, to, place, by, how } of edits) {
          const line = out[at] ?? "";
          if (how === "drop") out.splice(at, 1);
          else if (how === "copy") out.splice(to, 0, line);
          else if (how === "cut") out[at] = line.slice(0, place);
          else out[at] = line.slice(0, place) + by + line.slice(place + by.length);
        }
        const start = performance.now();
        try {
          await ask(out.join("\n"));
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          const { where, rule, expected, got, hint } = error.complaint;
          for (const part of [where, rule, expected, got, hint]) expect(part).toMatch(/^[^\n]+$/);
        }
        expect(performance.now() - start).toBeLessThan(2000);
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 150), seed: 20_262 },
    );
  },
);
