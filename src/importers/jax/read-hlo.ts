/**
 * Compiled programs → Graph: the text of an optimized HLO module (`jitted.lower(…).compile().as_text()`), whose kernels and order are XLA's.
 *
 * Spec     xla/hlo/parser/hlo_parser.cc; one instruction a line, computations before the entry
 * Ignored  layouts, metadata, constants of kernels; what is inside of fusions
 * A while  writes over what it carries; what its body makes counts as scratch while it runs
 */
import type { Diagnostic } from "../../base/complaint.js";
import { elements } from "../../base/shape.js";
import type { Source } from "../../base/source.js";
import { sizeOf } from "../../base/dtype.js";
import type { Graph, Node, Value, ValueId } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import type { ImportedModel } from "../model.js";
import { tooDeep, tooManyOperations, undefinedName, unexpected } from "./complaints.js";
import { typeOf } from "./parse-jaxpr.js";
import { ofFixedSize, textOf } from "./read.js";

interface Line {
  readonly name: string;
  readonly specs: readonly TensorSpec[];
  readonly op: string;
  readonly operands: readonly string[];
  readonly rest: string;
  readonly isRoot: boolean;
  readonly number: number;
}

const LOOPS =
  "what a loop carries is counted as what it starts with, without the copies XLA makes of it: a lower bound";
const MAX_LINES = 200_000;
const MAX_DEPTH = 50;
const INSTRUCTION = /^\s+(ROOT )?%?([\w.-]+) = (\S+?|\(.*?\)) ([a-z][\w-]*)\(([^)]*)\)(.*)$/;
const ARRAY = /([a-z][a-z0-9]*)\[([0-9,]*)\]/g;

export async function readHlo(source: Source): Promise<ImportedModel> {
  const text = await textOf(source);
  const computations = split(text, source.name);
  const entry = computations.get("");
  if (!entry) throw unexpected(source.name, "an ENTRY computation", text.slice(0, 40));
  const graph = new HloGraph(computations, entry, source.name).draw(donations(text));
  const loops: readonly Diagnostic[] = graph.nodes.some(({ op }) => op === "while")
    ? [{ code: "jax/while", severity: "warning", message: LOOPS, where: source.name }]
    : [];
  return ofFixedSize(source, graph, "compiled", "hlo", batchOf(graph), loops);
}

/** Lines of every computation; the entry's name is empty here. */
function split(text: string, name: string): Map<string, Line[]> {
  const out = new Map<string, Line[]>();
  let lines: Line[] | null = null;
  let count = 0;
  text.split("\n").forEach((line, i) => {
    const head = /^(ENTRY )?%?([\w.-]+) .*\{$/.exec(line);
    if (head && !line.startsWith("HloModule")) {
      lines = [];
      out.set(head[1] ? "" : (head[2] ?? ""), lines);
      return;
    }
    if (line.startsWith("}")) lines = null;
    const found = lines && INSTRUCTION.exec(line.length > 20_000 ? line.slice(0, 20_000) : line);
    if (!lines || !found) return;
    if (++count > MAX_LINES) throw tooManyOperations(`${name}:${i + 1}`, MAX_LINES);
    const [, root, own = "", type = "", op = "", inside = "", rest = ""] = found;
    const specs = [...type.matchAll(ARRAY)].map(([, dtype = "", dims = ""]) =>
      typeOf(dtype, dims, () => `${name}:${i + 1}`),
    );
    const operands =
      op === "parameter" || op === "constant"
        ? [inside]
        : [...inside.matchAll(/%([\w.-]+)/g)].map(([, id = ""]) => id);
    lines.push({ name: own, specs, op, operands, rest, isRoot: root !== undefined, number: i + 1 });
  });
  return out;
}

/** `input_output_alias={ {0}: (3, {}, may-alias), … }` */
function donations(text: string): (readonly [number, number])[] {
  const [head = ""] = text.split("\n", 1);
  return [...head.matchAll(/\{(\d*)\}: \((\d+), \{\}/g)].map(
    ([, output, input]) => [Number(output), Number(input)] as const,
  );
}

class HloGraph {
  private readonly values: Value[] = [];
  private readonly nodes: Node[] = [];
  /** Parts of every value; a tuple has several. */
  private readonly parts = new Map<string, readonly (ValueId | null)[]>();
  private readonly computations: ReadonlyMap<string, readonly Line[]>;
  private readonly entry: readonly Line[];
  private readonly name: string;

  constructor(computations: ReadonlyMap<string, readonly Line[]>, entry: readonly Line[], name: string) {
    this.computations = computations;
    this.entry = entry;
    this.name = name;
  }

  draw(donated: readonly (readonly [number, number])[]): Graph {
    const inputs: ValueId[] = [];
    const given = new Set(donated.map(([, input]) => input));
    let outputs: readonly (ValueId | null)[] = [];
    for (const line of this.entry) {
      const parts = line.op === "parameter" ? [this.input(line, given, inputs)] : this.instruction(line);
      this.parts.set(line.name, parts);
      if (line.isRoot) outputs = parts;
    }
    const { values, nodes, name } = this;
    const made = outputs.filter((id) => id !== null);
    const pairs = donated.flatMap(([output, input]) =>
      outputs[output] != null && inputs[input] !== undefined ? [[output, inputs[input]] as const] : [],
    );
    return {
      name,
      values,
      nodes,
      scopes: [{ id: 0, parent: null, path: "", kind: "program" }],
      outputs: made,
      residents: inputs.filter((id) => values[id]?.role !== "input"),
      traced: {
        kind: "compiled",
        donated: made.length === outputs.length ? pairs : [],
        rematerialized: [],
        turns: [],
      },
    };
  }

  private input(
    { specs: [spec = dense([], "uint8")], operands: [index = "0"], name }: Line,
    donated: ReadonlySet<number>,
    inputs: ValueId[],
  ): ValueId {
    const id = this.value(name, spec, donated.has(Number(index)) ? "parameter" : "input");
    inputs[Number(index) < MAX_LINES ? Number(index) : 0] = id;
    return id;
  }

  private instruction(line: Line): readonly (ValueId | null)[] {
    const { op, operands, name, specs, rest } = line;
    if (op === "constant") return [null];
    const given = operands.map((operand) => this.parts.get(operand) ?? this.missing(line, operand));
    if (op === "tuple") return given.flat();
    if (op === "get-tuple-element") return [given[0]?.[Number(/index=(\d+)/.exec(rest)?.[1] ?? 0)] ?? null];
    const inputs = [...new Set(given.flat())];
    if (op === "while") {
      this.node("while", inputs, [
        this.value(
          name,
          dense([this.scratch(/body=%?([\w.-]+)/.exec(rest)?.[1] ?? "", 0)], "uint8"),
          "activation",
        ),
      ]);
      return given.flat();
    }
    const outputs = specs.map((spec) => this.value(name, spec, "activation"));
    this.node(op === "bitcast" ? "bitcast" : `kernel ${op}`, inputs, outputs);
    return outputs;
  }

  private missing({ number }: Line, name: string): never {
    throw undefinedName(`${this.name}:${number}`, name);
  }

  /** Most bytes of a computation's own values alive at once. */
  private scratch(computation: string, depth: number): number {
    if (depth > MAX_DEPTH) throw tooDeep(this.name, MAX_DEPTH);
    const lines = this.computations.get(computation) ?? [];
    const last = new Map<string, number>();
    lines.forEach(({ operands }, at) => {
      for (const operand of operands) last.set(operand, at);
    });
    let [alive, most] = [0, 0];
    const dying = new Map<number, number>();
    lines.forEach(({ op, specs, name, rest, isRoot }, at) => {
      const inside = op === "while" ? this.scratch(/body=%?([\w.-]+)/.exec(rest)?.[1] ?? "", depth + 1) : 0;
      const own =
        OWNS_NOTHING.has(op) || isRoot
          ? 0
          : specs.reduce((sum, { shape, dtype }) => sum + sizeOf(elements(shape), dtype), 0);
      alive += own;
      most = Math.max(most, alive + inside);
      const until = Math.max(at, last.get(name) ?? at);
      dying.set(until, (dying.get(until) ?? 0) + own);
      alive -= dying.get(at) ?? 0;
    });
    return most;
  }

  private node(op: string, inputs: readonly (ValueId | null)[], outputs: readonly ValueId[]): void {
    this.nodes.push({ id: this.nodes.length, op, inputs: { inputs }, attributes: {}, outputs, scope: 0 });
  }

  private value(name: string, spec: TensorSpec, role: Value["role"]): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, role, spec, trainable: role === "parameter" });
    return id;
  }
}

const OWNS_NOTHING = new Set(["parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while"]);

/** The first dim of the last argument. */
export function batchOf({ values }: Graph): number {
  return values.findLast(({ role, spec }) => role === "input" && spec.shape.length > 0)?.spec.shape[0] ?? 1;
}
