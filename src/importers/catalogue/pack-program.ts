/** An exported program → the file of a catalogue model. Used by `tools/pack-catalogue.mjs`, never for an estimate. */
import { framesOf } from "../torch-export/locals.js";
import { abridged } from "../torch-export/source-line.js";
import {
  type Program,
  type ProgramNode,
  tensorName,
  type TensorMeta,
  type Union,
} from "../torch-export/program.js";
import { codePaths } from "./front-coding.js";
import {
  areUsualStrides,
  createNamer,
  INPUT_FIELDS,
  INPUT_KINDS,
  type InputKind,
  PACKED_FORMAT,
  type PackedArgument,
  type PackedOutput,
  type PackedProgram,
  type PackedSize,
  type PackedSpec,
  type PackedTemplate,
  splitName,
  usualName,
} from "./packed-program.js";

/** Throws an Error that names what the packed form has no place for. */
export function packProgram(program: Program): PackedProgram {
  return new Packer(program).pack();
}

/** Rows that are written once, with their indices. */
class Table<Row> {
  readonly rows: Row[] = [];
  private readonly index = new Map<string, number>();

  add(row: Row, key = JSON.stringify(row)): number {
    const known = this.index.get(key);
    if (known !== undefined) return known;
    this.index.set(key, this.rows.length);
    return this.rows.push(row) - 1;
  }
}

class Packer {
  private readonly program: Program;
  private readonly graph: Program["graph_module"]["graph"];
  private readonly expressions = new Table<readonly [string, number]>();
  private readonly specs = new Table<PackedSpec>();
  private readonly templates = new Table<PackedTemplate>();
  private readonly scopes = new Table<PackedProgram["scopes"][number]>();
  private readonly frames = new Table<PackedProgram["frames"][number]>();
  private readonly traces = new Table<PackedProgram["traces"][number]>();
  /** Tensors by name: inputs first, then results in order. */
  private readonly tensors = new Map<string, number>();
  private inputCount = 0;
  private lastInput = -1;

  constructor(program: Program) {
    this.program = program;
    this.graph = program.graph_module.graph;
  }

  pack(): PackedProgram {
    const inputs = this.packInputs();
    const nodes = this.packNodes();
    const { graph, program } = this;
    const paths = (program.graph_module.module_call_graph ?? []).map(({ fqn }) => fqn ?? "");
    return {
      format: PACKED_FORMAT,
      expressions: this.expressions.rows,
      specs: this.specs.rows,
      inputs,
      templates: this.templates.rows,
      nodes,
      sizes: Object.entries(graph.sym_int_values ?? {}).map(([name, size]) => [name, this.size(size)]),
      scopes: this.scopes.rows,
      frames: this.frames.rows,
      traces: this.traces.rows,
      modules: codePaths(paths.filter((path) => path !== "" && !path.includes("@"))),
      outputs: graph.outputs.map((output) => this.tensor(tensorName(output))),
      returned: program.graph_module.signature.output_specs.map((spec) => {
        const [kind = "", detail] = Object.entries(spec)[0] ?? [];
        if (kind !== "user_output" && kind !== "loss_output") throw new Error(`an output that is a ${kind}`);
        return [kind, this.tensor(tensorName((detail as { arg?: Union }).arg))];
      }),
      ranges: Object.entries(program.range_constraints ?? {}).map(([symbol, range]) => [
        symbol,
        range.min_val ?? null,
        range.max_val ?? null,
      ]),
    };
  }

  private packInputs(): PackedProgram["inputs"] {
    const rows = this.program.graph_module.signature.input_specs.map((spec) => {
      const [kind = "", detail] = Object.entries(spec)[0] ?? [];
      const index = INPUT_KINDS.indexOf(kind as InputKind); // as: -1 for others
      if (index < 0) throw new Error(`an input that is a ${kind}`);
      const entry = detail as { arg?: Union & { name?: string } } & Record<string, unknown>; // as the format has it
      const name = entry.arg?.name ?? tensorName(entry.arg);
      const { field } = INPUT_FIELDS[kind as InputKind];
      const path = field === null ? name : entry[field];
      const meta = this.graph.tensor_values[name ?? ""];
      if (name === undefined || typeof path !== "string" || !meta)
        throw new Error(`an input of kind ${kind} without a name`);
      this.tensors.set(name, this.inputCount++);
      return { index, name, path, usual: usualName(kind as InputKind, path), meta };
    });
    return {
      kinds: rows.map(({ index }) => index),
      paths: codePaths(rows.map(({ path }) => path)),
      specs: rows.map(({ meta }) => this.spec(meta)),
      grads: rows.map(({ meta }) => (meta.requires_grad === false ? 0 : 1)),
      names: rows.flatMap(({ name, usual }, i) => (name === usual ? [] : [i, name])),
    };
  }

  private packNodes(): PackedProgram["nodes"] {
    const columns = {
      templates: [] as number[],
      operands: [] as number[],
      specs: [] as number[],
      names: [] as (number | string)[],
      scopes: [] as number[],
      traces: [] as number[],
    };
    const namer = createNamer();
    let results = 0;
    for (const node of this.graph.nodes) {
      const inputs = node.inputs.map(({ name, arg }) => this.argument(name, arg, columns.operands));
      const made = node.outputs.flatMap(tensorsOf);
      const outputs = node.outputs.map((output): PackedOutput => {
        if (output.as_tensor) return 0;
        return output.as_tensors ? tensorsOf(output).length : output;
      });
      const stem = this.stemOf(node, made);
      columns.templates.push(this.templates.add([node.target, stem, inputs, outputs]));
      for (const name of made) {
        const meta = this.graph.tensor_values[name];
        if (!meta) throw new Error(`a result without a shape: ${name}`);
        if (name !== namer.next(stem)) columns.names.push(results, name);
        namer.saw(name);
        results += 1;
        columns.specs.push(this.spec(meta));
        this.tensors.set(name, this.tensors.size);
      }
      columns.scopes.push(this.scope(node.metadata?.nn_module_stack));
      columns.traces.push(this.trace(node.metadata?.stack_trace));
    }
    return columns;
  }

  /** Nodes of one target and form share their stem, mostly. */
  private stemOf(node: ProgramNode, made: readonly string[]): string {
    return made[0] === undefined ? "" : splitName(made[0]).stem || node.target;
  }

  private argument(name: string, arg: Union, operands: number[]): PackedArgument {
    const [kind = "", value] = Object.entries(arg)[0] ?? [];
    const read = (tensor: unknown) => {
      operands.push(this.operand((tensor as { name?: string }).name));
    };
    switch (kind) {
      case "as_tensor":
        read(value);
        return [name, kind];
      case "as_tensors":
        for (const each of value as unknown[]) read(each);
        return [name, kind, (value as unknown[]).length];
      case "as_optional_tensor":
      case "as_optional_tensors": {
        const mask = (Array.isArray(value) ? value : [value]).map((item: Union) => {
          if (item.as_tensor) read(item.as_tensor);
          return item.as_tensor ? 1 : 0;
        });
        return [name, kind, mask];
      }
      case "as_graph":
        throw new Error("a region inside the graph");
      default:
        return [name, kind, value];
    }
  }

  private operand(name: string | undefined): number {
    const tensor = this.tensor(name);
    if (tensor >= this.inputCount) return this.tensors.size - tensor;
    const step = tensor - (this.lastInput + 1);
    this.lastInput = tensor;
    return step === 0 ? 0 : -(step > 0 ? 2 * step - 1 : -2 * step);
  }

  private tensor(name: string | undefined): number {
    const tensor = this.tensors.get(name ?? "");
    if (tensor === undefined) throw new Error(`a tensor that nothing makes: ${name}`);
    return tensor;
  }

  private spec({ dtype, device, sizes, strides = [] }: TensorMeta): number {
    const packed = sizes.map((size) => this.size(size));
    const steps = strides.map((stride) => this.size(stride));
    const row = [dtype, device?.type ?? null, packed] as const;
    return this.specs.add(areUsualStrides(packed, steps) ? row : [...row, steps]);
  }

  private size(size: Union): PackedSize {
    if (typeof size.as_int === "number") return size.as_int;
    const { expr_str: text, hint } = (size.as_expr ?? {}) as { expr_str?: string; hint?: Union }; // as the format has it
    if (typeof text !== "string" || typeof hint?.as_int !== "number")
      throw new Error(`a size ${JSON.stringify(size)}`);
    return -1 - this.expressions.add([text, hint.as_int]);
  }

  /** Index + 1 of the innermost call of `key,path,class;…`. */
  private scope(stack: string | undefined): number {
    if (!stack) return 0;
    let outer = 0;
    let around = "";
    for (const entry of stack.split(";")) {
      const [key = "", path = "", type = ""] = entry.split(",");
      const inside =
        around === "" ? path : path.startsWith(`${around}.`) ? path.slice(around.length + 1) : `=${path}`;
      const row = [outer, inside, type.replace(/^.*\./, "")] as const;
      outer = this.scopes.add(key === `L__self__${path}` ? row : [...row, key]) + 1;
      around = path;
    }
    return outer;
  }

  /** Index + 1 of the innermost frame. */
  private trace(text: string | undefined): number {
    let outer = 0;
    for (const { file, line, name, code } of framesOf(text)) {
      const frame = this.frames.add([shortened(file), Number(line), name, abridged(code)]);
      outer = this.traces.add([outer, frame]) + 1;
    }
    return outer;
  }
}

function tensorsOf(output: Union): string[] {
  if (output.as_tensors) return (output.as_tensors as { name: string }[]).map(({ name }) => name);
  const name = tensorName(output);
  return name === undefined ? [] : [name];
}

/** The part of a path that is the same on every machine. */
function shortened(file: string): string {
  return file.replace(/^.*[/\\]site-packages[/\\]/, "").replace(/^(?:[/\\]|\w:).*[/\\]/, "");
}
