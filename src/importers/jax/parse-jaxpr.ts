/**
 * The text of a jaxpr, as `print(jax.make_jaxpr(f)(...))` writes it.
 *
 * Spec     jax/_src/core.py pp_jaxpr, pp_eqn (0.10): `{ lambda consts ; inputs. let equations in (outputs,) }`, shared programs
 *          before it as `let name = { … } in`. An equation is `a:f32[8] = primitive[key=value …] b 1.0:f32[]`
 * Ignored  what is no program inside parameters stays text; effects, shardings and source lines
 * Limits   nesting, so that reading it cannot exhaust the stack; everything is read once, forward
 */
import { elements } from "../../base/shape.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { redefinedName, tooDeep, tooLargeArray, undefinedName, unknownType } from "./complaints.js";
import { Scanner } from "./scan-text.js";
import { DTYPES, KEY_WORDS } from "./types.js";

export interface Binder {
  /** `_` where nobody reads it. */
  readonly name: string;
  readonly spec: TensorSpec;
}

/** A variable by name, or a literal. */
export type Atom = { readonly name: string } | { readonly literal: string; readonly spec: TensorSpec };

export interface Equation {
  readonly outputs: readonly Binder[];
  readonly primitive: string;
  readonly params: ReadonlyMap<string, Param>;
  readonly inputs: readonly Atom[];
  readonly at: number;
}

export type Param = string | readonly Jaxpr[];

export interface Jaxpr {
  readonly constants: readonly Binder[];
  readonly inputs: readonly Binder[];
  readonly equations: readonly Equation[];
  readonly outputs: readonly Atom[];
}

const MAX_DEPTH = 100;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const PRIMITIVE = /[A-Za-z_][A-Za-z0-9_.-]*/y;
const LITERAL = /(?:-?(?:inf|nan)|True|False|[-+]?[0-9][^\s:,)]*|\([^)\s]*j\))(?=:)/y;
const DTYPE = /(?:key<[a-z]+>|[a-z][a-z0-9_]*)/y;
const DIMS = /\[[0-9,]*\]/y;
const KEY = /[a-z_][a-z0-9_]*=/y;

/** A printed program, with those that it names: they may stand after the first that calls them. */
export interface Printed {
  readonly jaxpr: Jaxpr;
  readonly shared: ReadonlyMap<string, Jaxpr>;
  readonly scanner: Scanner;
}

export function parseJaxpr(text: string, name: string): Printed {
  const scanner = new Scanner(text, name);
  const parser = new Parser(scanner);
  return { jaxpr: parser.program(), shared: parser.shared, scanner };
}

class Parser {
  private readonly scan: Scanner;
  readonly shared = new Map<string, Jaxpr>();
  private depth = 0;

  constructor(scan: Scanner) {
    this.scan = scan;
  }

  program(): Jaxpr {
    const { scan } = this;
    while (scan.take("let ")) {
      const name = this.name("the name of a program");
      scan.need("=");
      if (this.shared.has(name)) throw redefinedName(scan.where(), name);
      this.shared.set(name, this.jaxpr());
      scan.need("in");
    }
    const jaxpr = this.jaxpr();
    scan.space();
    if (scan.at < scan.text.length) throw scan.wrong("the end of the text");
    return jaxpr;
  }

  private jaxpr(): Jaxpr {
    const { scan } = this;
    if (++this.depth > MAX_DEPTH) throw tooDeep(scan.where(), MAX_DEPTH);
    scan.need("{");
    scan.need("lambda");
    const constants = this.binders();
    scan.need(";");
    const inputs = this.binders();
    scan.need(".");
    scan.need("let");
    const equations: Equation[] = [];
    for (;;) {
      scan.space();
      if (scan.sees("in ") || scan.sees("in(")) {
        const start = scan.at;
        scan.at += 2;
        scan.space();
        if (scan.sees("(")) break;
        scan.at = start;
      }
      equations.push(this.equation());
      scan.take(";");
    }
    scan.need("(");
    const outputs: Atom[] = [];
    while (!scan.take(")")) {
      outputs.push(this.atom() ?? this.fail("a result"));
      scan.take(",");
    }
    scan.need("}");
    this.depth--;
    return { constants, inputs, equations, outputs };
  }

  private equation(): Equation {
    const { scan } = this;
    const at = scan.at;
    const outputs = this.binders();
    if (!scan.take("=") && outputs.length > 0) throw scan.wrong('"="'); // without results, the primitive stands first
    scan.space();
    const primitive = scan.match(PRIMITIVE) ?? this.fail("the name of a primitive");
    const params = scan.sees("[") ? this.params() : new Map<string, Param>();
    const inputs: Atom[] = [];
    for (;;) {
      const start = scan.at;
      const newline = scan.space();
      if (scan.sees(";") || scan.sees("}") || (newline && this.beginsEquation())) break;
      if (this.atEnd()) break;
      const atom = this.atom();
      if (!atom) {
        scan.at = start;
        break;
      }
      inputs.push(atom);
    }
    return { outputs, primitive, params, inputs, at };
  }

  /** `in (…` ends a program. */
  private atEnd(): boolean {
    return this.scan.sees("in (") || this.scan.sees("in(");
  }

  /** A name with a type at the start of a line binds; an equation without results begins with its primitive. */
  private beginsEquation(): boolean {
    const { scan } = this;
    const start = scan.at;
    const name = scan.match(NAME);
    const binds = name === null ? scan.sees("=") : scan.sees(":") || scan.sees("[");
    scan.at = start;
    return binds;
  }

  private binders(): Binder[] {
    const { scan } = this;
    const list: Binder[] = [];
    for (;;) {
      scan.space();
      const start = scan.at;
      const name = scan.match(NAME);
      if (name === null || !scan.sees(":")) {
        scan.at = start;
        return list;
      }
      scan.at++;
      list.push({ name, spec: this.type() });
    }
  }

  private atom(): Atom | null {
    const { scan } = this;
    scan.space();
    const literal = scan.match(LITERAL);
    if (literal !== null) {
      scan.at++;
      return { literal, spec: this.type() };
    }
    const name = scan.match(NAME);
    return name === null ? null : { name };
  }

  /** `f32[8,128]`, `key<fry>[]`; what may follow in braces or after an at sign says nothing of its size. */
  private type(): TensorSpec {
    const { scan } = this;
    const start = scan.at;
    scan.match(/~/y);
    const dtype = scan.match(DTYPE);
    const dims = dtype === null ? null : scan.match(DIMS);
    if (dtype === null || dims === null) {
      const text = scan.text.slice(start, start + 40).split(/[\s.]/, 1)[0] ?? "";
      throw unknownType(scan.where(), text);
    }
    scan.match(/\{[^{}\n]*\}/y);
    return typeOf(dtype, dims.slice(1, -1), () => scan.where());
  }

  private params(): Map<string, Param> {
    const { scan } = this;
    scan.need("[");
    const params = new Map<string, Param>();
    for (;;) {
      scan.space();
      if (scan.sees("]")) break;
      const key = scan.match(KEY) ?? this.fail("a parameter such as axes=(1,)");
      params.set(key.slice(0, -1), this.param());
    }
    scan.at++;
    return params;
  }

  private param(): Param {
    const { scan } = this;
    scan.space();
    if (this.beginsProgram()) return [this.jaxpr()];
    const start = scan.at;
    if (scan.take("(")) {
      const list: Jaxpr[] = [];
      for (;;) {
        scan.space();
        if (this.beginsProgram()) list.push(this.jaxpr());
        else if (list.length > 0 && scan.match(/[,\n ]/y) !== null) continue;
        else break;
      }
      if (list.length > 0) {
        scan.need(")");
        return list;
      }
      scan.at = start;
    }
    return this.raw();
  }

  private beginsProgram(): boolean {
    const { scan } = this;
    if (!scan.sees("{")) return false;
    const pattern = /\{\s*lambda\b/y;
    pattern.lastIndex = scan.at;
    return pattern.test(scan.text);
  }

  /** Text up to the next key or the closing bracket. */
  private raw(): string {
    const { scan } = this;
    const { text } = scan;
    const start = scan.at;
    let depth = 0;
    for (; scan.at < text.length; scan.at++) {
      const char = text[scan.at] as string;
      if ("([{".includes(char)) depth++;
      else if (")]}".includes(char)) {
        if (depth === 0) break;
        depth--;
      } else if (depth === 0 && (char === " " || char === "\n")) {
        scan.space();
        if (this.keyFollows()) break;
        scan.at--;
      } else if (char === "'" || char === '"') this.skipString(char);
    }
    if (scan.at >= text.length) throw scan.wrong("the end of the parameters");
    return text.slice(start, scan.at).trim();
  }

  private keyFollows(): boolean {
    KEY.lastIndex = this.scan.at;
    return KEY.test(this.scan.text);
  }

  private skipString(quote: string): void {
    const { scan } = this;
    const end = scan.text.indexOf(quote, scan.at + 1);
    const line = scan.text.indexOf("\n", scan.at + 1);
    if (end > 0 && (line < 0 || end < line)) scan.at = end;
  }

  private name(expected: string): string {
    this.scan.space();
    return this.scan.match(NAME) ?? this.fail(expected);
  }

  private fail(expected: string): never {
    throw this.scan.wrong(expected);
  }
}

/** The type an array of JAX is written as; `where` is asked for complaints alone. */
export function typeOf(dtype: string, dims: string, where: () => string): TensorSpec {
  const words = Object.hasOwn(KEY_WORDS, dtype) ? KEY_WORDS[dtype] : undefined;
  const known = words === undefined ? (Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype] : undefined) : "uint32";
  if (!known) throw unknownType(where(), `${dtype}[${dims}]`);
  const shape = dims === "" ? [] : dims.split(",").map(Number);
  if (words !== undefined) shape.push(words);
  if (shape.some((dim) => !Number.isSafeInteger(dim)) || !Number.isSafeInteger(elements(shape) * 16))
    throw tooLargeArray(where(), `${dtype}[${dims}]`);
  return dense(shape, known);
}

/** Reads a name that must be bound. */
export function boundIn<T>(names: ReadonlyMap<string, T>, name: string, where: () => string): T {
  const found = names.get(name);
  if (found === undefined) throw undefinedName(where(), name);
  return found;
}
