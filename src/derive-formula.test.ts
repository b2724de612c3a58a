import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { deriveFormula } from "./derive-formula.js";
import { readModel } from "./index.js";
import { renderDerivation, renderDerivationLatex, renderDerivationMarkdown } from "./present/index.js";

const vgg = deriveFormula(await readFixture("examples/vgg16.yaml"), { batch: 16, optimizer: "sgd" });
const llama = deriveFormula(
  await readModel(
    new TextEncoder().encode(
      JSON.stringify({
        model_type: "llama",
        hidden_size: 64,
        num_attention_heads: 2,
        num_hidden_layers: 2,
        intermediate_size: 128,
        vocab_size: 500,
      }),
    ),
    { name: "config.json" },
  ),
  { batch: 4, sequence: 96 },
);

describe("the terms", () => {
  test("add up to the formula at the asked batch, to the byte", () => {
    for (const { terms, pieces, totalBytes, setup } of [vgg, llama]) {
      const piece = pieces.find(({ from, to }) => setup.batch >= from && (to === null || setup.batch <= to));
      const formula = (piece?.fixedBytes ?? 0) + (piece?.perBatchBytes ?? 0) * setup.batch;
      expect(Math.round(formula)).toBe(totalBytes);
      expect(Math.round(terms.reduce((sum, { bytes }) => sum + bytes, 0))).toBe(totalBytes);
    }
  });

  test("are products that give their bytes when B and S are put in", () => {
    for (const { terms, setup } of [vgg, llama])
      for (const { factors, itemBytes, count, bytes } of terms) {
        const product = factors
          .flatMap((factor) => factor.replace(/[()]/g, "").split("x"))
          .map((factor) => ({ B: setup.batch, S: setup.sequence ?? 1 })[factor] ?? Number(factor))
          .reduce((all, factor) => all * factor, itemBytes * count);
        if (!Number.isNaN(product)) expect(product).toBe(bytes); // a sum in brackets is none
      }
  });

  test("of a convolutional network read as in a hand calculation", () => {
    const text = renderDerivation(vgg, { width: 120 });
    expect(text).toContain("64 x (3x3) x 3 x 4 B");
    expect(text).toMatch(/B x 64 x 224 x 224 x 4 B\) +saved by relu for its gradient/);
  });

  test("of a language model have its tokens", () => {
    expect(renderDerivation(llama, { width: 120 })).toMatch(/B x S x 128 x 4 B/);
    expect(renderDerivation(llama, { width: 120 })).toContain("peak(B, S) = ");
  });
});

test("as Markdown every term is a line of a table", () => {
  expect(
    renderDerivationMarkdown(vgg)
      .split("\n")
      .filter((line) => line.startsWith("| ")),
  ).toHaveLength(vgg.terms.length + 3);
});

test("as LaTeX it is balanced", () => {
  const text = renderDerivationLatex(llama);
  for (const environment of ["cases", "align*", "array"]) {
    expect(text.split(`\\begin{${environment}}`)).toHaveLength(2);
    expect(text.split(`\\end{${environment}}`)).toHaveLength(2);
  }
  expect(text.split("{").length).toBe(text.split("}").length);
});
