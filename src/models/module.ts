/**
 * A model as PyTorch's code writes it: modules are constructed, in the order of their definition, and then called.
 *
 * Construction declares parameters and buffers; their order on the device is that of `Module.to`: a module's children
 * first, then its own parameters, then its own buffers. A call opens a scope in the graph (frame.ts).
 */
import type { DType } from "../base/dtype.js";
import type { Shape } from "../base/shape.js";
import type { Graph, ValueId } from "../ir/graph.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { GraphBuilder } from "../ops/build.js";
import type { Drawing, RunOptions } from "./drawing.js";
import { Frame } from "./frame.js";

/** A module that is ready to be called by code that runs in `caller`. */
export type Layer<A extends readonly unknown[] = [ValueId], R = ValueId> = (caller: Frame, ...args: A) => R;

export class Module {
  /** Its name in the model, such as `model.layers.0.mlp`. */
  readonly path: string;
  private readonly drawing: Drawing;
  private readonly children: Module[] = [];
  private readonly parameters: ValueId[] = [];
  private readonly buffers: ValueId[] = [];

  constructor(drawing: Drawing, path = "") {
    this.drawing = drawing;
    this.path = path;
  }

  get run(): RunOptions {
    return this.drawing.run;
  }

  /** A submodule; `name` may have dots, for a list's entries. */
  child(name: string): Module {
    const child = new Module(this.drawing, this.pathOf(name));
    this.children.push(child);
    return child;
  }

  parameter(name: string, shape: Shape): ValueId {
    const id = this.drawing.builder.value(this.pathOf(name), "parameter", dense(shape, "float32"));
    this.parameters.push(id);
    return id;
  }

  /** A parameter that the model's own code freezes: it never has a gradient. */
  frozen(name: string, shape: Shape): ValueId {
    const spec = dense(shape, "float32");
    const id = this.drawing.builder.value(this.pathOf(name), "parameter", spec, { trainable: false });
    this.parameters.push(id);
    return id;
  }

  /** A parameter that another module declared too. */
  shares(id: ValueId): ValueId {
    this.parameters.push(id);
    return id;
  }

  /** Untrained state. A float one follows the model's type unless `keepsType`: made in a type of its own. */
  buffer(name: string, shape: Shape, dtype: DType = "float32", keepsType = false): ValueId {
    const id = this.drawing.builder.value(this.pathOf(name), "buffer", dense(shape, dtype), { keepsType });
    this.buffers.push(id);
    return id;
  }

  /** What a call of this module runs. `block`: `torch.utils.checkpoint` can recompute it. */
  layer<A extends readonly unknown[], R>(
    kind: string,
    forward: (frame: Frame, ...args: A) => R,
    options: { readonly block?: boolean } = {},
  ): Layer<A, R> {
    return (caller, ...args) =>
      caller.enter({ path: this.path, kind, block: options.block === true }, args, (frame) =>
        forward(frame, ...args),
      );
  }

  /** Parameters and buffers in the order `Module.to` moves them; what is shared comes again. */
  residents(): ValueId[] {
    return [...this.children.flatMap((child) => child.residents()), ...this.parameters, ...this.buffers];
  }

  private pathOf(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}

export interface DrawnModel {
  /** Tensors the training loop passes in, in the order it makes them. */
  readonly inputs: readonly { readonly name: string; readonly spec: TensorSpec }[];
  /** Constructs the model under `root`; the layer takes the inputs' values and returns what the loop gets. */
  readonly construct: (root: Module) => Layer<[ReadonlyMap<string, ValueId>], readonly ValueId[]>;
}

/** The graph of one forward call. */
export function drawModel(name: string, kind: string, run: RunOptions, model: DrawnModel): Graph {
  const builder = new GraphBuilder(name, kind);
  const drawing: Drawing = { builder, run };
  const root = new Module(drawing);
  const forward = model.construct(root);
  const values = new Map<string, ValueId>();
  for (const input of model.inputs) values.set(input.name, builder.value(input.name, "input", input.spec));
  const outputs = new Frame(drawing, 0).call([], (frame) => forward(frame, values));
  return builder.finish(outputs, [...new Set(root.residents())]);
}
