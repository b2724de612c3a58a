import { describe, expect, test } from "vitest";
import { GiB, KiB, MiB } from "../base/units.js";
import { printFormula } from "./formula.js";
import { formatBytes, formatCount } from "./units.js";

describe("bytes have three significant digits and real binary units", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [4, "4 B"],
    [999, "999 B"],
    [1000, "0.977 KiB"],
    [1024, "1.00 KiB"],
    [10 * KiB - 1, "10.0 KiB"],
    [99.96 * KiB, "100 KiB"],
    [999.4 * KiB, "999 KiB"],
    [999.6 * KiB, "0.976 MiB"],
    [76_291_936, "72.8 MiB"],
    [11.63 * GiB, "11.6 GiB"],
    [-3 * MiB, "-3.00 MiB"],
    [2 ** 50, "1.00 PiB"],
  ];
  test.for(cases)("%d is %s", ([bytes, expected]) => expect(formatBytes(bytes)).toBe(expected));
});

test("counts are grouped by thousands, whatever the locale", () => {
  expect([0, 999, 1000, 19_072_984].map(formatCount)).toEqual(["0", "999", "1,000", "19,072,984"]);
});

describe("formulas", () => {
  test("one piece for every batch has no range", () => {
    expect(printFormula([{ from: 1, to: null, fixedBytes: 388 * MiB, perBatchBytes: 83.4 * MiB }])).toBe(
      "388 MiB + B x 83.4 MiB",
    );
  });
  test("several pieces say for which batches they hold", () => {
    const pieces = [
      { from: 1, to: 1, fixedBytes: 500 * MiB, perBatchBytes: 0 },
      { from: 2, to: 19, fixedBytes: 400 * MiB, perBatchBytes: 60 * MiB },
      { from: 20, to: null, fixedBytes: 300 * MiB, perBatchBytes: 80 * MiB },
    ];
    expect(printFormula(pieces)).toBe(
      "500 MiB for B = 1; 400 MiB + B x 60.0 MiB for B = 2 to 19; 300 MiB + B x 80.0 MiB from B = 20",
    );
  });
});
