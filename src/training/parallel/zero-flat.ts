/**
 * DeepSpeed's ZeRO stages 1 and 2 on rank 0: the parameters are views of one flat tensor; the rank steps a float32 copy of its part
 * of it. Gradients are copied into a bucket, reduced from there, and those of the rank's part are kept.
 *
 * Source   deepspeed/runtime/zero/stage_1_and_2.py (DeepSpeedZeroOptimizer), DeepSpeed 0.19.8: setup_buckets,
 *          reduce_independent_p_g_buckets_and_remove_grads, average_tensor, copy_grads_in_partition, get_grad_norm_direct, step
 * Checked  recorded steps ds_*_z1*, ds_*_z2*
 * Omits    ranks other than the first; contiguous_gradients=false, round_robin_gradients, communication_data_type
 */
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Value, ValueId } from "../../ir/graph.js";
import type { Zero } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { arriveApart, arriveAsIs, make, pass, trainedParameters } from "./rank-blocks.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";
import { partition, type Partition, type Slice } from "./zero-partition.js";

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly zero: Zero;
  readonly ranks: number;
  /** What parameters are stored in. */
  readonly stored: DType;
  /** Of what this rank owns; shared with the step. */
  readonly gradients: Gradients;
}

export class ZeroFlat implements RankHooks {
  readonly clipsItself = true;
  /** Stage 1 adds micro-batches up in whole gradients; stage 2 never has them all. */
  readonly separateGradients: boolean;
  readonly reducesLast?: true;
  private readonly context: Context;
  private readonly trained: readonly Value[];
  private readonly flat: Partition;
  private readonly originals = new Map<ValueId, BlockId>();
  private readonly buckets: BlockId[] = [];
  /** Gradients in the bucket, with the blocks of those too large for it. */
  private bucket: { readonly value: Value; readonly own: BlockId | null }[] = [];
  private filled = 0;
  /** Reduced gradients of the rank's part, whole parameters. */
  private kept: BlockId | null = null;
  /** What the optimizer sees as gradient. */
  private applied: BlockId | null = null;
  private last = true;

  constructor(context: Context) {
    this.context = context;
    this.trained = trainedParameters(context.tape.graph);
    this.flat = partition(this.trained, context.ranks);
    this.separateGradients = context.zero.stage === 2;
    if (context.zero.stage === 1) this.reducesLast = true;
  }

  /** The whole model is there before it is flattened. */
  arrive(value: Value): void {
    if (!value.trainable) arriveAsIs(this.context, value);
    else
      this.originals.set(
        value.id,
        arriveApart(this.context, value, "a parameter, until it is part of the flat one"),
      );
  }

  wrapped(): void {
    const { ledger, stored, ranks, zero } = this.context;
    const { count, padding, share } = this.flat;
    const because = "all trained parameters as one tensor; they are views of it";
    const pad = padding > 0 ? make(ledger, { ...PADDING, count: padding, dtype: stored }) : null;
    make(ledger, { count, dtype: stored, label: "parameters, flat", because, category: "parameters" });
    for (const block of this.originals.values()) ledger.free(block);
    if (pad !== null) ledger.drop(pad);
    const part = {
      count: share,
      label: "master parameters",
      because: `float32 copy of 1/${ranks} of the parameters`,
    };
    const copy = make(ledger, {
      ...part,
      dtype: stored,
      category: stored === "float32" ? "masterParameters" : "temporaries",
    });
    if (zero.offloadOptimizer) {
      ledger.drop(copy);
      const largest = Math.max(...this.trained.map(({ spec }) => elements(spec.shape)));
      make(ledger, {
        count: largest,
        dtype: stored,
        label: "gradient on its way to the host",
        because: "as large as the largest parameter, kept",
      });
      return;
    }
    if (stored !== "float32") {
      make(ledger, { ...part, dtype: "float32", category: "masterParameters" });
      ledger.drop(copy);
    }
    pass(ledger, {
      count: share,
      dtype: "float32",
      label: "gradients of the rank's part",
      because: "made and given up at once",
    });
  }

  /** One tensor, in the name of the first parameter. */
  stepped(): readonly Value[] {
    return this.context.zero.offloadOptimizer ? [] : this.trained.slice(0, 1);
  }

  ownedSpec(): { readonly shape: readonly number[]; readonly dtype: DType } {
    return { shape: [this.flat.share], dtype: "float32" };
  }

  micro(last: boolean): void {
    this.last = last;
  }

  accumulated(id: ValueId, computed: Gradients): void {
    this.setUpBuckets();
    if (this.context.zero.stage === 2) this.fill(id, computed);
  }

  afterBackward(computed: Gradients): void {
    const { zero, ledger } = this.context;
    if (zero.stage === 1) {
      if (!this.last) return; // the bucket stays, too
      for (const { id } of this.trained) if (computed.has(id)) this.fill(id, computed);
    }
    this.reduce();
    if (this.kept !== null && this.summed === undefined) this.context.gradients.set(this.name, this.kept);
    else if (this.kept !== null) ledger.drop(this.kept); // added to what is there
    this.kept = null;
    for (const block of this.buckets.splice(0)) ledger.drop(block);
  }

  /** Norms in float64, one gradient after the other; then what is kept becomes one float32 tensor. */
  beforeStep(): void {
    const { ledger, stored, zero } = this.context;
    if (zero.offloadOptimizer) return;
    const pieces = this.ownPieces();
    const because = "the norm of a gradient is computed in float64";
    for (const count of pieces)
      pass(ledger, {
        count,
        dtype: "float64",
        label: "gradient in float64",
        because,
        category: "temporaries",
      });
    const one = {
      count: this.flat.share,
      label: "gradients of the rank's part",
      category: "gradients",
    } as const;
    if (this.accumulates) {
      this.applied = this.summed ?? null; // as float32 all along
      return;
    }
    const joined =
      pieces.length > 1 ? make(ledger, { ...one, dtype: stored, because: "packed for the optimizer" }) : null;
    if (stored === "float32" && joined !== null) this.applied = joined;
    else this.applied = make(ledger, { ...one, dtype: "float32", because: "what the optimizer is given" });
    if (joined !== null && joined !== this.applied) ledger.drop(joined);
    this.forget();
  }

  afterStep(): void {
    if (this.applied !== null) this.context.ledger.drop(this.applied);
    this.applied = null;
  }

  /** They were let go of in the step. */
  zeroed(): void {}

  private forget(): void {
    if (this.summed !== undefined && this.applied !== this.summed) this.context.ledger.drop(this.summed);
  }

  /** The parameter that stands for all of them. */
  private get name(): ValueId {
    return this.trained[0]?.id ?? -1;
  }

  /** Reduced gradients of the micro-batches so far. */
  private get summed(): BlockId | undefined {
    return this.context.gradients.get(this.name);
  }

  /** Gradients are added up in float32 beside 16-bit parameters. */
  private get accumulates(): boolean {
    const { zero, stored } = this.context;
    return zero.gradients !== stored;
  }

  private ownPieces(): number[] {
    return this.trained.flatMap(({ id }) =>
      (this.flat.slices.get(id) ?? []).filter(({ rank }) => rank === 0).map(({ count }) => count),
    );
  }

  private setUpBuckets(): void {
    const { ledger, zero, stored } = this.context;
    if (this.buckets.length > 0) return;
    const because = "gradients are copied into it as they come, and reduced from it; reduce_bucket_size";
    for (let i = 0; i < (zero.overlapComm ? 2 : 1); i++)
      this.buckets.push(
        make(ledger, { count: zero.reduceBucket, dtype: stored, label: "reduce bucket", because }),
      );
  }

  private fill(id: ValueId, computed: Gradients): void {
    const { ledger, tape, zero } = this.context;
    const value = tape.graph.values[id] as Value;
    const block = computed.get(id) as BlockId;
    computed.delete(id);
    const count = elements(value.spec.shape);
    if (this.filled + count > zero.reduceBucket) this.reduce();
    const fits = count <= zero.reduceBucket;
    ledger.categorize(
      block,
      "temporaries",
      fits ? "copied into the reduce bucket" : "larger than the reduce bucket",
    );
    if (fits) ledger.drop(block);
    this.bucket.push({ value, own: fits ? null : block });
    this.filled += count;
  }

  /** average_tensor: slices of a bucket that go to several ranks are packed once more. */
  private reduce(): void {
    const { ledger, zero } = this.context;
    if (this.bucket.length === 0) return;
    const slices: { rank: number; count: number }[] = [];
    for (const { value } of this.bucket)
      for (const { rank, count } of this.flat.slices.get(value.id) ?? []) {
        const before = slices.at(-1);
        if (before?.rank === rank && !(rank === 0 && this.accumulates)) before.count += count;
        else slices.push({ rank, count });
      }
    if (this.accumulates && slices.some(({ rank }) => rank === 0)) this.keep();
    for (const packed of chunks(slices, zero.reduceBucket)) this.reduceSlices(packed);
    const own = this.bucket.filter(({ value }) => this.isOwn(value));
    if (!this.accumulates && own.length > 0 && !zero.offloadOptimizer) this.keep();
    for (const { own: block } of this.bucket) if (block !== null) ledger.drop(block);
    this.bucket = [];
    this.filled = 0;
  }

  /** Several slices are packed; in float32 the rank adds what is its own to what it has. */
  private reduceSlices(slices: readonly Slice[]): void {
    const { ledger, stored } = this.context;
    const count = slices.reduce((sum, slice) => sum + slice.count, 0);
    const because = "reduced over all ranks in one piece";
    const packed =
      slices.length > 1
        ? make(ledger, { count, dtype: stored, label: "gradients, packed", because, stream: this.reductions })
        : null;
    for (const slice of slices)
      if (this.accumulates && slice.rank === 0)
        pass(ledger, {
          count: slice.count,
          dtype: "float32",
          label: "gradient in float32",
          because: "added to what is kept",
          stream: this.reductions,
        });
    if (packed !== null) ledger.drop(packed);
  }

  /** grads_in_partition: as large as all parameters that the part has something of; in float32, the part itself. */
  private keep(): void {
    const { ledger, stored } = this.context;
    if (this.kept !== null || (this.accumulates && this.summed !== undefined)) return;
    const because = "reduced gradients of the rank's part";
    const whole = this.trained.filter((value) => this.isOwn(value));
    const count = this.accumulates
      ? this.flat.share
      : whole.reduce((sum, { spec }) => sum + elements(spec.shape), 0);
    const dtype = this.accumulates ? "float32" : stored;
    this.kept = make(ledger, {
      count,
      dtype,
      label: "gradients of the rank's part",
      because,
      category: "gradients",
      stream: this.reductions,
    });
  }

  /** The stream that reduces. */
  private get reductions(): number {
    return this.context.zero.overlapComm ? 1 : 0;
  }

  private isOwn({ id }: Value): boolean {
    return this.flat.slices.get(id)?.[0]?.rank === 0;
  }
}

const PADDING = { label: "padding of the flat parameter", because: "parts of ranks are equal" };

/** allreduce_and_scatter: as soon as more than `limit` elements are there. */
function chunks(slices: readonly Slice[], limit: number): Slice[][] {
  const full: Slice[][] = [];
  let open: Slice[] = [];
  let size = 0;
  for (const slice of slices) {
    open.push(slice);
    size += slice.count;
    if (size <= limit) continue;
    full.push(open);
    open = [];
    size = 0;
  }
  return open.length > 0 ? [...full, open] : full;
}
