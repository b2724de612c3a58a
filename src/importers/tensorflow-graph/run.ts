/**
 * A graph of a file at chosen sizes → the graph of operations that its outputs need: functions are written out where they are
 * called, in the order the file lists their nodes.
 */
import type { ScopeId } from "../../ir/graph.js";
import { Instance, LayerCall, type Drawing } from "../keras/call.js";
import { batchMoments } from "../keras/layers/normalization.js";
import { cyclic, noGraph, tooDeep, tooManyNodes, unknownTensor } from "./complaints.js";
import { Frame, nodesByName, parseReference } from "./frame.js";
import { evaluate, type Known } from "./known.js";
import { NodeCall } from "./node-call.js";
import { findNorms, type Norm } from "./norms.js";
import { GRAPH_OPS, lowerUnknown } from "./ops.js";
import type { FunctionDef, NodeDef } from "./schema.js";
import {
  constantOf,
  dtypeOf,
  fixedShape,
  type Functions,
  OPAQUE,
  RESOURCE,
  shapeIn,
  type Tensor,
  type Variable,
} from "./tensor.js";
import { Writer, type WriterOptions, type Sizes } from "./writer.js";

/** Functions inside functions; SavedModels have some four. */
const MAX_DEPTH = 64;
/** Nodes of one graph or function that are given something and needed. */
const MAX_COMPUTING = 30_000;
/** Nodes that run, with functions and loops written out. */
const MAX_RUNS = 100_000;

export interface RunOptions extends Omit<WriterOptions, "functions"> {
  readonly where: string;
  readonly sizes: Sizes;
  readonly functions: readonly FunctionDef[];
  /** A variable by the node that holds its handle. */
  readonly variables: (node: NodeDef, where: string) => Variable;
  /** Layers carry this name in front of theirs. */
  readonly prefix: string;
}

interface Library {
  readonly def: FunctionDef;
  nodes?: ReadonlyMap<string, NodeDef>;
}

export class Run implements Functions {
  readonly writer: Writer;
  private readonly options: RunOptions;
  private readonly library = new Map<string, Library>();
  private readonly scopes = new Map<string, ScopeId>();
  private readonly handles = new Map<NodeDef, Variable>();
  private readonly orders = new WeakMap<ReadonlyMap<string, NodeDef>, Map<string, readonly string[]>>();
  private depth = 0;
  private runs = 0;

  constructor(drawing: Drawing, options: RunOptions) {
    this.options = options;
    this.writer = new Writer(drawing, options.sizes, { ...options, functions: this });
    for (const def of options.functions) this.library.set(def.signature?.name ?? "", { def });
  }

  /** What the main graph's outputs come to. */
  main(nodes: ReadonlyMap<string, NodeDef>, outputs: readonly string[]): readonly Tensor[] {
    return this.frame(new Frame(nodes, this.options.where, 0), outputs);
  }

  isFunction(name: string): boolean {
    return this.library.has(name);
  }

  lengthOf(name: string): number {
    return this.library.get(name)?.def.node?.length ?? 0;
  }

  call(name: string, inputs: readonly Tensor[], where: string): readonly Tensor[] {
    const known = this.library.get(name);
    if (!known) throw noGraph(where, "a function of the file's library", JSON.stringify(name.slice(0, 80)));
    if (this.depth >= MAX_DEPTH) throw tooDeep(where, MAX_DEPTH);
    const { def } = known;
    const place = `${this.options.where} › ${name.slice(0, 80)}`;
    known.nodes ??= nodesByName(def.node ?? [], place);
    const frame = new Frame(known.nodes, place, this.depth + 1);
    (def.signature?.inputs ?? []).forEach((arg, i) => {
      const given = inputs[i];
      if (!given)
        throw noGraph(
          where,
          `${def.signature?.inputs?.length} arguments of ${name.slice(0, 80)}`,
          `${inputs.length}`,
        );
      frame.set(arg.name ?? "", [given]);
    });
    const returned = new Map((def.ret ?? []).map(({ key = "", value = "" }) => [key, value]));
    const outputs = (def.signature?.outputs ?? []).map((arg) => {
      const ref = returned.get(arg.name ?? "");
      if (ref === undefined) throw unknownTensor(place, arg.name ?? "");
      return ref;
    });
    this.depth += 1;
    const results = this.frame(frame, outputs);
    this.depth -= 1;
    return results;
  }

  private frame(frame: Frame, outputs: readonly string[]): readonly Tensor[] {
    const { training } = this.writer.drawing.options;
    const norms = training
      ? findNorms(frame.nodes, (node) => this.isStatistic(node, frame))
      : new Map<string, Norm>();
    const moments = new Map<Norm, readonly [Tensor, Tensor]>();
    const needed = (name: string): readonly string[] => {
      const node = frame.nodes.get(name);
      const norm = norms.get(name);
      return [...dataOf(node), ...(norm ? [norm.x] : [])];
    };
    for (const name of this.order(frame, [...outputs, ...norms.keys()], outputs, needed)) {
      this.runs += 1;
      if (this.runs > MAX_RUNS) throw tooManyNodes(frame.where, MAX_RUNS);
      const node = frame.nodes.get(name) as NodeDef; // as: ordered names are nodes
      const norm = norms.get(name);
      frame.set(name, norm ? [this.restored(norm, name, frame, moments)] : this.node(node, name, frame));
    }
    return outputs.map((ref) => frame.resolve(ref, frame.where));
  }

  /** Nodes that the outputs need, in the order the file lists them where that is possible. */
  private order(
    frame: Frame,
    kept: readonly string[],
    outputs: readonly string[],
    needed: (name: string) => readonly string[],
  ): readonly string[] {
    const orders = this.orders.get(frame.nodes) ?? new Map<string, readonly string[]>();
    this.orders.set(frame.nodes, orders);
    const key = kept.join("\n");
    const known = orders.get(key);
    if (known) return known;
    const inputs = new Map<string, readonly string[]>();
    let computing = 0;
    const pending = outputs.map((ref) => parseReference(ref).node);
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (inputs.has(name) || frame.isDone(name)) continue;
      if (!frame.nodes.has(name)) throw unknownTensor(frame.where, name.slice(0, 80));
      const names = needed(name).map((ref) => parseReference(ref).node);
      inputs.set(name, names);
      if (names.length > 0 && ++computing > MAX_COMPUTING) throw tooManyNodes(frame.where, MAX_COMPUTING);
      for (const each of names) pending.push(each);
    }
    const order: string[] = [];
    const done = new Set<string>();
    const open = new Set<string>();
    for (const start of frame.nodes.keys()) {
      if (!inputs.has(start) || done.has(start)) continue;
      const stack: { name: string; next: number }[] = [{ name: start, next: 0 }];
      open.add(start);
      while (stack.length > 0) {
        const top = stack[stack.length - 1] as (typeof stack)[number];
        const input = inputs.get(top.name)?.[top.next++];
        if (input === undefined) {
          stack.pop();
          open.delete(top.name);
          done.add(top.name);
          order.push(top.name);
        } else if (inputs.has(input) && !done.has(input)) {
          if (open.has(input)) throw cyclic(frame.placeOf(input));
          open.add(input);
          stack.push({ name: input, next: 0 });
        }
      }
    }
    orders.set(key, order);
    return order;
  }

  private node(node: NodeDef, name: string, frame: Frame): readonly Tensor[] {
    const where = frame.placeOf(name);
    const inputs = dataOf(node).map((ref) => frame.resolve(ref, where));
    const op = node.op ?? "";
    if (op === "Const") return [this.constant(node, name, where)];
    if (HANDLES.includes(op)) return [this.handle(node, where)];
    const call = new NodeCall(this.writer, node, inputs, where, this.scopeOf(name));
    if (op === "Placeholder" || op === "PlaceholderV2") return [this.placeholder(call, name, where)];
    if (op === "ReadVariableOp" || op === "ResourceGather") this.shapeFrom(call, op);
    const known = inputs.every(
      (tensor): tensor is Known => tensor.kind === "constant" && tensor.data !== undefined,
    );
    const numbers = known && inputs.length > 0 ? evaluate(op, inputs as readonly Known[], call) : null;
    if (numbers) return numbers;
    if (this.isFunction(op)) return this.call(op, inputs, where);
    const row = Object.hasOwn(GRAPH_OPS, op) ? GRAPH_OPS[op] : undefined;
    if (!row) return lowerUnknown(call);
    const results = row(call);
    return Array.isArray(results) ? results : [results as Tensor]; // as: what is no list is one
  }

  private constant(node: NodeDef, name: string, where: string): Tensor {
    const tensor = node.attr?.find(({ key }) => key === "value")?.value?.tensor;
    return tensor ? constantOf(tensor, name, where) : OPAQUE;
  }

  private handle(node: NodeDef, where: string): Tensor {
    const known = this.handles.get(node) ?? this.options.variables(node, where);
    this.handles.set(node, known);
    return { kind: "variable", variable: known };
  }

  private placeholder(call: NodeCall, name: string, where: string): Tensor {
    const type = call.attr("dtype")?.type;
    if (type === RESOURCE) return this.handle(call.node, where);
    const dtype = dtypeOf(type);
    if (!dtype) return OPAQUE;
    const { shape } = call.attr("shape") ?? {};
    const stated = shape ?? call.attr("_output_shapes")?.list?.shape?.[0];
    return call.placeholder(name, shapeIn(stated, where), dtype);
  }

  /** A handle without a shape takes that of what is read through it. */
  private shapeFrom(call: NodeCall, op: string): void {
    const [handle] = call.inputs;
    if (handle?.kind !== "variable" || handle.variable.shape || op !== "ReadVariableOp") return;
    handle.variable.shape = fixedShape(call.attr("_output_shapes")?.list?.shape?.[0], call.where);
  }

  // ------------------------------------------------------------------ batch norms

  private isStatistic(node: NodeDef, frame: Frame): boolean {
    if (node.op === "Const") {
      const shape = node.attr?.find(({ key }) => key === "value")?.value?.tensor?.shape;
      return this.options.isFrozen && shape?.dim?.length === 1;
    }
    if (node.op !== "ReadVariableOp") return false;
    const [ref = ""] = dataOf(node);
    if (frame.isDone(ref)) {
      const tensor = frame.resolve(ref, frame.where);
      return tensor.kind === "variable" && !tensor.variable.trainable && tensor.variable.shape?.length === 1;
    }
    const maker = frame.nodes.get(parseReference(ref).node);
    if (!maker || !HANDLES.includes(maker.op ?? "")) return false;
    const tensor = this.handle(maker, frame.where);
    return tensor.kind === "variable" && !tensor.variable.trainable && tensor.variable.shape?.length === 1;
  }

  private restored(
    norm: Norm,
    name: string,
    frame: Frame,
    moments: Map<Norm, readonly [Tensor, Tensor]>,
  ): Tensor {
    const known = moments.get(norm);
    if (known) return name === norm.mean ? known[0] : known[1];
    const { writer } = this;
    const where = frame.placeOf(name);
    const statistic = (node: string) => {
      const def = frame.nodes.get(node) as NodeDef; // as: norms name nodes
      const [tensor = OPAQUE] = this.node(def, node, frame);
      return writer.statistic(tensor, where);
    };
    const moving = [statistic(norm.mean), statistic(norm.variance)] as const;
    const x = writer.value(frame.resolve(norm.x, where), where);
    const { shape } = writer.drawing.builder.spec(x);
    const size = writer.drawing.builder.spec(moving[0]).shape[0];
    const axis = shape.at(-1) === size ? shape.length - 1 : shape.indexOf(size as number);
    writer.note(
      "inference-norm",
      "info",
      "saved for inference: the batch norm is put back into training mode",
      where,
    );
    const layer = {
      name,
      kind: "BatchNormalization",
      isOperation: false,
      config: {},
      at: where,
      calls: [],
      inner: null,
    };
    const float32 = { compute: "float32", variable: "float32" } as const;
    const call = new LayerCall(writer.drawing, new Instance(layer, name, float32, true), this.scopeOf(name), [
      x,
    ]);
    if (axis < 0) throw call.refuse(`a dim of ${size} channels`, `[${shape}]`);
    const [mean, variance] = batchMoments(call, x, axis, moving).map((id): Tensor => ({ kind: "value", id }));
    const both = [mean, variance] as readonly [Tensor, Tensor];
    moments.set(norm, both);
    return name === norm.mean ? both[0] : both[1];
  }

  // ------------------------------------------------------------------ layers

  /** The layer a node belongs to: what stands before its last name, without the model's own. */
  private scopeOf(name: string): ScopeId {
    const { prefix } = this.options;
    const own = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const [layer = "", ...rest] = own.split("/");
    const path = rest.length > 0 ? layer.slice(0, 200) : "";
    if (path === "") return 0;
    const known = this.scopes.get(path) ?? this.writer.drawing.builder.scope(path, "layer");
    this.scopes.set(path, known);
    return known;
  }
}

/** Nodes that hold a variable. */
export const HANDLES = ["VarHandleOp", "VariableV2", "Variable"];

/** A loop's way back counts as no input: one turn runs. */
function dataOf(node: NodeDef | undefined): readonly string[] {
  const refs = (node?.input ?? []).filter((text) => !text.startsWith("^"));
  return node?.op === "Merge" ? refs.filter((text) => !/(^|\/)NextIteration/.test(text)) : refs;
}
