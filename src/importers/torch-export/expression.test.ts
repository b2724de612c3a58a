import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, type Expression, parseExpression } from "./expression.js";

/** The value of `text` with these symbols; undefined when it is not read or a symbol has no value. */
function valueIn(text: string, symbols: Readonly<Record<string, number>> = {}): number | undefined {
  const expression = parseExpression(text);
  return expression && evaluate(expression, new Map(Object.entries(symbols)));
}

/** As sympy's srepr writes a size symbol. */
const symbol = (name: string) => `Symbol('${name}', positive=True, integer=True)`;

describe("sizes as torch.export writes them", () => {
  test("a symbol is what it is bound to, whatever sympy assumes about it", () => {
    expect(parseExpression(symbol("s77"))).toEqual({ symbol: "s77" });
    expect(valueIn(symbol("s77"), { s77: 32 })).toBe(32);
    expect(valueIn("Symbol('s0')", { s0: 3 })).toBe(3);
  });

  test("batch x tokens of a flattened sequence", () => {
    expect(valueIn(`Mul(Integer(197), ${symbol("s0")})`, { s0: 8 })).toBe(1576);
  });

  test("the output of a strided convolution: floor((s + 2p - k) / 2) + 1", () => {
    const text = `Add(FloorDiv(Add(${symbol("s1")}, Integer(-1)), Integer(2)), Integer(1))`;
    expect([224, 225].map((s1) => valueIn(text, { s1 }))).toEqual([112, 113]);
  });

  test("numbers without Integer() and nested fractions", () => {
    expect(valueIn(`Mul(Rational(1, 2), ${symbol("s0")})`, { s0: 10 })).toBe(5);
    expect(valueIn(`Pow(${symbol("s0")}, 2)`, { s0: 7 })).toBe(49);
    expect(valueIn("Max(Integer(1), Min(Integer(9), Integer(4)))")).toBe(4);
  });

  test("division and remainder round towards minus infinity, as Python's", () => {
    expect(valueIn("FloorDiv(Integer(-7), Integer(2))")).toBe(-4);
    expect(valueIn("PythonMod(Integer(-7), Integer(3))")).toBe(2);
    expect(valueIn("TruncToInt(IntTrueDiv(Integer(-7), Integer(2)))")).toBe(-3);
    expect(valueIn("ModularIndexing(Integer(77), Integer(10), Integer(4))")).toBe(3);
  });
});

describe("what is not an expression is not guessed at", () => {
  test.each([
    ["an unknown function", "Piecewise(Integer(1), Integer(2))"],
    ["text after the end", "Integer(1)Integer(2)"],
    ["a missing comma", "Add(Integer(1) Integer(2))"],
    ["a missing parenthesis", "Add(Integer(1), Integer(2)"],
    ["a fraction", "Integer(1.5)"],
    ["more digits than a whole number holds", "Integer(9999999999999999)"],
    ["a symbol without quotes", "Symbol(s0)"],
    ["a symbol without an end", "Symbol('s0', positive=True"],
    ["nothing", ""],
  ])("%s", (_, text) => expect(parseExpression(text)).toBeUndefined());

  test("a symbol that has no value leaves the whole expression without one", () => {
    expect(valueIn(`Add(Integer(1), ${symbol("s9")})`, { s0: 1 })).toBeUndefined();
  });

  test("nesting deeper than 64 and text longer than 20,000 characters are refused, not overflowed", () => {
    const nested = (depth: number) => `${"Add(".repeat(depth)}Integer(1)${")".repeat(depth)}`;
    expect(valueIn(nested(64))).toBe(1);
    expect(parseExpression(nested(65))).toBeUndefined();
    const sum = `Add(${Array.from({ length: 3000 }, () => "Integer(1)").join(", ")})`;
    expect(sum.length).toBeGreaterThan(20_000);
    expect(parseExpression(sum)).toBeUndefined();
  });
});

function print(expression: Expression): string {
  if ("value" in expression) return `Integer(${expression.value})`;
  if ("symbol" in expression) return symbol(expression.symbol);
  return `${expression.head}(${expression.items.map(print).join(", ")})`;
}

test("any expression reads back as it was printed", () => {
  const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, depthSize: "small" },
      fc.record({ value: fc.integer({ min: -1e9, max: 1e9 }) }),
      fc.record({ symbol: fc.stringMatching(/^[su]\d{1,3}$/) }),
      fc.record({
        head: fc.constantFrom("Add", "Mul", "FloorDiv", "Max", "PythonMod"),
        items: fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
      }),
    ),
  }));
  fc.assert(
    fc.property(tree, (expression) => {
      expect(parseExpression(print(expression))).toEqual(expression);
    }),
  );
});

test("no text makes the parser throw", () => {
  const piece = fc.constantFrom(
    "Add(",
    "Mul(",
    "Integer(",
    "Symbol('",
    "'",
    ")",
    ",",
    " ",
    "1",
    "-",
    "s0",
    "x",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      parseExpression(pieces.join(""));
    }),
  );
});

test.each(["__proto__(Integer(1))", "toString(Integer(1))"])("%s names no function", (text) => {
  expect(parseExpression(text)).toBeUndefined();
});
