/** An ONNX graph at given sizes → Graph: names are resolved, known values folded, every spec inferred anew. */
import { type Diagnostic, InputError } from "../../base/complaint.js";
import { elements } from "../../base/shape.js";
import type { Argument, Attributes, Graph, ScopeId, ValueId } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { GraphBuilder } from "../../ops/build.js";
import { ShapeError } from "../../ops/rule.js";
import type { Bindings } from "../model.js";
import { rescaledSize } from "../torch-export/rebatch.js";
import type { GraphWriter } from "./call.js";
import * as complaints from "./complaints.js";
import { runBranch, runLoop, runScan } from "./control-flow.js";
import { checkDims, initializerSpec, statedShape } from "./dims.js";
import { boundInputs, type InputSizes } from "./inputs.js";
import { FOLDS, type Known, readKnown } from "./known.js";
import { NodeCall, type NodeContext } from "./node-call.js";
import { ONNX_OPS } from "./ops.js";
import { joinOperators } from "./patterns.js";
import {
  attribute,
  type FunctionProto,
  type GraphProto,
  MAX_NODES,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "./schema.js";
import { scopePath } from "./scopes.js";

/** Functions in functions, branches in branches. */
const MAX_NESTING = 32;

export interface LowerOptions {
  readonly name: string;
  readonly source: string;
  readonly bindings: Bindings;
  readonly sizes: InputSizes;
  /** Shapes by name at the batch that the file fixed, when another is asked. */
  readonly before?: ReadonlyMap<string, readonly number[]>;
}

export interface Lowered {
  readonly graph: Graph;
  readonly diagnostics: Diagnostic[];
  /** Shape of every tensor by its name in the file. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/** A name of the file: a tensor, values known before the run, a weight that nothing has read yet. */
interface Slot {
  id?: ValueId;
  readonly known?: Known;
  readonly weight?: { readonly tensor: TensorProto; readonly order: number };
  /** The weight whose transpose it is. */
  readonly transposeOf?: Slot;
}

export function lowerModel(model: ModelProto, options: LowerOptions): Lowered {
  return new Lowerer(model, options).run();
}

class Lowerer implements GraphWriter, NodeContext {
  private readonly model: ModelProto;
  private readonly options: LowerOptions;
  private readonly builder: GraphBuilder;
  private readonly names = new Map<string, Slot>();
  private readonly shapes = new Map<string, readonly number[]>();
  private readonly residents: { order: number; id: ValueId }[] = [];
  private readonly scopes = new Map<string, ScopeId>();
  private readonly found = new Map<string, Diagnostic & { count: number }>();
  private readonly functions = new Map<string, FunctionProto>();
  private readonly statedBy = new Map<string, readonly (number | string | null)[]>();
  private readonly opset: number;
  private nodes = 0;
  /** Batch norm was put back into training; the file has dropout. */
  private putBack = false;
  private drops = false;
  private depth = 0;

  constructor(model: ModelProto, options: LowerOptions) {
    this.model = model;
    this.options = options;
    this.builder = new GraphBuilder(options.name);
    this.opset = opsetOf(model);
    for (const one of model.functions ?? []) this.functions.set(`${one.domain ?? ""}:${one.name ?? ""}`, one);
  }

  run(): Lowered {
    const { graph = {} } = this.model;
    const { source, sizes } = this.options;
    this.declareWeights(graph, true);
    for (const { name, shape, dtype } of boundInputs(graph, sizes, this.options)) {
      const id = this.builder.value(name, "input", dense(shape, dtype));
      this.names.set(name, { id });
      this.shapes.set(name, shape);
    }
    this.checkNames(graph.node ?? []);
    this.lowerGraph(graph);
    const outputs: ValueId[] = [];
    for (const { name = "" } of graph.output ?? []) {
      const slot = this.names.get(name);
      if (!slot) throw complaints.unknownTensor(`${source} › output`, name);
      if (slot.id !== undefined) outputs.push(slot.id);
    }
    if (this.putBack && !this.drops)
      this.note(
        "onnx/inference",
        "exported for inference: dropout that the model may have had is not in the file, so its masks are not counted",
        source,
        "info",
      );
    this.residents.sort((a, b) => a.order - b.order);
    return {
      graph: this.builder.finish(
        outputs,
        this.residents.map(({ id }) => id),
      ),
      diagnostics: [...this.found.values()].map(({ count, ...one }) =>
        count > 1 ? { ...one, message: `${one.message} (${count} times)` } : one,
      ),
      shapes: this.shapes,
    };
  }

  // ------------------------------------------------------------------ names

  private declareWeights(
    { initializer = [], valueInfo = [], output = [] }: GraphProto,
    strict: boolean,
  ): void {
    for (const tensor of initializer) {
      const name = tensor.name ?? "";
      if (strict && this.names.has(name)) throw complaints.twice(this.options.source, name);
      const known = readKnown(tensor);
      const { shape } = initializerSpec(tensor, `${this.options.source} › ${name}`);
      this.shapes.set(name, shape);
      this.names.set(name, { ...(known && { known }), weight: { tensor, order: this.names.size } });
    }
    for (const info of [...valueInfo, ...output]) {
      const shape = statedShape(info);
      if (shape && info.name) this.statedBy.set(info.name, shape);
    }
  }

  /** Every result has a name of its own, and there are not too many. */
  private checkNames(nodes: readonly NodeProto[]): void {
    const { source } = this.options;
    if (nodes.length > MAX_NODES) throw complaints.tooMany(source, "operators", MAX_NODES);
    const made = new Set<string>(this.names.keys());
    for (const name of nodes.flatMap(({ output = [] }) => output)) {
      if (name !== "" && made.has(name)) throw complaints.twice(source, name);
      made.add(name);
    }
  }

  slot(name: string, where: string): Slot {
    const slot = this.names.get(name);
    if (!slot) throw complaints.unknownTensor(where, name);
    return slot;
  }

  known(name: string, where: string): Known | undefined {
    return name === "" ? undefined : this.slot(name, where).known;
  }

  alias(name: string, of: string, where: string): void {
    this.names.set(name, this.slot(of, where));
    this.shapes.set(name, this.shapeOf(of, where));
  }

  bind(name: string, id: ValueId): void {
    this.names.set(name, { id });
    this.shapes.set(name, this.builder.spec(id).shape);
  }

  bindKnown(name: string, known: Known): void {
    this.names.set(name, { known });
    this.shapes.set(name, known.shape);
  }

  /** The tensor behind a name; weights are declared when something reads them. */
  idOf(name: string, where: string, role: "parameter" | "buffer" = "parameter"): ValueId {
    const slot = this.slot(name, where);
    if (slot.id !== undefined) return slot.id;
    const { weight, known, transposeOf } = slot;
    if (transposeOf?.weight) {
      const source = this.idOf(transposeOf.weight.tensor.name ?? "", where);
      slot.id = this.builder.call("transpose", { self: source }, { dim0: 0, dim1: 1 });
    } else if (weight) slot.id = this.declare(name, initializerSpec(weight.tensor, name), weight.order, role);
    else if (known) slot.id = this.constant(name, known);
    return slot.id as ValueId; // as: a slot is one of the four
  }

  private declare(name: string, spec: TensorSpec, order: number, role: "parameter" | "buffer"): ValueId {
    const floating = spec.dtype.startsWith("float") || spec.dtype === "bfloat16";
    // a single number is written into PyTorch's code, not kept as a tensor
    if (spec.shape.length === 0 && !name.includes(".")) return this.builder.value(name, "host", spec);
    const id = this.builder.value(name, floating ? role : "buffer", spec, { trainable: floating });
    this.residents.push({ order, id });
    return id;
  }

  /** Values computed from sizes: a number in PyTorch's code, or a tensor it makes. */
  private constant(name: string, { shape, dtype }: Known): ValueId {
    return elements(shape) <= 1
      ? this.builder.value(name, "host", dense(shape, dtype))
      : this.builder.call("create", {}, { size: shape, dtype });
  }

  // ------------------------------------------------------------------ nodes

  /** The nodes of a graph, a branch or a function's body. */
  lowerGraph(graph: GraphProto): void {
    if (++this.depth > MAX_NESTING) throw complaints.recursion(this.options.source, MAX_NESTING);
    if (this.depth > 1) this.declareWeights(graph, false);
    const nodes = graph.node ?? [];
    const kept = new Set((graph.output ?? []).map(({ name }) => name ?? ""));
    for (const node of joinOperators(nodes, kept)) this.lowerNode(node);
    this.depth--;
  }

  private lowerNode(node: NodeProto): void {
    if (++this.nodes > MAX_NODES) throw complaints.tooMany(this.options.source, "operators", MAX_NODES);
    const op = node.opType ?? "";
    if (op === "Dropout") this.drops = true;
    const where = `${this.options.source} › ${op} ${JSON.stringify(node.name ?? node.output?.[0] ?? "")}`;
    try {
      if (this.fold(node, op, where)) return;
      const body = this.functions.get(`${node.domain ?? ""}:${op}`);
      if (body) {
        this.inline(node, body, where);
        return;
      }
      const flow = own(CONTROL_FLOW, op);
      if (flow) {
        flow(this, node, where);
        return;
      }
      const domain = node.domain ?? "";
      const row = domain === "" || domain === "ai.onnx" || OWN.has(domain) ? own(ONNX_OPS, op) : undefined;
      const call = new NodeCall(this, this.withOwnVectors(node), where);
      const ids = row ? row(call) : call.bounded(null, "is not known");
      ids.forEach((id, i) => {
        const name = node.output?.[i];
        if (name && id !== null) this.bind(name, id);
        if (id !== null) checkDims(this.builder.spec(id).shape, where);
      });
    } catch (error) {
      if (error instanceof InputError) throw error;
      if (error instanceof ShapeError) throw complaints.shapeMismatch(where, error.expected, error.got);
      // a rule that reads dims the file does not have
      if (error instanceof TypeError || error instanceof RangeError)
        throw complaints.shapeMismatch(
          where,
          "tensors of the ranks that the operator takes",
          this.shapesOf(node),
        );
      throw error;
    }
  }

  private shapesOf(node: NodeProto): string {
    return (
      (node.input ?? []).map((name) => `[${this.shapes.get(name)?.join(", ") ?? "?"}]`).join(" ") || "none"
    );
  }

  /** Sizes and scalars need no operator on the device. */
  private fold(node: NodeProto, op: string, where: string): boolean {
    const output = node.output?.[0];
    if (output === undefined || (node.domain ?? "") !== "") return false;
    if (op === "Constant") {
      const known = constantOf(node);
      if (known) this.bindKnown(output, known);
      else
        this.names.set(output, {
          weight: { tensor: { ...attribute(node, "value")?.t, name: output }, order: Infinity },
        });
      if (!known)
        this.shapes.set(output, initializerSpec(this.slot(output, where).weight?.tensor ?? {}, where).shape);
      return true;
    }
    const inputs = node.input ?? [];
    if (op === "Shape" || op === "Size") {
      const shape = this.shapeOf(inputs[0] ?? "", where);
      const [start, end] = [attribute(node, "start")?.i ?? 0, attribute(node, "end")?.i ?? shape.length];
      const part = shape.slice(start, end);
      this.bindKnown(
        output,
        op === "Shape"
          ? { shape: [part.length], data: part, dtype: "int64" }
          : { shape: [], data: [elements(shape)], dtype: "int64" },
      );
      return true;
    }
    if (op === "Identity" || (op === "Dropout" && this.slot(inputs[0] ?? "", where).known)) {
      this.restoreCopy(output, inputs[0] ?? "", where);
      return true;
    }
    if (op === "Transpose") {
      const slot = this.slot(inputs[0] ?? "", where);
      if (slot.weight?.tensor.dims?.length !== 2 || slot.id !== undefined) return false;
      this.names.set(output, { transposeOf: slot });
      this.shapes.set(output, [...slot.weight.tensor.dims].reverse());
      return true;
    }
    const rule = own(FOLDS, op);
    if (!rule) return false;
    const known = inputs.map((name) => (name ? this.slot(name, where).known : undefined));
    if (inputs.some((name, i) => name !== "" && !known[i])) return false;
    if (op === "ConstantOfShape") {
      const value = attribute(node, "value")?.t;
      known.push(value && readKnown(value));
    }
    const result = rule({
      inputs: known,
      int: (name, otherwise) => attribute(node, name)?.i ?? otherwise,
      ints: (name) => attribute(node, name)?.ints,
    });
    if (!result) return false;
    checkDims(result.shape, where);
    this.bindKnown(output, result);
    return true;
  }

  /**
   * Exporters store equal tensors once. A vector under a second parameter's name is one of an untrained model's many equal
   * scales or biases; a matrix is shared on purpose.
   */
  private restoreCopy(output: string, input: string, where: string): void {
    const slot = this.slot(input, where);
    const { weight } = slot;
    if (
      weight &&
      weight.tensor.dims?.length === 1 &&
      /^[\w.]+\.(weight|bias|running_mean|running_var)$/.test(output)
    ) {
      this.names.set(output, { weight: { tensor: { ...weight.tensor, name: output }, order: weight.order } });
      this.shapes.set(output, weight.tensor.dims);
    } else {
      this.names.set(output, slot);
      this.shapes.set(output, this.shapeOf(input, where));
    }
  }

  /** As `restoreCopy`, where the exporter left the module's name but no Identity. */
  private withOwnVectors(node: NodeProto): NodeProto {
    const path = node.notes ? (scopePath(node).split("/").at(-1) ?? "") : "";
    if (path === "") return node;
    const input = (node.input ?? []).map((name) => {
      const weight = this.names.get(name)?.weight;
      const [, owner = "", leaf = ""] = /^([\w.]+)\.(weight|bias|running_mean|running_var)$/.exec(name) ?? [];
      if (weight?.tensor.dims?.length !== 1 || owner === "" || `${owner}.`.startsWith(`${path}.`))
        return name;
      const own = `${path}.${leaf}`;
      if (!this.names.has(own)) {
        this.names.set(own, { weight: { tensor: { ...weight.tensor, name: own }, order: weight.order } });
        this.shapes.set(own, weight.tensor.dims);
      }
      return own;
    });
    return { ...node, input };
  }

  private inline(node: NodeProto, body: FunctionProto, where: string): void {
    if (++this.depth > MAX_NESTING) throw complaints.recursion(where, MAX_NESTING);
    const prefix = `${node.output?.[0] ?? node.name ?? ""}/`;
    const own = new Map<string, string>();
    for (const [i, name] of (body.input ?? []).entries()) own.set(name, node.input?.[i] ?? "");
    for (const [i, name] of (body.output ?? []).entries()) own.set(name, node.output?.[i] || prefix + name);
    const renamed = (name: string) => (name === "" ? "" : (own.get(name) ?? prefix + name));
    const given = new Map(
      [...(body.attributeProto ?? []), ...(node.attribute ?? [])].map((one) => [one.name ?? "", one]),
    );
    const nodes = (body.node ?? []).map((inner) => ({
      ...inner,
      input: (inner.input ?? []).map(renamed),
      output: (inner.output ?? []).map(renamed),
      attribute: (inner.attribute ?? []).flatMap((one) => {
        if (!one.refersTo) return [one];
        const value = given.get(one.refersTo);
        return value ? [{ ...value, name: one.name ?? "" }] : [];
      }),
      ...(node.notes && !inner.notes && { notes: node.notes }),
    }));
    for (const inner of joinOperators(nodes, new Set(node.output))) this.lowerNode(inner);
    this.depth--;
  }

  // ------------------------------------------------------------------ for calls and control flow

  shapeOf(name: string, where: string): readonly number[] {
    const shape = this.shapes.get(name);
    if (!shape) throw complaints.unknownTensor(where, name);
    return shape;
  }

  spec(id: ValueId): TensorSpec {
    return this.builder.spec(id);
  }

  /** Of a weight that is not declared yet; looking at it does not declare it. */
  weightSpec(name: string, where: string): TensorSpec | undefined {
    const { id, weight } = this.slot(name, where);
    return id === undefined && weight ? initializerSpec(weight.tensor, where) : undefined;
  }

  isWeight(name: string): boolean {
    const slot = this.names.get(name);
    const weight = slot?.weight ?? slot?.transposeOf?.weight;
    return weight !== undefined && (weight.tensor.dims?.length ?? 0) > 0;
  }

  get version(): number {
    return this.opset;
  }

  /** The layer's [out, in] matrix of a weight, or of its transpose, that the file stores the other way round. */
  matrix(name: string, stored: "as-kept" | "transposed", where: string): ValueId {
    const slot = this.slot(name, where);
    const flipped = slot.transposeOf !== undefined;
    const source = slot.transposeOf ?? slot;
    const asKept = (stored === "as-kept") !== flipped;
    const { weight } = source;
    if (asKept || !weight) return this.idOf(flipped ? (weight?.tensor.name ?? "") : name, where);
    if (source.id !== undefined)
      return this.builder.call("transpose", { self: source.id }, { dim0: 0, dim1: 1 });
    const spec = initializerSpec(weight.tensor, where);
    const id = this.declare(name, dense([...spec.shape].reverse(), spec.dtype), weight.order, "parameter");
    const known = this.matrices.get(source) ?? id;
    this.matrices.set(source, known);
    return known;
  }

  private readonly matrices = new Map<Slot, ValueId>();

  restore(name: string, spec: TensorSpec, role: "parameter" | "buffer"): ValueId {
    const order = this.residents.at(-1)?.order ?? 0;
    const id = this.builder.value(name, role, spec);
    this.residents.push({ order, id });
    return id;
  }

  split(name: string, parts: readonly (readonly number[])[], where: string): ValueId[] {
    const { weight } = this.slot(name, where);
    const dtype = weight ? initializerSpec(weight.tensor, where).dtype : "float32";
    return parts.map((shape, i) =>
      this.declare(`${name}.${i}`, dense(shape, dtype), weight?.order ?? 0, "parameter"),
    );
  }

  emit(
    op: string,
    inputs: Readonly<Record<string, Argument>>,
    attributes: Attributes,
    node: NodeProto,
    options: { readonly names?: readonly string[]; readonly stated?: readonly TensorSpec[] },
  ): ValueId[] {
    return this.builder.node(op, inputs, attributes, { ...options, scope: this.scopeOf(node) });
  }

  flatten(ids: readonly ValueId[]): void {
    this.builder.flatten(ids);
  }

  /** The result's shape in the file, with open dims bound. */
  stated(name: string): readonly number[] | undefined {
    const { symbols, batch, fixedBatch } = this.options.sizes;
    const shape = this.statedBy.get(name)?.map((dim) => (typeof dim === "string" ? symbols.get(dim) : dim));
    if (!shape?.every((dim) => typeof dim === "number")) return undefined;
    return fixedBatch !== null && shape[0] === fixedBatch ? [batch, ...shape.slice(1)] : shape;
  }

  /** Sizes written into a reshape, when the file fixed its batch and another is asked. */
  rescaled(node: NodeProto, given: readonly number[]): readonly number[] {
    const { before, sizes } = this.options;
    const target = before?.get(node.output?.[0] ?? "");
    if (!before || !target || sizes.fixedBatch === null) return given;
    return rescaledSize({
      given,
      target,
      from: before.get(node.input?.[0] ?? ""),
      to: this.shapes.get(node.input?.[0] ?? ""),
      batch: sizes.fixedBatch,
      asked: sizes.batch,
    });
  }

  note(code: string, message: string, where: string, severity: "info" | "warning" = "warning"): void {
    if (code.endsWith("batch-norm")) this.putBack = true;
    const key = `${code} ${message}`;
    const before = this.found.get(key);
    if (before) before.count += 1;
    else this.found.set(key, { code, severity, message, where, count: 1 });
  }

  private scopeOf(node: NodeProto): ScopeId {
    const path = scopePath(node);
    const known = this.scopes.get(path);
    if (known !== undefined) return known;
    let parent: ScopeId = 0;
    const parts = path === "" ? [] : path.split("/");
    parts.forEach((_, i) => {
      const prefix = parts.slice(0, i + 1).join("/");
      const id = this.scopes.get(prefix) ?? this.builder.scope(parts[i] as string, "Module", parent);
      this.scopes.set(prefix, id);
      parent = id;
    });
    this.scopes.set(path, parent);
    return parent;
  }
}

/** Domains whose operators have a row of ONNX's own name: contributed ones that mean the same. */
const OWN: ReadonlySet<string> = new Set(["plimsoll", "com.microsoft"]);

function constantOf(node: NodeProto): Known | undefined {
  const one = node.attribute?.[0];
  if (!one) return { shape: [], data: [0], dtype: "float32" };
  if (one.t) return readKnown(one.t);
  if (one.ints) return { shape: [one.ints.length], data: one.ints, dtype: "int64" };
  if (one.floats) return { shape: [one.floats.length], data: one.floats, dtype: "float32" };
  return one.name === "value_int"
    ? { shape: [], data: [one.i ?? 0], dtype: "int64" }
    : { shape: [], data: [one.f ?? 0], dtype: "float32" };
}

const CONTROL_FLOW: Readonly<Record<string, typeof runLoop>> = {
  If: runBranch,
  Loop: runLoop,
  Scan: runScan,
};

/** The row of that name; what every JavaScript object answers to is none. */
function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

export function opsetOf(model: ModelProto): number {
  const own = (model.opsets ?? []).find(({ domain }) => !domain || domain === "ai.onnx");
  return own?.version ?? 1;
}
