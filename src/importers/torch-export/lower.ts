/** An exported program at given sizes → Graph: symbols are bound, ATen names become ours, every spec is inferred anew. */
import type { Diagnostic } from "../../base/complaint.js";
import { sameShape } from "../../base/shape.js";
import type { Argument, Attribute, Graph, ScopeId, ValueId, ValueRole } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { GraphBuilder } from "../../ops/build.js";
import { ShapeError } from "../../ops/rule.js";
import type { Bindings } from "../model.js";
import { badSize, batchOutOfRange, shapeMismatch, unknownTensor } from "./complaints.js";
import { evaluate, parseExpression } from "./expression.js";
import { ATEN_OPS, type AtenRow, NO_TENSOR } from "./ops.js";
import { heldByLocals } from "./locals.js";
import {
  MEMORY_FORMATS,
  type Program,
  type ProgramGraph,
  type ProgramNode,
  SCALAR_TYPES,
  type TensorMeta,
  tensorName,
  type Union,
} from "./program.js";
import { rescaledSize } from "./rebatch.js";

interface Sizes {
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

export interface LowerOptions {
  readonly name: string;
  readonly source: string;
  readonly bindings: Bindings;
}

export function lowerProgram(
  program: Program,
  weights: ReadonlyMap<string, string>,
  options: LowerOptions,
): { graph: Graph; diagnostics: Diagnostic[] } {
  return new Lowerer(program, weights, options).run();
}

class Lowerer {
  private readonly program: Program;
  private readonly weights: ReadonlyMap<string, string>;
  private readonly options: LowerOptions;
  private readonly builder: GraphBuilder;
  private readonly diagnostics = new Map<string, Diagnostic & { count: number }>();
  private readonly sizes: Sizes;
  private readonly scopes = new Map<string, ScopeId>();
  /** The factor between the asked batch and the file's, when the file fixed its batch; else 1. */
  private readonly factor: number;
  /** With another image size than the file's: its feature maps' sizes, "HxW" in the file → now. */
  private readonly resized = new Map<string, readonly [number, number]>();
  /** By program node: the last graph node that it and those before it became. */
  private readonly doneBy: number[] = [];
  private readonly hostValues = new Set<ValueId>();
  /** Where the program keeps its parameters: "meta", "cuda" or, if it was exported on one, "cpu". */
  private readonly device: string | undefined;
  private readonly residents: { path: string; id: ValueId; kind: "parameter" | "buffer" }[] = [];

  constructor(program: Program, weights: ReadonlyMap<string, string>, options: LowerOptions) {
    this.program = program;
    this.weights = weights;
    this.options = options;
    this.builder = new GraphBuilder(options.name);
    this.sizes = startingSizes(program, options.source);
    this.factor = this.bindBatch();
    const [first] = declaredInputs(program);
    this.device = first && program.graph_module.graph.tensor_values[first.name]?.device?.type;
  }

  run(): { graph: Graph; diagnostics: Diagnostic[] } {
    const { graph } = this.program.graph_module;
    const names = this.declareInputs(graph);
    this.lowerNodes(graph, names, false);
    this.holdLocals(graph, names);
    const outputs: ValueId[] = [];
    for (const spec of this.program.graph_module.signature.output_specs) {
      const output = (spec.user_output ?? spec.loss_output) as { arg?: Union } | undefined;
      const id = names.get(tensorName(output?.arg) ?? "");
      if (id !== undefined) outputs.push(id);
    }
    const diagnostics = [...this.diagnostics.values()].map(({ count, ...diagnostic }) =>
      count > 1 ? { ...diagnostic, message: `${diagnostic.message} (${count} times)` } : diagnostic,
    );
    return { graph: this.builder.finish(outputs, this.allocationOrder()), diagnostics };
  }

  /** Sets the batch symbol, or returns the factor by which a fixed batch grows. */
  private bindBatch(): number {
    const { batch } = this.options.bindings;
    if (batch === undefined || batch === this.sizes.batch) return 1;
    const { batchSymbol, symbols } = this.sizes;
    if (batchSymbol === null) return batch / this.sizes.batch;
    const range = this.program.range_constraints?.[batchSymbol];
    const high = range?.max_val ?? null;
    // torch specializes sizes 0 and 1, so an export never allows 1 although the operators take it
    if (high !== null && batch > Math.max(high, 65_536))
      throw batchOutOfRange(this.options.source, batch, 1, high);
    symbols.set(batchSymbol, batch);
    return 1;
  }

  // ------------------------------------------------------------------ inputs

  private declareInputs(graph: ProgramGraph): Map<string, ValueId> {
    const names = new Map<string, ValueId>();
    const where = this.options.source;
    const used = usedNames(graph);
    const duplicates: { path: string; spec: TensorSpec }[] = [];
    for (const { kind, name, path } of declaredInputs(this.program)) {
      const meta = graph.tensor_values[name];
      if (!meta) throw unknownTensor(where, name);
      const role = ROLES[kind];
      if (role === undefined) continue;
      const stated = this.specOf(meta, path);
      if (role === "parameter" && !used.has(name)) {
        duplicates.push({ path, spec: stated });
        continue;
      }
      const id = this.builder.value(path, role, role === "input" ? this.inputSpec(name, stated) : stated, {
        trainable: meta.requires_grad !== false,
      });
      names.set(name, id);
      if (role !== "input")
        this.residents.push({ path, id, kind: role === "parameter" ? "parameter" : "buffer" });
    }
    // torch.export reads a shared parameter under one of its names: the others are never read
    const parameters = this.residents.filter(({ kind }) => kind === "parameter");
    for (const { path, spec } of duplicates) {
      const twin = findTwin(
        path,
        spec,
        parameters.map((one) => ({ ...one, spec: this.builder.spec(one.id) })),
        this.weights,
      );
      const id = twin ?? this.builder.value(path, "parameter", spec);
      this.residents.push({ path, id, kind: "parameter" });
    }
    return names;
  }

  /** An input's dims with the asked batch, or the shape asked for by name. */
  private inputSpec(name: string, stated: TensorSpec): TensorSpec {
    const { shapes, image } = this.options.bindings;
    const asked = shapes?.[name];
    if (asked) return dense(asked, stated.dtype);
    if (image && stated.shape.length === 4) {
      const [height, width] = stated.shape.slice(2) as [number, number];
      this.resized.set(`${height}x${width}`, image);
      return dense([...stated.shape.slice(0, 2), ...image], stated.dtype);
    }
    if (this.factor === 1 || stated.shape[0] !== this.sizes.batch) return stated;
    return dense([this.options.bindings.batch as number, ...stated.shape.slice(1)], stated.dtype);
  }

  private specOf(meta: TensorMeta, where: string): TensorSpec {
    const dtype = SCALAR_TYPES[meta.dtype];
    if (dtype === undefined)
      throw shapeMismatch(`${this.options.source} › ${where}`, "a known ScalarType", String(meta.dtype));
    const shape = meta.sizes.map((size) => this.size(size, where));
    if (!meta.strides || meta.strides.length !== shape.length) return dense(shape, dtype);
    return { shape, strides: meta.strides.map((stride) => this.size(stride, where)), dtype };
  }

  private size(size: Union, where: string): number {
    let value: unknown = size.as_int;
    const { expr_str: text, hint } = (size.as_expr ?? {}) as { expr_str?: string; hint?: Union };
    if (typeof text === "string") {
      const expression = parseExpression(text);
      value = (expression && evaluate(expression, this.sizes.symbols)) ?? hint?.as_int;
    }
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      throw badSize(`${this.options.source} › ${where}`, JSON.stringify(size).slice(0, 120));
    return value;
  }

  // ------------------------------------------------------------------ nodes

  private lowerNodes(graph: ProgramGraph, names: Map<string, ValueId>, frozen: boolean): void {
    graph.nodes.forEach((node, i) => {
      if (i > 0 && graph === this.program.graph_module.graph) this.doneBy[i - 1] = this.builder.length - 1;
      const match = /^torch\.ops\.(\w+)\.(\w+)\.?(\w*)$/.exec(node.target);
      const [namespace, base = "", overload = ""] = match ? match.slice(1) : [];
      if (namespace === "higher_order") {
        this.inline(graph, node, names, frozen);
        return;
      }
      if (namespace !== "aten") {
        if (node.outputs.some((output) => tensorName(output) !== undefined))
          this.lowerNode(graph, node, names, { index: i, base: node.target, overload: "", frozen });
        return; // python arithmetic on sizes; its results are in sym_int_values
      }
      if (!NO_TENSOR.has(base)) this.lowerNode(graph, node, names, { index: i, base, overload, frozen });
    });
    if (graph === this.program.graph_module.graph)
      this.doneBy[graph.nodes.length - 1] = this.builder.length - 1;
  }

  /** Regions such as torch.no_grad become part of the graph, marked. */
  private inline(graph: ProgramGraph, node: ProgramNode, names: Map<string, ValueId>, frozen: boolean): void {
    const region = node.inputs
      .map(({ arg }) => (arg.as_graph as { graph?: ProgramGraph } | undefined)?.graph)
      .find((inner) => inner !== undefined);
    if (!region) return;
    const off =
      node.target.endsWith("wrap_with_set_grad_enabled") &&
      node.inputs.some(({ arg }) => arg.as_bool === false);
    const inner = new Map(names);
    const passed = node.inputs.map(({ arg }) => tensorName(arg)).filter((name) => name !== undefined);
    region.inputs.map(tensorName).forEach((name, i) => {
      const id = names.get(passed[i] ?? "");
      if (name !== undefined && id !== undefined) inner.set(name, id);
    });
    this.lowerNodes(
      {
        ...region,
        tensor_values: { ...graph.tensor_values, ...region.tensor_values },
        sym_int_values: { ...graph.sym_int_values, ...region.sym_int_values },
      },
      inner,
      frozen || off,
    );
    const made = region.outputs.map(tensorName);
    resultNames(node).forEach((name, i) => {
      const id = inner.get(made[i] ?? "");
      if (id !== undefined) names.set(name, id);
    });
  }

  private lowerNode(
    graph: ProgramGraph,
    node: ProgramNode,
    names: Map<string, ValueId>,
    at: { index: number; base: string; overload: string; frozen: boolean },
  ): void {
    const inPlace = at.base.endsWith("_") && !at.base.startsWith("__");
    const base = inPlace ? at.base.slice(0, -1) : at.base;
    const row: AtenRow | undefined = ATEN_OPS[`${base}.${at.overload}`] ?? ATEN_OPS[base];
    const where = `${this.options.source} › node #${at.index} ${node.target}`;
    const inputs: Record<string, Argument> = {};
    const attributes: Record<string, Attribute> = {
      ...row?.attributes,
      ...(inPlace && { inPlace: true }),
      ...(at.frozen && { noGrad: true }),
    };
    for (const { name, arg } of node.inputs)
      this.argument(graph, names, where, row?.rename?.[name] ?? name, arg, inputs, attributes);
    if (row?.like) this.takeLike(row.like, inputs, attributes);
    const results = resultNames(node);
    if (this.factor !== 1) this.rescale(graph, node, row, inputs, attributes, results[0]);
    if (this.resized.size > 0) this.resize(attributes);
    const stated = results.map((name) => this.statedSpec(graph, name, where));
    if (
      base === "scalar_tensor" ||
      (results.length > 0 && results.every((name) => this.onHost(graph, name)))
    ) {
      // a Python number on its way into an operator, or a tensor made in the computer's memory
      results.forEach((name, i) => {
        const id = this.builder.value(name, "host", stated[i] as TensorSpec);
        this.hostValues.add(id);
        names.set(name, id);
      });
      return;
    }
    this.moveToDevice(graph, node, inputs);
    if (!row) this.unknown(node.target, where);
    if (Array.isArray(inputs.params)) this.builder.flatten(inputs.params.filter((id) => id !== null));
    let ids: readonly ValueId[];
    try {
      ids = this.builder.node(row?.op ?? node.target, inputs, attributes, {
        names: results,
        scope: this.scopeOf(node),
        stated,
      });
    } catch (error) {
      if (error instanceof ShapeError) throw shapeMismatch(where, error.expected, error.got);
      throw error;
    }
    ids.forEach((id, i) => {
      const spec = this.builder.spec(id);
      if (spec.shape.some((size) => !Number.isSafeInteger(size) || size < 0))
        throw shapeMismatch(where, "whole sizes", `[${spec.shape}]`);
      names.set(results[i] as string, id);
      const before = stated[i]?.shape;
      if (this.resized.size > 0 && spec.shape.length === 4 && before?.length === 4)
        this.resized.set(before.slice(2).join("x"), spec.shape.slice(2) as [number, number]);
    });
  }

  /** Whether the program keeps `name` in the computer's memory while its parameters are elsewhere. */
  private onHost(graph: ProgramGraph, name: string): boolean {
    const device = graph.tensor_values[name]?.device?.type;
    return device === "cpu" && this.device !== undefined && this.device !== "cpu";
  }

  /** Indices made on the host are copied when a device tensor is indexed with them; `x.to(device)` copies too. */
  private moveToDevice(graph: ProgramGraph, node: ProgramNode, inputs: Record<string, Argument>): void {
    const hosts = new Set(
      node.inputs
        .flatMap(({ arg }) => [
          tensorName(arg),
          ...((arg.as_tensors ?? []) as { name: string }[]).map(({ name }) => name),
        ])
        .filter((name) => name !== undefined && this.onHost(graph, name)),
    );
    if (hosts.size === 0) return;
    const copied = (id: ValueId): ValueId => {
      const spec = this.builder.spec(id);
      return this.builder.call(
        "create",
        {},
        { size: spec.shape, dtype: spec.dtype },
        { scope: this.scopeOf(node) },
      );
    };
    if (Array.isArray(inputs.indices))
      inputs.indices = inputs.indices.map((id) => (id !== null && this.hostValues.has(id) ? copied(id) : id));
    else if (/\.(to|_to_copy)\./.test(node.target) && typeof inputs.self === "number")
      inputs.self = copied(inputs.self);
  }

  private statedSpec(graph: ProgramGraph, name: string, where: string): TensorSpec {
    const meta = graph.tensor_values[name];
    if (!meta) throw unknownTensor(where, name);
    const spec = this.specOf(meta, name);
    return this.factor !== 1 && spec.shape[0] === this.sizes.batch
      ? dense([this.options.bindings.batch as number, ...spec.shape.slice(1)], spec.dtype)
      : spec;
  }

  private argument(
    graph: ProgramGraph,
    names: Map<string, ValueId>,
    where: string,
    port: string,
    arg: Union,
    inputs: Record<string, Argument>,
    attributes: Record<string, Attribute>,
  ): void {
    const [kind, value] = Object.entries(arg)[0] ?? [];
    const tensor = (name: unknown): ValueId => {
      const id = typeof name === "string" ? names.get(name) : undefined;
      if (id === undefined) throw unknownTensor(where, String(name));
      return id;
    };
    switch (kind) {
      case "as_tensor":
        inputs[port] = tensor((value as { name?: unknown }).name);
        return;
      case "as_tensors":
        inputs[port] = (value as { name?: unknown }[]).map(({ name }) => tensor(name));
        return;
      case "as_optional_tensor":
      case "as_optional_tensors": {
        const list = (Array.isArray(value) ? value : [value]) as Union[];
        const ids = list.map((item) =>
          item.as_tensor ? tensor((item.as_tensor as { name?: unknown }).name) : null,
        );
        inputs[port] = kind === "as_optional_tensor" ? (ids[0] ?? null) : ids;
        return;
      }
      case "as_none":
        if (!(port in attributes)) attributes[port] = null;
        return;
      case "as_int":
      case "as_float":
      case "as_bool":
      case "as_string":
        attributes[port] = value as number | boolean | string;
        return;
      case "as_ints":
      case "as_floats":
      case "as_bools":
        attributes[port] = value as number[];
        return;
      case "as_sym_int":
      case "as_sym_float":
        attributes[port] = this.symbolic(graph, value as Union, where);
        return;
      case "as_sym_ints":
        attributes[port] = (value as Union[]).map((item) => this.symbolic(graph, item, where));
        return;
      case "as_scalar_type":
        attributes[port] = SCALAR_TYPES[value as number] ?? null;
        return;
      case "as_memory_format":
        attributes[port] = MEMORY_FORMATS[value as number] ?? "preserve";
        return;
      default:
        return; // devices, layouts, generators: nothing that changes memory
    }
  }

  private symbolic(graph: ProgramGraph, value: Union, where: string): number {
    if (typeof value.as_int === "number") return value.as_int;
    if (typeof value.as_float === "number") return value.as_float;
    const known = graph.sym_int_values?.[String(value.as_name)];
    if (!known) throw unknownTensor(where, String(value.as_name));
    return this.size(known, String(value.as_name));
  }

  private takeLike(
    like: NonNullable<AtenRow["like"]>,
    inputs: Record<string, Argument>,
    attributes: Record<string, Attribute>,
  ): void {
    const other = inputs[like.argument];
    if (typeof other !== "number") return;
    const spec = this.builder.spec(other);
    if (like.takes === "dtype") attributes.dtype = spec.dtype;
    else attributes.size = spec.shape;
    delete inputs[like.argument];
  }

  /** A file with a fixed batch: sizes written into operators grow with it. */
  private rescale(
    graph: ProgramGraph,
    node: ProgramNode,
    row: AtenRow | undefined,
    inputs: Record<string, Argument>,
    attributes: Record<string, Attribute>,
    result: string | undefined,
  ): void {
    for (const key of ["size", "shape"]) {
      const given = attributes[key];
      if (!Array.isArray(given) || result === undefined || row?.like) continue;
      const source = inputs.self;
      const before = tensorName(node.inputs.find(({ name }) => name === "self")?.arg);
      const old =
        before === undefined
          ? undefined
          : graph.tensor_values[before]?.sizes.map((size) => this.size(size, before));
      const target = graph.tensor_values[result]?.sizes.map((size) => this.size(size, result));
      attributes[key] = rescaledSize({
        given: given as number[],
        target: target ?? (given as number[]),
        from: old,
        to: typeof source === "number" ? this.builder.spec(source).shape : undefined,
        batch: this.sizes.batch,
        asked: this.options.bindings.batch as number,
      });
    }
  }

  /** A resize written as the size of an earlier feature map follows that map: heads return to the image's size. */
  private resize(attributes: Record<string, Attribute>): void {
    const size = attributes.output_size;
    const follows = Array.isArray(size) && size.length === 2 ? this.resized.get(size.join("x")) : undefined;
    if (follows) attributes.output_size = [...follows];
  }

  private unknown(target: string, where: string): void {
    const before = this.diagnostics.get(target);
    if (before) {
      before.count += 1;
      return;
    }
    this.diagnostics.set(target, {
      code: "ops/unknown",
      severity: "warning",
      message: `${target} is not known: bounded by keeping its inputs and results for backward, and a gradient as large as each input`,
      where,
      count: 1,
    });
  }

  /** nn_module_stack: `key,path,class` for every call from the outside in, separated by semicolons. */
  private scopeOf(node: ProgramNode): ScopeId {
    const stack = node.metadata?.nn_module_stack;
    if (!stack) return 0;
    const known = this.scopes.get(stack);
    if (known !== undefined) return known;
    let parent: ScopeId = 0;
    let prefix = "";
    stack.split(";").forEach((entry, depth) => {
      const [key = "", path = "", kind = ""] = entry.split(",");
      prefix = `${prefix};${key}`;
      if (depth === 0) return; // the model itself
      let id = this.scopes.get(prefix);
      if (id === undefined) {
        id = this.builder.scope(path, kind.replace(/^.*\./, ""), parent);
        this.scopes.set(prefix, id);
      }
      parent = id;
    });
    this.scopes.set(stack, parent);
    return parent;
  }

  /** Variables of the exported source hold results beyond their last use. */
  private holdLocals(graph: ProgramGraph, names: ReadonlyMap<string, ValueId>): void {
    const held = heldByLocals(
      graph.nodes.map((node) => ({
        trace: node.metadata?.stack_trace,
        modules: node.metadata?.nn_module_stack,
        results: resultNames(node),
      })),
    );
    for (const [name, until] of held) {
      const id = names.get(name);
      const node = this.doneBy[until];
      if (id !== undefined && node !== undefined && node >= 0) this.builder.hold(id, node);
    }
  }

  // ------------------------------------------------------------------ residents

  /** `Module.to(device)`: children first, then a module's own parameters, then its buffers. */
  private allocationOrder(): ValueId[] {
    interface Branch {
      readonly children: Map<string, Branch>;
      readonly parameters: ValueId[];
      readonly buffers: ValueId[];
    }
    const branch = (): Branch => ({ children: new Map(), parameters: [], buffers: [] });
    const root = branch();
    const at = (path: readonly string[]): Branch => {
      let here = root;
      for (const part of path) {
        let next = here.children.get(part);
        if (!next) {
          next = branch();
          here.children.set(part, next);
        }
        here = next;
      }
      return here;
    };
    for (const { fqn } of this.program.graph_module.module_call_graph ?? [])
      if (typeof fqn === "string" && fqn !== "" && !fqn.includes("@")) at(fqn.split("."));
    for (const { path, id, kind } of this.residents) {
      const parts = path.split(".");
      const owner = at(parts.slice(0, -1));
      (kind === "parameter" ? owner.parameters : owner.buffers).push(id);
    }
    const order: ValueId[] = [];
    const seen = new Set<ValueId>();
    const visit = (here: Branch) => {
      for (const child of here.children.values()) visit(child);
      for (const id of [...here.parameters, ...here.buffers]) {
        if (!seen.has(id)) order.push(id);
        seen.add(id);
      }
    };
    visit(root);
    return order;
  }
}

const ROLES: Readonly<Record<string, ValueRole>> = {
  parameter: "parameter",
  buffer: "buffer",
  tensor_constant: "constant",
  user_input: "input",
};

/** Names of the tensors a node makes. */
function resultNames(node: ProgramNode): string[] {
  return node.outputs
    .flatMap((output) =>
      output.as_tensors
        ? (output.as_tensors as { name: string }[]).map(({ name }) => name)
        : [tensorName(output)],
    )
    .filter((name) => name !== undefined);
}

interface DeclaredInput {
  readonly kind: string;
  readonly name: string;
  readonly path: string;
}

/** The program's inputs in order: parameters, buffers, constants, the user's. */
function declaredInputs(program: Program): DeclaredInput[] {
  const out: DeclaredInput[] = [];
  for (const spec of program.graph_module.signature.input_specs) {
    const [kind = "", detail] = Object.entries(spec)[0] ?? [];
    const entry = detail as
      | {
          arg?: Union & { name?: string };
          parameter_name?: string;
          buffer_name?: string;
          tensor_constant_name?: string;
        }
      | undefined;
    const name = entry?.arg?.name ?? tensorName(entry?.arg);
    if (name !== undefined)
      out.push({
        kind,
        name,
        path: entry?.parameter_name ?? entry?.buffer_name ?? entry?.tensor_constant_name ?? name,
      });
  }
  return out;
}

/** Tensors some node reads, in regions too. */
function usedNames(graph: ProgramGraph): Set<string> {
  const used = new Set<string>();
  const visit = (argument: Union) => {
    const name = tensorName(argument);
    if (name !== undefined) used.add(name);
    for (const list of [argument.as_tensors, argument.as_optional_tensors]) {
      if (Array.isArray(list))
        for (const item of list as Union[]) used.add(tensorName(item) ?? String(item.name));
    }
    const region = (argument.as_graph as { graph?: ProgramGraph } | undefined)?.graph;
    if (region) for (const name of usedNames(region)) used.add(name);
  };
  for (const node of graph.nodes) for (const { arg } of node.inputs) visit(arg);
  for (const output of graph.outputs) visit(output);
  return used;
}

/** Output heads that models tie to their embeddings. */
const TIED = /(^|\.)(lm_head|decoder|wte|embed_tokens|word_embeddings|shared)\.weight$/;

/**
 * The parameter that `path` is another name of. Files with weights say so: both names share a path. Without weights,
 * a never-read parameter is taken as the twin of one with the same dims whose name ends alike, or of a tied head.
 */
function findTwin(
  path: string,
  spec: TensorSpec,
  parameters: readonly { path: string; id: ValueId; spec: TensorSpec }[],
  weights: ReadonlyMap<string, string>,
): ValueId | undefined {
  const file = weights.get(path);
  if (file !== undefined) return parameters.find((other) => weights.get(other.path) === file)?.id;
  const tail = (name: string, count: number) => name.split(".").slice(-count).join(".");
  const owner = (name: string) => name.slice(0, name.lastIndexOf("."));
  return parameters.find(
    (other) =>
      sameShape(other.spec.shape, spec.shape) &&
      other.spec.dtype === spec.dtype &&
      ((path.split(".").length > 2 && tail(path, 2) === tail(other.path, 2)) ||
        (TIED.test(path) && TIED.test(other.path)) ||
        (tail(path, 1) === tail(other.path, 1) && owner(other.path).startsWith(`${owner(path)}.`))),
  )?.id;
}
