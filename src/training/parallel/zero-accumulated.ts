/**
 * DeepSpeed's ZeRO 1 with bf16 parameters and float32 gradients (BF16_Optimizer): after every backward, gradients are added to one
 * float32 tensor of all of them; the rank steps a float32 copy of its part.
 *
 * Source   deepspeed/runtime/bf16_optimizer.py, deepspeed/runtime/engine.py (allreduce_bucket), DeepSpeed 0.19.8
 * Checked  recorded steps ds_*_z1_fp32grads
 */
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Value, ValueId } from "../../ir/graph.js";
import type { BlockId } from "../../ir/step.js";
import type { Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { arriveApart, arriveAsIs, make, pass, trainedParameters } from "./rank-blocks.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";
import { partition, type Partition } from "./zero-partition.js";

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly ranks: number;
  readonly stored: DType;
  readonly gradients: Gradients;
}

export class ZeroAccumulated implements RankHooks {
  readonly separateGradients = false;
  readonly clipsItself = true;
  readonly reducesLast = true;
  private readonly context: Context;
  private readonly trained: readonly Value[];
  private readonly flat: Partition;
  private readonly originals = new Map<ValueId, BlockId>();
  private last = true;

  constructor(context: Context) {
    this.context = context;
    this.trained = trainedParameters(context.tape.graph);
    this.flat = partition(this.trained, context.ranks);
  }

  arrive(value: Value): void {
    if (!value.trainable) arriveAsIs(this.context, value);
    else
      this.originals.set(
        value.id,
        arriveApart(this.context, value, "a parameter, until it is part of the flat one"),
      );
  }

  wrapped(): void {
    const { ledger, stored, ranks } = this.context;
    const { count, padding, share } = this.flat;
    const pad =
      padding > 0
        ? make(ledger, {
            count: padding,
            dtype: stored,
            label: "padding",
            because: "parts of ranks are equal",
          })
        : null;
    make(ledger, {
      count,
      dtype: stored,
      label: "parameters, flat",
      because: "all trained parameters as one tensor; they are views of it",
      category: "parameters",
    });
    for (const block of this.originals.values()) ledger.free(block);
    if (pad !== null) ledger.drop(pad);
    const because = `float32 copy of 1/${ranks} of the parameters`;
    const copy = make(ledger, {
      count: share,
      dtype: stored,
      label: "master parameters",
      because,
      category: "temporaries",
    });
    make(ledger, {
      count: share,
      dtype: "float32",
      label: "master parameters",
      because,
      category: "masterParameters",
    });
    ledger.drop(copy);
    make(ledger, {
      count,
      dtype: "float32",
      label: "gradients, flat",
      because: "gradients of all micro-batches are added up in it",
      category: "gradients",
    });
  }

  /** One tensor, in the name of the first parameter. */
  stepped(): readonly Value[] {
    return this.trained.slice(0, 1);
  }

  ownedSpec(): { readonly shape: readonly number[]; readonly dtype: DType } {
    return { shape: [this.flat.share], dtype: "float32" };
  }

  micro(last: boolean): void {
    this.last = last;
  }

  /** 16-bit gradients are set to zero before the next backward, and let go of after the step. */
  afterBackward(computed: Gradients): void {
    const { ledger, stored } = this.context;
    for (const { id, spec } of this.trained) {
      if (!computed.has(id)) continue;
      pass(ledger, {
        count: elements(spec.shape),
        dtype: "float32",
        label: "gradient in float32",
        because: "added to the flat one",
        category: "temporaries",
      });
    }
    if (this.last)
      pass(ledger, {
        count: this.flat.count,
        dtype: stored,
        label: "gradients, cast",
        because: "reduced over all replicas in the parameters' type",
      });
  }

  afterStep(): void {
    this.forget();
  }

  /** They were let go of in the step. */
  zeroed(): void {}

  private forget(): void {
    const { ledger, gradients } = this.context;
    for (const block of gradients.values()) ledger.drop(block);
    gradients.clear();
  }
}
