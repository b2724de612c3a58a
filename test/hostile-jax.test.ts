/** Programs of JAX that are damaged, or made to exhaust memory, time or patience; and damaged ones made by chance. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { estimate, InputError, readModel } from "../src/index.js";

const folder = "src/importers/jax/fixtures";
const FILES = ["cnn.jaxpr.txt", "scan-remat.jaxpr.txt", "mlp.stablehlo.mlir", "mlp.hlo.txt"];
/** Pieces of the grammars, in wrong places. */
const PIECES = [
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  "%",
  "=",
  ":",
  "\n",
  ";",
  "let ",
  "in (",
  "{ lambda ; ",
  "f32[",
  "tensor<",
  "9".repeat(30),
  "-1",
  "jit[",
  "scan[",
  "length=99999999",
  "jaxpr=relu",
  "NaN",
  "inf:f32[]",
  "%arg0",
  "while(",
  " : ",
  "->",
  "\u0000",
  "é",
];

async function ask(text: string, name: string): Promise<string> {
  const start = performance.now();
  let code = "none";
  try {
    estimate(await readModel(new TextEncoder().encode(text), { name }));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { where, rule, expected, got, hint } = error.complaint;
    for (const part of [where, rule, expected, got, hint]) expect(part).toMatch(/^[^\n]+$/);
    code = error.complaint.code;
  }
  expect(performance.now() - start).toBeLessThan(2000);
  return code;
}

/** Lines dropped, doubled or swapped, and pieces of the grammar written over others. */
const damage = fc.record({
  cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3 }),
  lines: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      how: fc.constantFrom("drop", "double", "swap"),
    }),
    { maxLength: 3 },
  ),
  edits: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      piece: fc.constantFrom(...PIECES),
      over: fc.nat(8),
    }),
    { maxLength: 4 },
  ),
});

function damaged(
  text: string,
  { cut, lines, edits }: typeof damage extends fc.Arbitrary<infer T> ? T : never,
): string {
  const list = text.split("\n");
  for (const { at, how } of lines) {
    const i = Math.floor(at * list.length);
    const line = list[i] ?? "";
    if (how === "drop") list.splice(i, 1);
    else if (how === "double") list.splice(i, 0, line);
    else list.splice(i, 2, list[i + 1] ?? "", line);
  }
  let out = list.join("\n");
  for (const { at, piece, over } of edits) {
    const i = Math.floor(at * out.length);
    out = out.slice(0, i) + piece + out.slice(i + over);
  }
  return cut === null ? out : out.slice(0, cut * out.length);
}

describe("a damaged program", () => {
  test.for(FILES)("%s", { timeout: 120_000 }, async (name) => {
    const text = readFileSync(`${folder}/${name}`, "utf8");
    for (let cut = 0; cut < 20; cut++) await ask(text.slice(0, (cut / 20) * text.length), name);
    await fc.assert(
      fc.asyncProperty(damage, async (one) => {
        await ask(damaged(text, one), name);
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 120), seed: 20_261 },
    );
  });
});

const jaxpr = (body: string): string => `{ lambda ; a:f32[8] b:f32[4,8]. let\n${body}\n  in (z,) }`;

describe("a program made to exhaust", () => {
  const cases: readonly (readonly [what: string, name: string, text: string, code: string])[] = [
    [
      "brackets a hundred thousand deep",
      "a.jaxpr.txt",
      jaxpr(`    z:f32[] = foo[x=${"(".repeat(100_000)}] a`),
      "jax/syntax",
    ],
    [
      "programs ten thousand deep",
      "a.jaxpr.txt",
      `{ lambda ; a:f32[]. let b:f32[] = jit[jaxpr=`.repeat(10_000),
      "jax/depth",
    ],
    ["a million blanks", "a.jaxpr.txt", jaxpr(`    z:f32[] = foo[x=${" ".repeat(1_000_000)}y] a`), "none"],
    ["sizes beyond counting", "a.jaxpr.txt", jaxpr("    z:f32[9007199254740993] = exp a"), "jax/array-size"],
    [
      "functions that call themselves",
      "a.mlir",
      `module @m {\n  func.func public @main(%arg0: tensor<f32>) -> tensor<f32> {\n    %0 = call @main(%arg0) : (tensor<f32>) -> tensor<f32>\n    return %0 : tensor<f32>\n  }\n}`,
      "jax/depth",
    ],
    [
      "a name nobody binds",
      "a.mlir",
      `module @m {\n  func.func public @main(%arg0: tensor<f32>) -> tensor<f32> {\n    %0 = stablehlo.add %arg0, %7 : tensor<f32>\n    return %0 : tensor<f32>\n  }\n}`,
      "jax/name",
    ],
    ["a module of nothing", "a.mlir", "module @m {\n}", "jax/syntax"],
    [
      "a type that is none",
      "a.mlir",
      `module @m {\n  func.func public @main(%arg0: tensor<4xfoo>) -> tensor<f32> {\n  }\n}`,
      "jax/type",
    ],
    [
      "a computation without an entry",
      "a.hlo.txt",
      "HloModule m\n\n%a (x: f32[]) -> f32[] {\n  ROOT %x = f32[] parameter(0)\n}\n",
      "jax/syntax",
    ],
    [
      "a loop inside of itself",
      "a.hlo.txt",
      "HloModule m\n\n%a (x: f32[]) -> f32[] {\n  %x = f32[] parameter(0)\n  ROOT %w = f32[] while(%x), condition=%a, body=%a\n}\n\nENTRY %m (x: f32[]) -> f32[] {\n  %x = f32[] parameter(0)\n  ROOT %w = f32[] while(%x), condition=%a, body=%a\n}\n",
      "jax/depth",
    ],
    ["what is no text", "a.mlir", "module @m \ud800", "jax/syntax"],
  ];
  test.for(cases)("%s", async ([, name, text, code]) => expect(await ask(text, name)).toBe(code));
});
