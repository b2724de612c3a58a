import { describe, expect, test } from "vitest";
import { InputError } from "./complaints.js";
import { readSetup } from "./setup-file.js";

describe("a setup file", () => {
  test("spells settings as the flags do, in YAML or JSON", async () => {
    const expected = { batch: 32, zeroGrad: "keep", shape: { x: [8, 3] } };
    expect(await readSetup("batch: 32\nzero-grad: keep\nshape: { x: [8, 3] }\n", "s.yaml")).toEqual(expected);
    expect(await readSetup('{"batch": 32, "zeroGrad": "keep", "shape": {"x": "8x3"}}', "s.json")).toEqual(
      expected,
    );
  });

  test("may be empty", async () => expect(await readSetup("# nothing\n", "s.yaml")).toEqual({}));

  const bomb = `a: &a [1,1]\nb: &b [${"*a,".repeat(20)}]\nc: &c [${"*b,".repeat(20)}]\nd: [${"*c,".repeat(20)}]\n`;
  test.for([
    ["batch: [8\n", /^s\.yaml:\d+:\d+: .*\[setup\/syntax\]/],
    ["- batch\n", /\[setup\/outline\]/],
    ["batch: many\n", /^s\.yaml › batch: .*\[setup\/count\]/],
    ["bach: 8\n", /did you mean "batch"/],
    [bomb, /\[setup\/(syntax|unknown)\]/],
  ] as [string, RegExp][])("%j is refused", async ([text, expected]) => {
    await expect(readSetup(text, "s.yaml")).rejects.toThrow(InputError);
    await expect(readSetup(text, "s.yaml")).rejects.toThrow(expected);
  });
});
