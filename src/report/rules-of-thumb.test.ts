import { expect, test } from "vitest";
import { rulesOfThumb } from "./rules-of-thumb.js";

/** https://datascience.stackexchange.com/q/12649: float32, images of 180x50x1, mini-batches of 128. */
const QUESTION = {
  activations: 532_752,
  parameters: 19_072_984,
  inputElements: 180 * 50 * 1,
  batch: 128,
  bytesPerElement: 4,
};

const rule = (start: string, count: Parameters<typeof rulesOfThumb>[0] = QUESTION) => {
  const found = rulesOfThumb(count).find(({ name }) => name.startsWith(start));
  if (!found) throw new Error(`no rule ${start}`);
  return found;
};

test("the question's 224.69 is the sum of its rounded parts", () => {
  const { formula, bytes } = rule("CS231n");
  expect(formula).toBe(
    "532,752 x 4 B + 3 x 19,072,984 x 4 B + 128 x 9,000 x 4 B = 2.03 + 218.27 + 4.39 = 224.69 MiB (224.70 when rounded once)",
  );
  expect(bytes).toBe(235_614_816);
});

test("the question's own correction adds 260.13", () => {
  const { formula, bytes } = rule("the question's");
  expect(formula).toMatch(
    / = 2\.03 \+ 218\.27 \+ 4\.39 \+ 260\.13 = 484\.82 MiB \(484\.83 when rounded once\)$/,
  );
  expect(bytes).toBe(508_383_840);
});

test("the answer's 742.34 multiplies 4.06 by the batch; rounded once it is 742.93", () => {
  const { formula, bytes, misses } = rule("the thread's answer");
  expect(formula).toBe(
    "128 x 2 x 532,752 x 4 B + 3 x 19,072,984 x 4 B + 128 x 9,000 x 4 B = 519.68 + 218.27 + 4.39 = 742.34 MiB (742.93 when rounded once)",
  );
  expect(bytes).toBe(779_021_856);
  expect(misses).toContain(
    "dividing bytes by 1024^2 gives MiB; calling it GB is a slip of a factor of 1024, GiB takes 1024^3",
  );
});

test("the question's main error is named with its size", () => {
  expect(rule("CS231n").misses[0]).toBe(
    "activations are counted for one sample; backward keeps those of all 128: 260.13 MiB",
  );
});

// biome-ignore format: one row per line
test.each([
  ["backward is up to",     "780.40 + 218.27 + 13.18 = 1011.85 MiB"],
  ["torchsummary",          "4.39 + 520.27 + 72.76 = 597.42 MiB"],
  ["torchinfo",             "4.39 + 459.54 + 72.76 = 536.69 MiB"],
  ["Keras",                 "260.13 + 72.76 = 332.89 MiB"],
  ["accelerate",            "4 x 19,072,984 x 4 B = 291.03 MiB"],
  ["16 bytes",              "19,072,984 x 16 B = 291.03 MiB"],
  ["18 bytes",              "19,072,984 x 18 B = 327.41 MiB"],
])("%s…: %s", (name, end) => {
  expect(rule(name, { ...QUESTION, parameterLayerActivations: 470_568 }).formula).toContain(end);
});

test("every rule has a source and says what it misses", () => {
  const rules = rulesOfThumb({ ...QUESTION, parameterLayerActivations: 1 });
  expect(rules).toHaveLength(10);
  expect(new Set(rules.map(({ name }) => name)).size).toBe(10);
  for (const { source, misses } of rules) {
    expect(source).toMatch(/https:|arXiv/);
    expect(misses.length).toBeGreaterThanOrEqual(3);
    for (const sentence of misses) expect(sentence).toMatch(/^[^.].{20,160}[^.]$/);
  }
});

test("a rule that needs more than was given is left out", () => {
  expect(rulesOfThumb(QUESTION).map(({ name }) => name)).not.toContain("torchinfo, Estimated Total Size");
});

test("half precision halves what is counted by elements", () => {
  expect(rule("accelerate", { ...QUESTION, bytesPerElement: 2 }).bytes).toBe(152_583_872);
  expect(rule("16 bytes", { ...QUESTION, bytesPerElement: 2 }).bytes).toBe(305_167_744);
});
