/**
 * The text of a StableHLO module (`jitted.lower(…).as_text()`) → Graph: a whole step, before XLA compiles it.
 *
 * Spec     https://openxla.org/stablehlo/spec; the pretty form that JAX prints, one operation a line, functions of one module
 * Ignored  regions of reductions, sorts and scatters; shardings; dense constants are literals
 * A while  is drawn once: what it carries is whole, and a turn's values are there in each turn anew
 */
import type { Diagnostic } from "../../base/complaint.js";
import type { Source } from "../../base/source.js";
import type { Attributes, Graph, Node, Value, ValueId } from "../../ir/graph.js";
import type { TensorSpec } from "../../ir/tensor.js";
import type { ImportedModel } from "../model.js";
import { tooDeep, tooManyOperations, undefinedName, unexpected } from "./complaints.js";
import { typeOf } from "./parse-jaxpr.js";
import { batchOf } from "./read-hlo.js";
import { ofFixedSize, textOf } from "./read.js";

interface Func {
  /** Lines of its body, from the first up to the second. */
  readonly from: number;
  readonly to: number;
  readonly head: string;
}

const MAX_OPERATIONS = 200_000;
const MAX_DEPTH = 100;
const MAX_LINE = 100_000;
const TENSOR = /tensor<((?:\d+x)*)([a-zA-Z][a-zA-Z0-9]*)>/g;
const NAME = /%[\w.-]+(?:#\d+)?/g;
const STATEMENT = /^\s*(%[\w.-]+)(?::(\d+))? = "?(?:(?:stablehlo|chlo|func|mhlo|sdy)\.)?([\w.]+)"?(.*)$/;
/** Names that jaxprs have for the same. */
const SPELLED: Readonly<Record<string, string>> = {
  divide: "div",
  exponential: "exp",
  convolution: "conv_general_dilated",
  maximum: "max",
  multiply: "mul",
  power: "pow",
  select: "select_n",
};

type Bound = ValueId | null;

export async function readStablehlo(source: Source): Promise<ImportedModel> {
  const text = await textOf(source);
  const drawing = new StablehloGraph(text.split("\n"), source.name);
  const graph = drawing.draw();
  return ofFixedSize(source, graph, "step", "stablehlo", batchOf(graph), drawing.diagnostics);
}

class StablehloGraph {
  readonly diagnostics: Diagnostic[] = [];
  private readonly lines: readonly string[];
  private readonly name: string;
  private readonly values: Value[] = [];
  private readonly nodes: Node[] = [];
  private readonly functions = new Map<string, Func>();
  private operations = 0;
  private depth = 0;

  constructor(lines: readonly string[], name: string) {
    this.lines = lines;
    this.name = name;
    let open: { name: string; from: number; head: string } | null = null;
    lines.forEach((line, at) => {
      const head =
        line.length < MAX_LINE * 10 ? /^\s*func\.func (?:public |private )?@([\w.-]+)\(/.exec(line) : null;
      if (head) open = { name: head[1] ?? "", from: at + 1, head: line };
      else if (open && /^ {2}\}/.test(line)) {
        this.functions.set(open.name, { from: open.from, to: at, head: open.head });
        open = null;
      }
    });
  }

  draw(): Graph {
    const main = this.functions.get("main") ?? [...this.functions.values()][0];
    if (!main) throw unexpected(this.name, "func.func public @main", this.lines[0] ?? "");
    const names = new Map<string, Bound>();
    const donated: (readonly [number, ValueId])[] = [];
    for (const text of main.head.split(/(?=%arg\d+: )/).slice(1)) {
      const [name = ""] = text.match(NAME) ?? [];
      const spec = this.typesOf(text.split(") ->", 1)[0] ?? "", main.from)[0];
      if (!spec) continue;
      const output = /tf\.aliasing_output = (\d+)/.exec(text)?.[1];
      const id = this.value(name.slice(1), spec, output === undefined ? "input" : "parameter");
      names.set(name, id);
      if (output !== undefined) donated.push([Number(output), id]);
    }
    const outputs = this.block(main.from, main.to, names);
    const { values, nodes, name } = this;
    return {
      name,
      values,
      nodes,
      scopes: [{ id: 0, parent: null, path: "", kind: "program" }],
      outputs: outputs.filter((id) => id !== null),
      residents: values.filter(({ role }) => role === "parameter").map(({ id }) => id),
      traced: { kind: "step", donated: outputs.includes(null) ? [] : donated, rematerialized: [], turns: [] },
    };
  }

  /** Draws lines `from` to `to`; what they return. */
  private block(from: number, to: number, names: Map<string, Bound>): Bound[] {
    if (++this.depth > MAX_DEPTH) throw tooDeep(this.where(from), MAX_DEPTH);
    let returned: Bound[] = [];
    for (let at = from; at < to; at++) {
      const line = this.lines[at] as string;
      if (/^\s*(?:func\.|stablehlo\.)?return\b/.test(line))
        returned = this.operands(line.split(" : ", 1)[0] ?? "", names, at);
      const found = STATEMENT.exec(line.slice(0, MAX_LINE));
      if (!found) continue;
      if (++this.operations > MAX_OPERATIONS) throw tooManyOperations(this.where(at), MAX_OPERATIONS);
      const end = this.endOf(at, to);
      const [, result = "", , op = "", rest = ""] = found;
      const made = this.statement(op, rest, { at, end, names });
      if (made.length === 1) names.set(result, made[0] ?? null);
      else {
        for (const [i, id] of made.entries()) names.set(`${result}#${i}`, id);
        names.set(result, made[0] ?? null);
      }
      at = end;
    }
    this.depth--;
    return returned;
  }

  /** The last line of the statement at `at`: regions are indented deeper. */
  private endOf(at: number, to: number): number {
    const line = this.lines[at] as string;
    const indent = line.search(/\S/);
    const next = this.lines[at + 1] ?? "";
    const opens = /\{$/.test(line.trimEnd()) || /^\s*(?:cond|reducer)\b/.test(next);
    if (!opens) return at;
    let end = at + 1;
    for (; end < to; end++) {
      const here = this.lines[end] as string;
      const follows = this.lines[end + 1] ?? "";
      if (
        here.search(/\S/) <= indent + 1 &&
        /^\s*\}/.test(here) &&
        !/\b(?:do|cond) \{$/.test(here.trimEnd()) &&
        !/, \{$/.test(here.trimEnd()) &&
        !/^\s*\} do/.test(follows)
      )
        break;
    }
    return Math.min(end, to);
  }

  private statement(
    op: string,
    rest: string,
    place: { at: number; end: number; names: Map<string, Bound> },
  ): readonly Bound[] {
    const { at, end, names } = place;
    const closing = end > at ? (this.lines[end] as string) : "";
    const signature = / : \(.*->|^\s*\}\) : /.test(closing) ? closing : rest;
    const types = this.resultTypes(op, signature, at);
    if (op === "constant") return [null];
    if (op === "while") return this.loop(rest, place);
    const text = rest.split(" : ", 1)[0] ?? "";
    if (op === "call") {
      const name = /@([\w.-]+)/.exec(text)?.[1] ?? "";
      const called = this.functions.get(name);
      if (!called) throw undefinedName(this.where(at), `@${name}`);
      const inside = new Map<string, Bound>();
      const given = this.operands(text, names, at);
      for (const [i, argument] of (called.head.match(/%arg\d+(?=: )/g) ?? []).entries())
        inside.set(argument, given[i] ?? null);
      return this.block(called.from, called.to, inside);
    }
    const inputs = this.operands(text.replace(/@[\w.-]+/g, ""), names, at);
    if (op === "optimization_barrier") return inputs;
    const outputs = types.map((spec) => this.value(op, spec, "activation"));
    this.node(op, inputs, outputs, attributesOf(rest));
    return outputs;
  }

  /** One turn of the body, over what the loop starts with. */
  private loop(
    rest: string,
    { at, end, names }: { at: number; end: number; names: Map<string, Bound> },
  ): readonly Bound[] {
    const pairs = [...(rest.split(" : ", 1)[0] ?? "").matchAll(/(%[\w.-]+) = (%[\w.-]+(?:#\d+)?)/g)];
    const inside = new Map(names);
    for (const [, own = "", start = ""] of pairs) inside.set(own, this.bound(start, names, at));
    const body = this.lines.findIndex((line, i) => i > at && i < end && /^\s*\} do \{/.test(line));
    if (this.diagnostics.length === 0)
      this.diagnostics.push({
        code: "jax/while",
        severity: "warning",
        message: "a while loop is drawn once: what a turn makes is not there in all turns at once",
        where: this.where(at),
      });
    return body < 0
      ? pairs.map(([, , start = ""]) => this.bound(start, names, at))
      : this.block(body + 1, end, inside);
  }

  private resultTypes(op: string, text: string, at: number): readonly TensorSpec[] {
    const arrow = text.lastIndexOf("->");
    const colon = text.lastIndexOf(" : ");
    const types = this.typesOf(text.slice(arrow > 0 ? arrow : Math.max(colon, 0)), at);
    return arrow > 0 || op === "while" || op === "optimization_barrier" ? types : types.slice(-1);
  }

  private typesOf(text: string, at: number): TensorSpec[] {
    return [...text.matchAll(TENSOR)].map(([, dims = "", dtype = ""]) =>
      typeOf(dtype === "i1" ? "i1" : dtype.toLowerCase(), dims.split("x").filter(Boolean).join(","), () =>
        this.where(at),
      ),
    );
  }

  private operands(text: string, names: ReadonlyMap<string, Bound>, at: number): Bound[] {
    return (text.match(NAME) ?? []).map((name) => this.bound(name, names, at));
  }

  private bound(name: string, names: ReadonlyMap<string, Bound>, at: number): Bound {
    const found = names.get(name) ?? (name.endsWith("#0") ? names.get(name.slice(0, -2)) : undefined);
    if (found === undefined && !names.has(name)) throw undefinedName(this.where(at), name);
    return found ?? null;
  }

  private node(
    op: string,
    inputs: readonly Bound[],
    outputs: readonly ValueId[],
    attributes: Attributes,
  ): void {
    const moved = op === "select_and_scatter" ? [inputs[1] ?? null, inputs[0] ?? null] : inputs;
    const name = op === "select_and_scatter" ? "select_and_scatter_add" : (SPELLED[op] ?? op);
    this.nodes.push({
      id: this.nodes.length,
      op: name,
      inputs: { inputs: moved },
      attributes,
      outputs,
      scope: 0,
    });
  }

  private value(name: string, spec: TensorSpec, role: Value["role"]): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, role, spec, trainable: role === "parameter" });
    return id;
  }

  private where(at: number): string {
    return `${this.name}:${at + 1}`;
  }
}

const numbers = (text: string | undefined): number[] => (text?.match(/\d+/g) ?? []).map(Number);

/** Dims of products, transposes and convolutions. */
function attributesOf(text: string): Attributes {
  const out: Record<string, readonly number[]> = {};
  const contracting = /contracting_dims = \[([\d, ]*)\] x \[([\d, ]*)\]/.exec(text);
  if (contracting)
    Object.assign(out, { lhsContract: numbers(contracting[1]), rhsContract: numbers(contracting[2]) });
  const batching = /batching_dims = \[([\d, ]*)\] x \[([\d, ]*)\]/.exec(text);
  if (batching) Object.assign(out, { lhsBatch: numbers(batching[1]), rhsBatch: numbers(batching[2]) });
  const dims = /\bdims = \[([\d, ]*)\]/.exec(text);
  if (dims) Object.assign(out, { dims: numbers(dims[1]) });
  const spec = /dim_numbers = \[([^\]]*)\]x\[([^\]]*)\]/.exec(text);
  if (spec) Object.assign(out, { lhs: places(spec[1], ["b", "f"]), rhs: places(spec[2], ["o", "i"]) });
  return out;
}

/** Where the named dims lie, then the spatial ones in order. */
function places(text: string | undefined, first: readonly string[]): number[] {
  const dims = (text ?? "").split(",").map((dim) => dim.trim());
  const spatial = dims.filter((dim) => /^\d+$/.test(dim)).sort((a, b) => Number(a) - Number(b));
  return [...first, ...spatial].map((dim) => dims.indexOf(dim));
}
