import { describe, expect, test } from "vitest";
import { checkFlags, checkOptions } from "./check-options.js";
import { InputError } from "./complaints.js";

/** The complaint `given` provokes, as `code | where | got`. */
function refusal(given: Record<string, unknown>): string {
  try {
    checkFlags(given);
    return "accepted";
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { code, where, got } = error.complaint;
    return `${code} | ${where} | ${got}`;
  }
}

describe("settings are accepted as flags, keys and options spell them", () => {
  test("texts of flags become numbers, shapes and sizes", () => {
    const given = { batch: "128", shape: ["x=8x3x224x224", "mask=8x77"], image: "224x320" };
    expect(checkFlags(given as object)).toEqual({
      batch: 128,
      shape: { x: [8, 3, 224, 224], mask: [8, 77] },
      image: [224, 320],
    });
  });

  test("kebab and camel case name the same setting", () => {
    expect(checkOptions({ "zero-grad": "keep" }, (key) => key)).toEqual({ zeroGrad: "keep" });
    expect(checkOptions({ zeroGrad: "keep" }, (key) => key)).toEqual({ zeroGrad: "keep" });
  });

  test.for([[false], [null], ["none"]])("optimizer %j trains without one", ([optimizer]) => {
    expect(checkFlags({ optimizer } as object)).toEqual({ optimizer: false });
  });

  test("one glob and several are lists", () => {
    expect(checkFlags({ freeze: "layer1.*" } as object)).toEqual({ freeze: ["layer1.*"] });
  });

  test("a value of a later release's setting is fine while it says what this release does", () => {
    expect(
      refusal({ precision: "fp32", accumulate: 1, checkpointing: "none", gpus: 1, zero: 0, ddp: false }),
    ).toBe("accepted");
  });
});

describe("wrong settings are refused with their place", () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ["a batch of zero", { batch: 0 }, "setup/count | --batch | 0"],
    ["a negative batch", { batch: "-8" }, "setup/count | --batch | -8"],
    ["a fractional batch", { batch: 1.5 }, "setup/count | --batch | 1.5"],
    ["a batch beyond any device", { batch: 1e12 }, "setup/count | --batch | 1000000000000"],
    ["a batch that is no number", { batch: "many" }, "setup/count | --batch | many"],
    [
      "a batch of digits beyond numbers",
      { batch: "9".repeat(400) },
      `setup/count | --batch | ${"9".repeat(400)}`,
    ],
    ["NaN", { batch: Number.NaN }, "setup/count | --batch | null"],
    ["a misspelt choice", { zeroGrad: "set-to-non" }, 'setup/choice | --zero-grad | "set-to-non"'],
    ["a choice that is a list", { mode: ["train"] }, 'setup/choice | --mode | "[\\"train\\"]"'],
    ["an unknown setting", { bach: 8 }, 'setup/unknown | --bach | "bach"'],
    ["a name from Object.prototype", { constructor: 8 }, 'setup/unknown | --constructor | "constructor"'],
    ["a shape without dims", { shape: ["x"] }, 'setup/shape | --shape | "x"'],
    ["a shape with letters", { shape: ["x=8xthree"] }, 'setup/shape | --shape | "8xthree"'],
    ["half an image size", { image: "224" }, "setup/size | --image | 224"],
    ["an empty glob", { freeze: [""] }, "setup/text | --freeze | "],
    [
      "an optimizer beside none",
      { optimizer: "sgd", noOptimizer: true },
      "setup/contradiction | --no-optimizer | both sgd and none",
    ],
  ];
  test.for(cases)("%s", ([, given, expected]) => expect(refusal(given)).toBe(expected));
});

describe("settings of later releases are refused, never ignored", () => {
  const cases: [Record<string, unknown>, string][] = [[{ nodes: 8 }, "--nodes | 8"]];
  test.for(cases)("%j", ([given, expected]) => expect(refusal(given)).toBe(`setup/not-yet | ${expected}`));
});

test.each([{ clipGrad: true }, { precision: "amp-fp16" }] as const)(
  "an optimizer in backward cannot wait for all gradients, as %j does",
  (options) => {
    expect(() => checkFlags({ optimizerInBackward: true, ...options })).toThrow("--optimizer-in-backward: ");
  },
);

test("an optimizer in backward steps after every micro-batch, so it takes no accumulation", () => {
  expect(() => checkFlags({ optimizerInBackward: true, accumulate: 4 })).toThrow("--optimizer-in-backward: ");
});
