/** Sizes as an exported program writes them: whole numbers, symbols and arithmetic on them. */
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { badSize, shapeMismatch } from "./complaints.js";
import { evaluate, parseExpression } from "./expression.js";
import { type Program, SCALAR_TYPES, type TensorMeta, tensorName, type Union } from "./program.js";

export interface Sizes {
  readonly batch: number;
  readonly symbols: Map<string, number>;
  /** The symbol of the batch, or null when the file fixed it. */
  readonly batchSymbol: string | null;
}

/** The sizes the file was exported with, and which symbol is the batch: the first dim of the first input. */
export function startingSizes(program: Program, where: string): Sizes {
  const symbols = new Map<string, number>();
  const { graph, signature } = program.graph_module;
  let batch = 1;
  let batchSymbol: string | null = null;
  let found = false;
  for (const spec of signature.input_specs) {
    const meta = graph.tensor_values[tensorName((spec.user_input as { arg?: Union } | undefined)?.arg) ?? ""];
    meta?.sizes.forEach((size, dim) => {
      const { value, symbol } = hinted(size, where);
      if (symbol !== undefined && !symbols.has(symbol)) symbols.set(symbol, value);
      if (dim === 0 && !found) {
        found = true;
        batch = value;
        batchSymbol = symbol ?? null;
      }
    });
  }
  return { batch, symbols, batchSymbol };
}

function hinted(size: Union, where: string): { value: number; symbol?: string } {
  if (typeof size.as_int === "number") return { value: size.as_int };
  const { expr_str: text, hint } = (size.as_expr ?? {}) as { expr_str?: string; hint?: Union };
  const value = hint?.as_int;
  if (typeof value !== "number") throw badSize(where, JSON.stringify(size).slice(0, 120));
  const expression = typeof text === "string" ? parseExpression(text) : undefined;
  return expression && "symbol" in expression ? { value, symbol: expression.symbol } : { value };
}

/** A size with every symbol bound. `where` names it in a complaint. */
export function boundSize(size: Union, { symbols }: Sizes, where: string): number {
  let value: unknown = size.as_int;
  const { expr_str: text, hint } = (size.as_expr ?? {}) as { expr_str?: string; hint?: Union };
  if (typeof text === "string") {
    const expression = parseExpression(text);
    value = (expression && evaluate(expression, symbols)) ?? hint?.as_int;
  }
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw badSize(where, JSON.stringify(size).slice(0, 120));
  return value;
}

/** A tensor's dims, strides and dtype with every symbol bound. */
export function boundSpec(meta: TensorMeta, sizes: Sizes, where: string): TensorSpec {
  const dtype = SCALAR_TYPES[meta.dtype];
  if (dtype === undefined) throw shapeMismatch(where, "a known ScalarType", String(meta.dtype));
  const shape = meta.sizes.map((size) => boundSize(size, sizes, where));
  if (!meta.strides || meta.strides.length !== shape.length) return dense(shape, dtype);
  return { shape, strides: meta.strides.map((stride) => boundSize(stride, sizes, where)), dtype };
}
