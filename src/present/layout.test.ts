import { describe, expect, test } from "vitest";
import { cut, fold, joinFitting, lengthOf, renderTable } from "./layout.js";

const cells = (...texts: string[]) => texts.map((text) => ({ text }));

describe("tables", () => {
  const columns = [{ align: "left" }, { align: "right" }, { align: "left", least: 6 }] as const;
  const rows = [
    cells("parameters", "72.8 MiB", "19,072,984 x 4 B"),
    cells("inputs", "4.4 MiB", "the mini-batch"),
  ];

  test("numbers align to the right, texts to the left", () => {
    expect(renderTable({ columns, rows, width: 60 })).toEqual([
      "  parameters  72.8 MiB  19,072,984 x 4 B",
      "  inputs       4.4 MiB  the mini-batch",
    ]);
  });

  test("a column that does not fit is cut as long as enough of it is left", () => {
    expect(renderTable({ columns, rows, width: 34 })).toEqual([
      "  parameters  72.8 MiB  19,072,98…",
      "  inputs       4.4 MiB  the mini-…",
    ]);
  });

  test("and dropped when it is not", () => {
    expect(renderTable({ columns, rows, width: 28 })).toEqual([
      "  parameters  72.8 MiB",
      "  inputs       4.4 MiB",
    ]);
  });

  test("no line is ever wider than the terminal", () => {
    for (let width = 8; width < 60; width++) {
      for (const line of renderTable({ columns, rows, width }))
        expect(lengthOf(line)).toBeLessThanOrEqual(width);
    }
  });

  test("paint does not count as width", () => {
    const painted = [
      [{ text: "a", paint: (text: string) => `\u001b[1m${text}\u001b[22m` }, { text: "1" }],
      cells("bbb", "22"),
    ];
    expect(renderTable({ columns: columns.slice(0, 2), rows: painted, width: 20 })).toEqual([
      "  \u001b[1ma\u001b[22m     1",
      "  bbb  22",
    ]);
  });
});

describe("lines", () => {
  test("text folds by words under its first line", () => {
    expect(fold("one two three four", 13, "  a: ", "     ")).toEqual([
      "  a: one two",
      "     three",
      "     four",
    ]);
  });
  test("a word longer than the line is cut", () => {
    expect(fold("incomprehensibilities", 10, "> ", "  ")).toEqual(["> incompr…"]);
  });
  test("parts that do not fit are left out from the right", () => {
    expect(joinFitting(["resnet50", "PyTorch", "fp32"], " · ", 20)).toBe("resnet50 · PyTorch");
    expect(joinFitting(["a-very-long-name", "x"], " · ", 8)).toBe("a-very-…");
  });
  test("what is cut ends in an ellipsis and is never longer than asked", () => {
    expect([cut("abcdef", 6), cut("abcdef", 4), cut("abcdef", 1), cut("abcdef", 0)]).toEqual([
      "abcdef",
      "abc…",
      "…",
      "",
    ]);
  });
});
