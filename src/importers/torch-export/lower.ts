/** An exported program at given sizes → Graph: symbols are bound, ATen names become ours, every spec is inferred anew. */
import type { Diagnostic } from "../../base/complaint.js";
import type { Argument, Attribute, Graph, ScopeId, ValueId, ValueRole } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { GraphBuilder } from "../../ops/build.js";
import { ShapeError } from "../../ops/rule.js";
import type { Bindings } from "../model.js";
import { batchOutOfRange, shapeMismatch, unknownTensor } from "./complaints.js";
import { ATEN_OPS, type AtenRow, NO_TENSOR } from "./ops.js";
import { heldByLocals } from "./locals.js";
import { type Program, type ProgramGraph, type ProgramNode, tensorName, type Union } from "./program.js";
import { rescaledSize } from "./rebatch.js";
import { reimagedSize } from "./reimage.js";
import { allocationOrder, type Resident } from "./allocation-order.js";
import { readArgument } from "./arguments.js";
import { declaredInputs, usedNames } from "./declared-inputs.js";
import { boundSize, boundSpec, type Sizes, startingSizes } from "./sizes.js";
import { namesFloat } from "./source-line.js";
import { findTwin } from "./tied-parameters.js";

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
  private readonly residents: Resident[] = [];

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
    return {
      graph: this.builder.finish(outputs, allocationOrder(this.program, this.residents)),
      diagnostics,
    };
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
      const stated = boundSpec(meta, this.sizes, `${where} › ${path}`);
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
      ...(spellsOutFloat(node) && { spelledOut: true }),
    };
    const scope = { graph, names, sizes: this.sizes, where };
    for (const { name, arg } of node.inputs)
      readArgument(scope, { inputs, attributes }, row?.rename?.[name] ?? name, arg);
    if (row?.like) this.takeLike(row.like, inputs, attributes);
    if (this.hidesNothing(inputs.attn_mask)) inputs.attn_mask = null;
    const results = resultNames(node);
    if (this.factor !== 1) this.rescale(graph, node, row, inputs, attributes, results[0]);
    else if (this.resized.size > 0 && /^(view|_unsafe_view|reshape)$/.test(base))
      this.reimage(graph, node, inputs, attributes, results[0]);
    if (this.resized.size > 0 && row?.op.startsWith("upsample")) this.resize(attributes);
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

  /**
   * A boolean mask with one verdict for all keys. Models that make their own mask leave it out when nothing is hidden;
   * only while they are traced they cannot tell, and write it down.
   */
  private hidesNothing(mask: Argument | undefined): boolean {
    if (typeof mask !== "number") return false;
    const { dtype, shape, strides } = this.builder.spec(mask);
    return dtype === "bool" && shape.length > 0 && strides.at(-1) === 0 && (shape.at(-1) as number) > 1;
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
    const spec = boundSpec(meta, this.sizes, `${this.options.source} › ${name}`);
    return this.factor !== 1 && spec.shape[0] === this.sizes.batch
      ? dense([this.options.bindings.batch as number, ...spec.shape.slice(1)], spec.dtype)
      : spec;
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
          : graph.tensor_values[before]?.sizes.map((size) => boundSize(size, this.sizes, before));
      const target = graph.tensor_values[result]?.sizes.map((size) => boundSize(size, this.sizes, result));
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

  /** At another image size: sizes written into a reshape follow the feature map it reads. */
  private reimage(
    graph: ProgramGraph,
    node: ProgramNode,
    inputs: Record<string, Argument>,
    attributes: Record<string, Attribute>,
    result: string | undefined,
  ): void {
    const { self: source } = inputs;
    const read = tensorName(node.inputs.find(({ name }) => name === "self")?.arg);
    const shapeOf = (name: string | undefined) =>
      graph.tensor_values[name ?? ""]?.sizes.map((size) => boundSize(size, this.sizes, name ?? ""));
    const [from, target] = [shapeOf(read), shapeOf(result)];
    if (typeof source !== "number" || !from || !target) return;
    const to = this.builder.spec(source).shape;
    for (const key of ["size", "shape"]) {
      const given = attributes[key];
      if (Array.isArray(given))
        attributes[key] = reimagedSize({ given: given as number[], target, from, to, maps: this.resized });
    }
  }

  /**
   * A resize written as the size of an earlier feature map follows that map: heads return to the image's size. Adaptive
   * pools do not: the size a classifier wants is often, by chance, that of the last map.
   */
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
    const held = heldOf(graph);
    for (const [name, until] of held) {
      const id = names.get(name);
      const node = this.doneBy[until];
      if (id !== undefined && node !== undefined && node >= 0) this.builder.hold(id, node);
    }
  }
}

const ROLES: Readonly<Record<string, ValueRole>> = {
  parameter: "parameter",
  buffer: "buffer",
  tensor_constant: "constant",
  user_input: "input",
};

/** By graph: locals are the same whatever the sizes, and traces are long to read. */
const heldByGraph = new WeakMap<ProgramGraph, ReturnType<typeof heldByLocals>>();

function heldOf(graph: ProgramGraph): ReturnType<typeof heldByLocals> {
  const known = heldByGraph.get(graph);
  if (known) return known;
  const held = heldByLocals(
    graph.nodes.map((node) => ({
      trace: node.metadata?.stack_trace,
      modules: node.metadata?.nn_module_stack,
      results: resultNames(node),
    })),
  );
  heldByGraph.set(graph, held);
  return held;
}

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

/** A tensor made or cast on a line that names float32. */
function spellsOutFloat({ target, metadata }: ProgramNode): boolean {
  if (!/\.(to|_to_copy|zeros|ones|full|empty|rand|randn)\./.test(target)) return false;
  return namesFloat(metadata?.stack_trace?.trimEnd().split("\n").at(-1) ?? "");
}
