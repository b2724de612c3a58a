/** The file of a catalogue model → the exported program it was packed from. Distrusts the file: every index is checked. */
import type { Program, ProgramNode, TensorMeta, Union } from "../torch-export/program.js";
import { damaged } from "./complaints.js";
import { decodePaths } from "./front-coding.js";
import {
  contiguousStrides,
  createNamer,
  INPUT_FIELDS,
  INPUT_KINDS,
  PACKED_FORMAT,
  type PackedProgram,
  usualName,
} from "./packed-program.js";

/** Characters of a path or a name; the longest in the catalogue has some hundred. */
const MAX_NAME = 512;
/** Calls inside calls; the deepest model of the catalogue has 16. */
const MAX_DEPTH = 64;
/** Entries of a list; the largest model of the catalogue has some 20,000 operands. */
const MAX_ENTRIES = 200_000;
/** Characters of all stacks, which repeat the ones around them; the most in the catalogue is some 5 million. */
const MAX_CHARACTERS = 64_000_000;

/** Throws InputError when `value` is not what `packProgram` makes. */
export function unpackProgram(value: unknown, where: string): Program {
  return new Unpacker(value as PackedProgram, where).unpack(); // as: each part is checked when it is read
}

class Unpacker {
  private readonly packed: PackedProgram;
  private readonly where: string;
  private readonly metas: (TensorMeta & { requires_grad: boolean })[] = [];
  private readonly tensorValues: [string, TensorMeta][] = [];
  private inputCount = 0;
  private lastInput = -1;
  private characters = 0;
  /** How far the columns of nodes have been read. */
  private readonly at = { operands: 0, results: 0 };

  constructor(packed: PackedProgram, where: string) {
    this.packed = packed;
    this.where = where;
  }

  unpack(): Program {
    const { packed } = this;
    if (this.object(packed, "format").format !== PACKED_FORMAT) throw this.damage("format");
    this.list(packed.specs, "specs").forEach((_, i) => {
      this.metas.push(this.meta(i));
    });
    const inputSpecs = this.inputs();
    const nodes = this.nodes();
    const sizes = this.list(packed.sizes, "sizes").map((row) => {
      const [name, size] = this.list(row, "sizes");
      return [this.text(name, "sizes"), this.size(size)];
    });
    const ranges = this.list(packed.ranges, "ranges").map((row) => {
      const [symbol, least, most] = this.list(row, "ranges");
      return [this.text(symbol, "ranges"), { min_val: least, max_val: most }];
    });
    return {
      graph_module: {
        graph: {
          inputs: [],
          outputs: this.list(packed.outputs, "outputs").map((tensor) => this.tensor(tensor)),
          nodes,
          tensor_values: Object.fromEntries(this.tensorValues),
          sym_int_values: Object.fromEntries(sizes),
        },
        signature: {
          input_specs: inputSpecs,
          output_specs: this.list(packed.returned, "returned").map((row) => {
            const [kind, tensor] = this.list(row, "returned");
            return { [this.text(kind, "returned")]: { arg: this.tensor(tensor) } };
          }),
        },
        module_call_graph: this.paths(packed.modules, "modules").map((fqn) => ({ fqn })),
      },
      range_constraints: Object.fromEntries(ranges),
    };
  }

  private inputs(): Union[] {
    const inputs = this.object(this.packed.inputs, "inputs");
    const kinds = this.list(inputs.kinds, "inputs.kinds");
    const paths = this.paths(inputs.paths, "inputs.paths");
    const specs = this.list(inputs.specs, "inputs.specs");
    const grads = this.list(inputs.grads, "inputs.grads");
    const names = this.exceptions(inputs.names, "inputs.names");
    this.inputCount = kinds.length;
    return kinds.map((index, i): Union => {
      const kind = INPUT_KINDS[index as number];
      const path = paths[i];
      const meta = this.metas[specs[i] as number];
      if (kind === undefined || path === undefined || !meta) throw this.damage("inputs");
      const name = names.get(i) ?? usualName(kind, path);
      const { field } = INPUT_FIELDS[kind];
      this.tensorValues.push([name, grads[i] === 1 ? { ...meta, requires_grad: true } : meta]);
      const arg = kind === "user_input" ? { as_tensor: { name } } : { name };
      return { [kind]: field === null ? { arg } : { arg, [field]: path } };
    });
  }

  private nodes(): ProgramNode[] {
    const columns = this.object(this.packed.nodes, "nodes");
    const templates = this.list(this.packed.templates, "templates").map((row) => this.template(row));
    const scopes = this.scopes();
    const traces = this.traces();
    const names = this.exceptions(columns.names, "nodes.names");
    const namer = createNamer();
    const specs = this.list(columns.specs, "nodes.specs");
    const scopeOf = this.list(columns.scopes, "nodes.scopes");
    const traceOf = this.list(columns.traces, "nodes.traces");
    const operands = this.list(columns.operands, "nodes.operands");
    return this.list(columns.templates, "nodes.templates").map((index, i) => {
      const template = templates[index as number];
      if (!template) throw this.damage("nodes.templates");
      const inputs = template.inputs.map((input) => input(operands));
      const result = () => {
        const { results } = this.at;
        const meta = this.metas[specs[results] as number];
        const name = names.get(results) ?? namer.next(template.stem);
        if (!meta) throw this.damage("nodes.specs");
        namer.saw(name);
        this.tensorValues.push([name, meta]);
        this.at.results = results + 1;
        return { name };
      };
      const outputs = template.outputs.map((output): Union => {
        if (typeof output !== "number") return output;
        if (output === 0) return { as_tensor: result() };
        return { as_tensors: Array.from({ length: output }, result) };
      });
      const [stack, trace] = [scopes[scopeOf[i] as number], traces[traceOf[i] as number]];
      if (stack === undefined || trace === undefined) throw this.damage("nodes.scopes");
      return {
        target: template.target,
        inputs,
        outputs,
        metadata: { ...(stack && { nn_module_stack: stack }), ...(trace && { stack_trace: trace }) },
      };
    });
  }

  private template(row: unknown) {
    const [target, stem, inputs, outputs] = this.list(row, "templates");
    return {
      target: this.text(target, "templates"),
      stem: this.text(stem, "templates"),
      inputs: this.list(inputs, "templates").map((input) => this.input(input)),
      outputs: this.list(outputs, "templates").map((output): number | Union =>
        typeof output === "number" ? this.count(output) : this.object(output as Union, "templates"),
      ),
    };
  }

  /** How an argument is filled from the column of operands; arguments without tensors are shared by their nodes. */
  private input(row: unknown): (operands: readonly unknown[]) => ProgramNode["inputs"][number] {
    const [first, second, value] = this.list(row, "templates");
    const [name, kind] = [this.text(first, "templates"), this.text(second, "templates")];
    const optional = (operands: readonly unknown[]) => (given: unknown) =>
      given === 1 ? { as_tensor: this.operand(operands) } : { as_none: true };
    switch (kind) {
      case "as_tensor":
        return (operands) => ({ name, arg: { as_tensor: this.operand(operands) } });
      case "as_tensors": {
        const length = this.count(value);
        return (operands) => ({
          name,
          arg: { as_tensors: Array.from({ length }, () => this.operand(operands)) },
        });
      }
      case "as_optional_tensor":
      case "as_optional_tensors": {
        const mask = this.list(value, "templates");
        return (operands) => {
          const items = mask.map(optional(operands));
          return { name, arg: { [kind]: kind === "as_optional_tensor" ? items[0] : items } };
        };
      }
      default: {
        const shared = { name, arg: { [kind]: value } };
        return () => shared;
      }
    }
  }

  private operand(operands: readonly unknown[]): { name: string } {
    const code = operands[this.at.operands++];
    if (typeof code !== "number") throw this.damage("nodes.operands");
    let tensor = this.tensorValues.length - code;
    if (code <= 0) {
      tensor = this.lastInput + 1 + (code % 2 === 0 ? code / 2 : (1 - code) / 2);
      if (tensor >= this.inputCount) throw this.damage("nodes.operands");
      this.lastInput = tensor;
    }
    const name = this.tensorValues[tensor]?.[0];
    if (name === undefined) throw this.damage("nodes.operands");
    return { name };
  }

  private tensor(index: unknown): Union {
    const name = this.tensorValues[index as number]?.[0];
    if (name === undefined) throw this.damage("outputs");
    return { as_tensor: { name } };
  }

  private meta(index: number): TensorMeta & { requires_grad: boolean } {
    const [dtype, device, sizes, strides] = this.list(this.packed.specs[index], "specs");
    const packed = this.list(sizes, "specs");
    const steps = strides === undefined ? contiguousStrides(packed as number[]) : this.list(strides, "specs");
    if (typeof dtype !== "number") throw this.damage("specs");
    return {
      dtype,
      sizes: packed.map((size) => this.size(size)),
      strides: steps.map((step) => this.size(step)),
      requires_grad: false,
      ...(device !== null && { device: { type: this.text(device, "specs") } }),
    };
  }

  private size(code: unknown): Union {
    if (typeof code !== "number") throw this.damage("sizes");
    if (code >= 0) return { as_int: code };
    const [text, hint] = this.list(
      this.list(this.packed.expressions, "expressions")[-1 - code],
      "expressions",
    );
    return { as_expr: { expr_str: text, hint: { as_int: hint } } };
  }

  /** Stacks of module calls as torch.export writes them, with the empty one first. */
  private scopes(): string[] {
    const stacks = [{ text: "", path: "", depth: 0 }];
    for (const row of this.list(this.packed.scopes, "scopes")) {
      const [outer, name, kind, key] = this.list(row, "scopes");
      const around = stacks[outer as number];
      if (!around || around.depth >= MAX_DEPTH) throw this.damage("scopes");
      const inside = this.text(name, "scopes");
      const path = inside.startsWith("=")
        ? inside.slice(1)
        : around.path === ""
          ? inside
          : `${around.path}.${inside}`;
      const entry = `${key === undefined ? `L__self__${path}` : this.text(key, "scopes")},${path},${this.text(kind, "scopes")}`;
      const text = this.counted(around.depth === 0 ? entry : `${around.text};${entry}`, "scopes");
      stacks.push({ text, path, depth: around.depth + 1 });
    }
    return stacks.map(({ text }) => text);
  }

  /** Stack traces as Python prints them, with the empty one first. */
  private traces(): string[] {
    const frames = this.list(this.packed.frames, "frames").map((row) => {
      const [file, line, name, code] = this.list(row, "frames");
      const at = `File "${this.text(file, "frames")}", line ${this.count(line)}, in ${this.text(name, "frames")}`;
      return `${at}\n    ${this.text(code, "frames")}`;
    });
    const traces = [{ text: "", depth: 0 }];
    for (const row of this.list(this.packed.traces, "traces")) {
      const [outer, frame] = this.list(row, "traces");
      const around = traces[outer as number];
      const inner = frames[frame as number];
      if (!around || inner === undefined || around.depth >= MAX_DEPTH) throw this.damage("traces");
      traces.push({
        text: this.counted(around.depth === 0 ? inner : `${around.text}\n  ${inner}`, "traces"),
        depth: around.depth + 1,
      });
    }
    return traces.map(({ text }) => text);
  }

  private paths(value: unknown, field: string): string[] {
    const paths = decodePaths(this.list(value, field), MAX_NAME);
    if (!paths) throw this.damage(field);
    return paths;
  }

  private exceptions(value: unknown, field: string): Map<number, string> {
    const list = this.list(value, field);
    const names = new Map<number, string>();
    for (let i = 0; i < list.length; i += 2) names.set(this.count(list[i]), this.text(list[i + 1], field));
    return names;
  }

  // ---------------------------------------------------------------- parts

  private object<T extends object>(value: T, field: string): T {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.damage(field);
    return value;
  }

  private list(value: unknown, field: string): readonly unknown[] {
    if (!Array.isArray(value) || value.length > MAX_ENTRIES) throw this.damage(field);
    return value;
  }

  /** `text`, counted: a stack repeats the ones around it. */
  private counted(text: string, field: string): string {
    this.characters += text.length;
    if (this.characters > MAX_CHARACTERS) throw this.damage(field);
    return text;
  }

  private text(value: unknown, field: string): string {
    if (typeof value !== "string" || value.length > MAX_NAME) throw this.damage(field);
    return value;
  }

  private count(value: unknown): number {
    if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > MAX_ENTRIES)
      throw this.damage("counts");
    return value as number;
  }

  private damage(field: string) {
    return damaged(this.where, field);
  }
}
