/**
 * The backward pass as autograd's engine runs it: the ready node that was created last goes first; its saved tensors
 * die right after it; gradients that meet are added in place when nobody else holds the first.
 *
 * Source  torch/csrc/autograd/engine.cpp (evaluate_function, validate_outputs), input_buffer.cpp (accumulate),
 *         functions/accumulate_grad.h
 */
import { sameShape } from "../base/shape.js";
import { type Bytes, NO_BYTES } from "../base/units.js";
import {
  type BackwardCall,
  type Device,
  elementwise,
  type Held,
  type Kernel,
  summedTo,
} from "../frameworks/pytorch/kernel.js";
import { KernelRun } from "../frameworks/pytorch/kernel-run.js";
import { kernelRule } from "../frameworks/pytorch/table.js";
import type { ValueId, Value } from "../ir/graph.js";
import type { BlockId } from "../ir/step.js";
import type { GradNode, GradNodeId, StorageId, Tape } from "../ir/tape.js";
import { isContiguous, isNonOverlappingAndDense, packedSize, type TensorSpec } from "../ir/tensor.js";
import type { Ledger } from "./ledger.js";
import type { Offload } from "./offload.js";
import type { Recomputation } from "./recompute.js";

/** One tensor object of the backward pass; several may share a block. */
class Gradient implements Held {
  /** Input buffers and kernels that hold this very object. */
  uses = 0;
  readonly spec: TensorSpec;
  readonly storage: BlockId;
  declare readonly view?: true;

  constructor({ spec, storage, view }: Held) {
    this.spec = spec;
    this.storage = storage;
    if (view) this.view = view;
  }
}

/** What a backward pass needs from the rest of the step. */
export interface BackwardContext {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly device: Device;
  /** Gives up one saved use of a forward storage. */
  readonly releaseSaved: (storage: StorageId) => void;
  /** Regions that are computed again for their gradients. */
  readonly recomputation: Recomputation;
  /** Saved tensors in host memory; null keeps them on the device. */
  readonly offload: Offload | null;
  /** cuBLAS is called from the backward thread. */
  readonly blas: () => void;
  /** Gradients by parameter; filled, or added to when kept from the step before. */
  readonly parameterGradients: Map<ValueId, BlockId>;
  /** Where gradients of a parameter are added up or laid out anew. Absent: on the stream that computes. */
  readonly parameterStream?: number;
  /** Post-accumulate-grad hooks. */
  readonly accumulated?: (parameter: ValueId) => void;
  /** Hooks on tensors: a gradient's kernels are about to run. */
  readonly before?: (node: GradNode) => void;
  /** Callbacks of the engine: every gradient is computed. */
  readonly finished?: () => void;
  /** Where the gradient of the root lies, when another rank sends it. */
  readonly received?: BlockId;
}

export function planBackward(context: BackwardContext): void {
  const { tape, ledger } = context;
  const root = tape.root;
  if (!root?.edge) return;
  const pass = new BackwardPass(context);
  const { received } = context;
  const start =
    received === undefined
      ? pass.fresh(root.spec, "gradient of the loss")
      : new Gradient({ spec: root.spec, storage: received });
  ledger.hold(start.storage);
  pass.deliver(root.edge, start);
  pass.run();
  context.finished?.();
  ledger.drop(start.storage);
}

class BackwardPass {
  private readonly context: BackwardContext;
  private readonly waiting: Int32Array;
  private readonly inbox: (Gradient | null)[][];
  private readonly ready = new NewestFirst();
  /** By parameter: gradients still to come, and their sum so far. */
  private readonly parameterUses: Int32Array;
  private readonly parameterInbox: (Gradient | null)[] = [];
  private readonly kernel: KernelRun;
  /** What the blocks of the running kernel are called. */
  private running = "";

  constructor(context: BackwardContext) {
    this.context = context;
    this.kernel = new KernelRun(context.device, {
      make: (spec, size, use) => {
        const made = this.fresh(spec, this.running, size, use === "tensor" ? "temporaries" : "workspace");
        if (use === "trial") context.ledger.tries(made.storage);
        return made;
      },
      release: (storage) => context.ledger.free(storage),
      blas: context.blas,
      kept: (label, size) => this.fresh({ shape: [size], strides: [1], dtype: "uint8" }, label, size), // none does
    });
    const nodes = context.tape.gradNodes;
    this.waiting = new Int32Array(nodes.length);
    this.parameterUses = new Int32Array(context.tape.graph.values.length);
    this.inbox = nodes.map(({ outputs }) => outputs.map(() => null));
    this.countDependencies();
  }

  run(): void {
    for (let id = this.ready.pop(); id !== undefined; id = this.ready.pop())
      this.evaluate(this.context.tape.gradNodes[id] as GradNode);
  }

  /** A new tensor in its own block, held by nobody. */
  fresh(
    spec: TensorSpec,
    label: string,
    size: Bytes = packedSize(spec),
    category: "temporaries" | "workspace" = "temporaries",
  ): Gradient {
    const because = category === "workspace" ? "scratch of a backward kernel" : "being computed in backward";
    const block = this.context.ledger.declare(size, category, label, because, spec);
    this.context.ledger.allocate(block);
    return new Gradient({ spec, storage: block });
  }

  /** Adds `gradient` to what its consumer has received; the consumer runs when all of it is there. */
  deliver(edge: GradNode["edges"][number], gradient: Gradient | null): void {
    if (edge === null) return;
    if ("parameter" in edge) {
      const before = this.parameterInbox[edge.parameter] ?? null;
      const sum = gradient ? this.add(before, gradient) : before;
      if (sum && sum !== before && sum !== gradient) this.forParameter(sum);
      if (sum) this.parameterInbox[edge.parameter] = sum;
      this.parameterUses[edge.parameter] = (this.parameterUses[edge.parameter] as number) - 1;
      return;
    }
    const box = this.inbox[edge.node] as (Gradient | null)[];
    if (gradient) box[edge.slot] = this.add(box[edge.slot] ?? null, gradient);
    const left = (this.waiting[edge.node] as number) - 1;
    this.waiting[edge.node] = left;
    if (left <= 0) this.ready.push(edge.node);
  }

  private evaluate(node: GradNode): void {
    const { ledger } = this.context;
    ledger.at = node.node;
    this.context.before?.(node);
    const grads = this.inbox[node.id] as (Gradient | null)[];
    const results = grads.some((grad) => grad !== null) ? this.gradientsOf(node, grads) : [];
    for (const grad of grads) if (grad) this.give(grad);
    const { recomputation, offload } = this.context;
    if (recomputation.covers(node.node)) {
      recomputation.release(node); // unless its kernels ran
      recomputation.leave(node);
    } else if (offload) offload.release();
    else if (node.holds) for (const storage of node.holds) this.context.releaseSaved(storage);
    else for (const { tensor } of node.saved) this.context.releaseSaved(tensor.storage);
    for (let i = 0; i < node.edges.length; i++)
      this.deliver(node.edges[i] as GradNode["edges"][number], results[i] ?? null);
    for (const edge of node.edges) {
      if (edge && "parameter" in edge && this.parameterUses[edge.parameter] === 0)
        this.accumulate(edge.parameter);
    }
  }

  /** Runs the node's kernels; every result is held once per edge it goes to. */
  private gradientsOf(node: GradNode, grads: readonly (Gradient | null)[]): (Gradient | null)[] {
    const { kernel } = this;
    const saved: Record<string, Held> = {};
    const { recomputation, offload } = this.context;
    const replayed = recomputation.covers(node.node);
    if (replayed) recomputation.unpack(node);
    const returned = replayed ? undefined : offload?.unpack(node);
    node.saved.forEach(({ name, tensor }, i) => {
      saved[name] = replayed
        ? { ...tensor, storage: recomputation.blockOf(tensor.storage) }
        : (returned?.[i] ?? tensor);
    });
    const call: BackwardCall = {
      grads,
      saved,
      inputs: node.inputs,
      ports: node.ports,
      outputs: node.outputs,
      needs: node.edges.map((edge) => edge !== null),
      attributes: node.attributes,
    };
    this.running = node.op;
    const results = node.fused
      ? node.fused.map((inside, i) => {
          if (!call.needs[i]) return null;
          const spec = node.inputs[i] as TensorSpec;
          return this.fresh(spec, this.running, inside ? NO_BYTES : undefined);
        })
      : node.op === "copySlices"
        ? copySlices(kernel, call, node)
        : kernelRule(node.op).backward(kernel, call);
    kernel.end(results);
    const out: (Gradient | null)[] = [];
    for (let i = 0; i < results.length; i++) {
      const tensor = results[i];
      const same = tensor ? results.indexOf(tensor) : i; // one tensor for two inputs is one object
      out.push(same < i ? (out[same] ?? null) : tensor ? this.object(tensor) : null);
    }
    for (const gradient of out) if (gradient) this.take(gradient);
    if (replayed) recomputation.release(node);
    else offload?.release();
    // validate_outputs: a broadcast input's gradient is summed to its shape, and has its dtype
    for (let i = 0; i < out.length; i++) {
      const input = node.inputs[i] as TensorSpec;
      if (out[i] && !sameShape((out[i] as Gradient).spec.shape, input.shape))
        out[i] = this.converted(out[i] as Gradient, (gradient) => summedTo(kernel, gradient, input.shape));
      if (out[i] && (out[i] as Gradient).spec.dtype !== input.dtype)
        out[i] = this.converted(out[i] as Gradient, (gradient) =>
          elementwise(kernel, [gradient], input.dtype),
        );
    }
    return out;
  }

  /** The engine's own kernel on a gradient, whose hold goes to the result. */
  private converted(gradient: Gradient, convert: (gradient: Gradient) => Held): Gradient {
    return this.replace(
      gradient,
      this.own(() => convert(gradient)),
    );
  }

  /** A kernel that autograd itself runs. */
  private own(run: () => Held, label = this.running): Held {
    this.running = label;
    const result = run();
    this.kernel.end([result]);
    return result;
  }

  private replace(old: Gradient, by: Held): Gradient {
    const next = this.object(by);
    this.take(next);
    this.give(old);
    return next;
  }

  /** Kernels return tensors; a returned gradient is the same object, a view of it is another. */
  private object(tensor: Held): Gradient {
    return tensor instanceof Gradient ? tensor : new Gradient(tensor);
  }

  private take(tensor: Gradient): void {
    tensor.uses += 1;
    this.context.ledger.hold(tensor.storage);
  }

  private give(tensor: Gradient): void {
    tensor.uses -= 1;
    this.context.ledger.drop(tensor.storage);
  }

  /** Sum of two gradients: in place when the first is held here alone, dense and no view. Takes over both holds. */
  private add(before: Gradient | null, gradient: Gradient): Gradient {
    if (before === null) {
      if (gradient.uses === 0) this.take(gradient);
      return gradient;
    }
    const alone = before.uses === 1 && !before.view && this.context.ledger.holdersOf(before.storage) === 1;
    if (alone && isNonOverlappingAndDense(before.spec)) {
      this.give(gradient);
      return before;
    }
    const sum = this.object(this.own(() => elementwise(this.kernel, [before, gradient]), "sum of gradients"));
    this.take(sum);
    this.give(before);
    this.give(gradient);
    return sum;
  }

  /** AccumulateGrad: takes the gradient over when nobody else holds it and it is laid out like the parameter. */
  private accumulate(parameter: ValueId): void {
    const { ledger, parameterGradients, tape } = this.context;
    this.parameterUses[parameter] = -1;
    const gradient = this.parameterInbox[parameter];
    if (!gradient) return;
    this.parameterInbox[parameter] = null;
    if (parameterGradients.has(parameter)) {
      this.give(gradient); // added into the gradient kept from before
      return;
    }
    const value = tape.graph.values[parameter] as Value;
    let kept = gradient;
    if (gradient.uses !== 1 || !laidOutLike(gradient.spec, value.spec)) {
      kept = this.replace(gradient, this.fresh(value.spec, value.name));
      this.forParameter(kept);
    }
    parameterGradients.set(parameter, kept.storage);
    if (value.role === "parameter")
      ledger.categorize(kept.storage, "gradients", "alive from backward to the next zero_grad");
    ledger.rename(kept.storage, value.name);
    this.context.accumulated?.(parameter);
  }

  private forParameter({ storage }: Gradient): void {
    const { ledger, parameterStream } = this.context;
    if (parameterStream !== undefined) ledger.onStream(storage, parameterStream);
  }

  private countDependencies(): void {
    const { tape } = this.context;
    const seen = new Uint8Array(tape.gradNodes.length);
    const visit = (edge: GradNode["edges"][number]) => {
      if (edge === null) return;
      if ("parameter" in edge) {
        this.parameterUses[edge.parameter] = (this.parameterUses[edge.parameter] as number) + 1;
        return;
      }
      this.waiting[edge.node] = (this.waiting[edge.node] as number) + 1;
      if (seen[edge.node] === 1) return;
      seen[edge.node] = 1;
      stack.push(edge.node);
    };
    const stack: GradNodeId[] = [];
    visit(tape.root?.edge ?? null);
    for (let id = stack.pop(); id !== undefined; id = stack.pop())
      for (const edge of (tape.gradNodes[id] as GradNode).edges) visit(edge);
  }
}

/** A max-heap of node ids: autograd's ready queue, ordered by creation. */
class NewestFirst {
  private readonly items: GradNodeId[] = [];

  push(id: GradNodeId): void {
    const { items } = this;
    let at = items.push(id) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if ((items[up] as number) >= id) break;
      items[at] = items[up] as number;
      at = up;
    }
    items[at] = id;
  }

  pop(): GradNodeId | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as number) > (items[child] as number)) child++;
      if ((items[child] as number) <= last) break;
      items[at] = items[child] as number;
      at = child;
    }
    items[at] = last;
    return top;
  }
}

/** utils::obeys_layout_contract: the parameter's strides where it is dense, row-major otherwise. */
function laidOutLike(gradient: TensorSpec, parameter: TensorSpec): boolean {
  if (!isNonOverlappingAndDense(parameter)) return isContiguous(gradient);
  return gradient.strides.every(
    (stride, dim) => stride === parameter.strides[dim] || gradient.shape[dim] === 1,
  );
}

/** An in-place operator on a view: the base's gradient is copied, and the part the view shows is replaced in it. */
function copySlices(kernel: Kernel, call: BackwardCall, node: GradNode): (Held | null)[] {
  const inner = kernelRule(String(node.attributes.inner));
  const base = node.inputs[0] as TensorSpec;
  const whole = kernel.empty(base);
  const shown = node.shown ?? base;
  const part = kernel.empty({ shape: shown.shape, strides: shown.strides, dtype: shown.dtype });
  const results = inner.backward(kernel, {
    ...call,
    grads: [part],
    inputs: [shown, ...node.inputs.slice(1)],
  });
  if (!results.includes(part)) kernel.free(part);
  if (results[0] && results[0] !== part) kernel.free(results[0]);
  return [call.needs[0] ? whole : null, ...results.slice(1)];
}
