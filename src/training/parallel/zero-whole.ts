/**
 * DeepSpeed without ZeRO: every parameter has a float32 copy, whose gradient is made for the step alone. Gradients are reduced in
 * packed pieces after backward.
 *
 * Source   deepspeed/runtime/fp16/unfused_optimizer.py (FP16_UnfusedOptimizer), deepspeed/runtime/engine.py
 *          (buffered_allreduce_fallback, allreduce_no_retain), DeepSpeed 0.19.8
 * Checked  recorded steps ds_*_z0
 */
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Value, ValueId } from "../../ir/graph.js";
import type { BlockId } from "../../ir/step.js";
import type { Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { make, pass, trainedParameters } from "./rank-blocks.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";

/** MEMORY_OPT_ALLREDUCE_SIZE of deepspeed/runtime/engine.py, elements. */
const PIECE = 5e8;

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly stored: DType;
  readonly gradients: Gradients;
}

export class ZeroWhole implements RankHooks {
  readonly separateGradients = false;
  readonly clipsItself = true;
  readonly reducesLast = true;
  readonly stepAtOnce?: (step: () => void) => void;
  private readonly context: Context;
  private readonly trained: readonly Value[];
  private last = true;
  private copies: BlockId[] = [];

  constructor(context: Context) {
    this.context = context;
    this.trained = trainedParameters(context.tape.graph);
    if (this.hasMasters) this.stepAtOnce = (step) => this.initialize(step);
  }

  wrapped(): void {
    const { ledger, stored } = this.context;
    if (!this.hasMasters) return;
    for (const { name, spec } of this.trained) {
      const count = elements(spec.shape);
      const copy = make(ledger, {
        count,
        dtype: stored,
        label: name,
        because: "cloned for its master",
        category: "temporaries",
      });
      make(ledger, {
        count,
        dtype: "float32",
        label: name,
        because: "float32 copy that the optimizer steps",
        category: "masterParameters",
      });
      ledger.drop(copy);
    }
  }

  /** initialize_optimizer_states: a step with gradients of zeros. */
  private initialize(step: () => void): void {
    const { ledger, gradients } = this.context;
    const zeros = this.trained.map((value) => this.copyOf(value));
    for (const { id } of this.trained) gradients.set(id, -1);
    step();
    gradients.clear();
    for (const block of zeros) ledger.drop(block);
  }

  ownedSpec({ spec }: Value): { readonly shape: readonly number[]; readonly dtype: DType } {
    return { shape: spec.shape, dtype: "float32" };
  }

  micro(last: boolean): void {
    this.last = last;
  }

  afterBackward(computed: Gradients): void {
    const { ledger, stored } = this.context;
    if (!this.last) return;
    for (const piece of pieces(this.trained.filter(({ id }) => computed.has(id)))) {
      if (piece.length === 1) continue; // a single one is reduced in place
      const count = piece.reduce((sum, { spec }) => sum + elements(spec.shape), 0);
      pass(ledger, {
        count,
        dtype: stored,
        label: "gradients, packed",
        because: "reduced over all replicas in one piece",
      });
    }
  }

  beforeStep(): void {
    const { ledger } = this.context;
    if (!this.hasMasters) return;
    const own = this.trained.filter(({ id }) => this.has(id));
    for (const { spec } of own)
      pass(ledger, {
        count: elements(spec.shape),
        dtype: "float32",
        label: "gradient in float32",
        because: "looked through for infinities",
        category: "temporaries",
      });
    this.copies = own.map((value) => this.copyOf(value));
  }

  afterStep(): void {
    for (const block of this.copies.splice(0)) this.context.ledger.drop(block);
  }

  private copyOf({ name, spec }: Value): BlockId {
    return make(this.context.ledger, {
      count: elements(spec.shape),
      dtype: "float32",
      label: name,
      because: "the gradient that the optimizer is given",
      category: "gradients",
    });
  }

  private get hasMasters(): boolean {
    return this.context.stored !== "float32";
  }

  private has(id: ValueId): boolean {
    return this.context.gradients.has(id);
  }
}

/** As soon as a piece has more elements than the limit, the next begins. */
function pieces(values: readonly Value[]): Value[][] {
  const full: Value[][] = [];
  let open: Value[] = [];
  let size = 0;
  for (const value of values) {
    open.push(value);
    size += elements(value.spec.shape);
    if (size <= PIECE) continue;
    full.push(open);
    open = [];
    size = 0;
  }
  return open.length > 0 ? [...full, open] : full;
}
