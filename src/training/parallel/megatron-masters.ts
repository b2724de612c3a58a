/**
 * Megatron-LM's optimizers on rank 0: each gradient is added to its place in one buffer as soon as it is there, and the optimizer
 * steps float32 copies. The distributed optimizer has the parameters in a buffer, too, and steps one part of it.
 *
 * Source  Megatron-LM d98e8a64: megatron/core/optimizer/optimizer.py (Float16OptimizerWithFloat16Params), distrib_optimizer.py
 *         (_build_model_and_main_param_groups, _copy_model_grads_to_main_grads), distributed/param_and_grad_buffer.py,
 *         distributed_data_parallel.py (_make_backward_post_hook), optimizer/param_layout.py
 * Checked not recorded
 * Omits   overlap_grad_reduce, overlap_param_gather, gradient accumulation inside of matrix products, other ranks than the first
 */
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { bytes } from "../../base/units.js";
import type { Value, ValueId } from "../../ir/graph.js";
import type { MasterWeights, Mesh } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { arriveApart, arriveAsIs, make, trainedParameters } from "./rank-blocks.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";

/** Elements that a parameter's start, and the end of all, are multiples of. param_layout.py */
const PARAMETER_ALIGNMENT = 64;
const END_ALIGNMENT = 128;

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly masters: MasterWeights;
  readonly mesh: Mesh;
  readonly stored: DType;
  readonly gradients: Gradients;
}

export class MegatronMasters implements RankHooks {
  readonly separateGradients = true;
  readonly clipsItself = true;
  private readonly context: Context;
  private readonly trained: readonly Value[];
  private readonly originals = new Map<ValueId, BlockId>();
  /** By parameter: elements that this rank steps. */
  private readonly owned = new Map<ValueId, number>();
  private readonly count: number;
  /** Float32 copies of 16-bit gradients, there until the next step begins. */
  private readonly copies: BlockId[] = [];
  private copied = false;

  constructor(context: Context) {
    this.context = context;
    this.trained = trainedParameters(context.tape.graph);
    this.count = this.layOut();
  }

  arrive(value: Value): void {
    if (!value.trainable || this.ranks === 1) arriveAsIs(this.context, value);
    else
      this.originals.set(
        value.id,
        arriveApart(this.context, value, "a parameter, until it lies in the buffer"),
      );
  }

  wrapped(): void {
    const { ledger, masters, stored } = this.context;
    const { count } = this;
    if (this.ranks > 1)
      make(ledger, {
        count,
        dtype: stored,
        label: "parameters, in one buffer",
        because: "all trained parameters; gathered into it after the step",
        category: "parameters",
      });
    make(ledger, {
      count,
      dtype: masters.gradients,
      label: "gradients, in one buffer",
      because: "gradients of all micro-batches are added up in it",
      category: "gradients",
    });
    for (const block of this.originals.values()) ledger.free(block);
    for (const [id, own] of this.owned) {
      const label = (this.context.tape.graph.values[id] as Value).name;
      const copy = make(ledger, {
        count: own,
        dtype: stored,
        label,
        because: "cloned for its master",
        category: "temporaries",
      });
      make(ledger, {
        count: own,
        dtype: "float32",
        label,
        because: "float32 copy that the optimizer steps",
        category: "masterParameters",
      });
      ledger.drop(copy);
    }
  }

  stepped(parameters: readonly Value[]): readonly Value[] {
    return parameters.filter(({ id }) => this.owned.has(id));
  }

  ownedSpec({ id, spec }: Value): { readonly shape: readonly number[]; readonly dtype: DType } {
    return { shape: this.ranks > 1 ? [this.owned.get(id) ?? 0] : spec.shape, dtype: "float32" };
  }

  beginStep(): void {
    if (this.copied) for (const block of this.copies) this.context.ledger.drop(block);
    this.copied = false;
  }

  accumulated(id: ValueId, computed: Gradients): void {
    const { ledger, gradients } = this.context;
    const block = computed.get(id) as BlockId;
    ledger.categorize(block, "temporaries", "a gradient, until it is added to the buffer");
    ledger.drop(block);
    computed.delete(id);
    gradients.set(id, this.view);
  }

  beforeStep(): void {
    const { ledger, masters } = this.context;
    if (masters.gradients === "float32") return;
    this.copied = true;
    for (const block of this.copies) {
      ledger.allocate(block);
      ledger.hold(block);
    }
    if (this.copies.length > 0) return;
    const because = "the gradient that the optimizer is given, let go of when the next step begins";
    for (const [id, count] of this.owned) {
      const label = (this.context.tape.graph.values[id] as Value).name;
      this.copies.push(make(ledger, { count, dtype: "float32", label, because, category: "gradients" }));
    }
  }

  /** The buffer stays. */
  zeroed(): void {}

  private get ranks(): number {
    const { masters, mesh } = this.context;
    return masters.sharded ? mesh.dp : 1;
  }

  /** Parameters in reverse, as backward reaches them; the first rank has the first part. Returns the elements of the buffer. */
  private layOut(): number {
    const starts: [Value, number][] = [];
    let end = 0;
    for (const value of [...this.trained].reverse()) {
      if (this.ranks > 1) end = roundUp(end, PARAMETER_ALIGNMENT);
      starts.push([value, end]);
      end += elements(value.spec.shape);
    }
    if (this.ranks > 1) end = roundUp(end, multiple(this.ranks, END_ALIGNMENT));
    const share = end / this.ranks;
    for (const [{ id, spec }, start] of starts.reverse()) {
      const own = Math.min(elements(spec.shape), share - start);
      if (own > 0) this.owned.set(id, own);
    }
    return end;
  }

  /** Stands for a part of the buffer: nobody frees it. */
  private get view(): BlockId {
    const block = this.context.ledger.declare(bytes(0), "gradients", "view", "part of the buffer", null);
    this.context.ledger.hold(block);
    return block;
  }
}

const roundUp = (count: number, to: number) => Math.ceil(count / to) * to;

/** The least common one. */
function multiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a / divisor(a, b)) * b;
}
