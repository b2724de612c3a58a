export type Expression =
  | { readonly symbol: string }
  | { readonly value: number }
  | { readonly head: string; readonly items: readonly Expression[] };

/** Deeper nesting than any size expression; guards the stack against hostile text. */
const MAX_DEPTH = 64;
const MAX_LENGTH = 20_000;

const FUNCTIONS: Readonly<Record<string, (items: readonly number[]) => number>> = {
  Add: (items) => items.reduce((a, b) => a + b, 0),
  Mul: (items) => items.reduce((a, b) => a * b, 1),
  FloorDiv: ([a = 0, b = 1]) => Math.floor(a / b),
  CleanDiv: ([a = 0, b = 1]) => Math.floor(a / b),
  CeilToInt: ([a = 0]) => Math.ceil(a),
  FloorToInt: ([a = 0]) => Math.floor(a),
  TruncToInt: ([a = 0]) => Math.trunc(a),
  IntTrueDiv: ([a = 0, b = 1]) => a / b,
  PythonMod: ([a = 0, b = 1]) => ((a % b) + b) % b,
  Mod: ([a = 0, b = 1]) => ((a % b) + b) % b,
  ModularIndexing: ([a = 0, b = 1, c = 1]) => Math.floor(a / b) % c,
  Max: (items) => Math.max(...items),
  Min: (items) => Math.min(...items),
  Pow: ([a = 0, b = 1]) => a ** b,
  PowByNatural: ([a = 0, b = 1]) => a ** b,
  Rational: ([a = 0, b = 1]) => a / b,
};

/** The expression in `text`, or undefined when it uses something else. */
export function parseExpression(text: string): Expression | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  let at = 0;
  const skip = () => {
    while (text[at] === " ") at++;
  };
  const parse = (depth: number): Expression | undefined => {
    if (depth > MAX_DEPTH) return undefined;
    skip();
    const head = /[A-Za-z_]\w*/y;
    head.lastIndex = at;
    const name = head.exec(text)?.[0];
    if (name === undefined || text[at + name.length] !== "(") return undefined;
    at += name.length + 1;
    if (name === "Symbol") {
      const quoted = /\s*'([^']*)'/y;
      quoted.lastIndex = at;
      const symbol = quoted.exec(text);
      if (!symbol) return undefined;
      at = text.indexOf(")", quoted.lastIndex) + 1;
      return at === 0 ? undefined : { symbol: symbol[1] as string };
    }
    if (name === "Integer") {
      const digits = /\s*(-?\d{1,15})\s*\)/y;
      digits.lastIndex = at;
      const value = digits.exec(text);
      if (!value) return undefined;
      at = digits.lastIndex;
      return { value: Number(value[1]) };
    }
    if (!Object.hasOwn(FUNCTIONS, name)) return undefined;
    const items: Expression[] = [];
    for (;;) {
      skip();
      if (text[at] === ")") break;
      const bare = /(-?\d{1,15})(?=\s*[,)])/y;
      bare.lastIndex = at;
      const number = bare.exec(text);
      const item = number ? { value: Number(number[1]) } : parse(depth + 1);
      if (!item) return undefined;
      if (number) at = bare.lastIndex;
      items.push(item);
      skip();
      if (text[at] === ",") at++;
      else if (text[at] !== ")") return undefined;
    }
    at++;
    return { head: name, items };
  };
  const expression = parse(0);
  skip();
  return at === text.length ? expression : undefined;
}

/** The expression's value; undefined when a symbol has none. */
export function evaluate(expression: Expression, symbols: ReadonlyMap<string, number>): number | undefined {
  if ("value" in expression) return expression.value;
  if ("symbol" in expression) return symbols.get(expression.symbol);
  const items: number[] = [];
  for (const item of expression.items) {
    const value = evaluate(item, symbols);
    if (value === undefined) return undefined;
    items.push(value);
  }
  return (FUNCTIONS[expression.head] as (items: readonly number[]) => number)(items);
}
