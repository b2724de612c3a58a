/**
 * DeepSpeed's ZeRO stage 3 on rank 0: it has an equal part of every parameter and a float32 copy of it; whole parameters are there
 * for the modules that need them. Gradients are copied into a bucket, reduced and scattered from there into one tensor of its parts.
 *
 * Source   deepspeed/runtime/zero/stage3.py (DeepSpeedZeroOptimizer_Stage3), parameter_offload.py, comm/coalesced_collectives.py
 *          (reduce_scatter_coalesced), DeepSpeed 0.19.8
 * Checked  recorded steps ds_*_z3*
 * Omits    ranks other than the first; sub-groups (parts of more than 1e9 elements); deepspeed.zero.Init: the whole model is on the
 *          device before it is partitioned
 */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { bytes } from "../../base/units.js";
import type { NodeId, Value, ValueId } from "../../ir/graph.js";
import type { Zero } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { GradNode, StorageId, Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { type ModuleTrace, type TracedModule, traceModules } from "./module-trace.js";
import { ParameterFetcher } from "./parameter-fetcher.js";
import { emptyCache, make, pass } from "./rank-blocks.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";

const REDUCE = 2;

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly zero: Zero;
  readonly ranks: number;
  readonly stored: DType;
  readonly gradients: Gradients;
}

export class ZeroGathered implements RankHooks {
  readonly separateGradients = true;
  readonly clipsItself = true;
  readonly learns = true;
  private readonly context: Context;
  private readonly parameters: readonly Value[];
  private readonly trained: readonly Value[];
  private readonly trace: ModuleTrace;
  private readonly fetcher: ParameterFetcher;
  private readonly originals = new Map<ValueId, BlockId>();
  private bucket: { readonly id: ValueId; readonly own: BlockId | null }[] = [];
  private filled = 0;
  private applied: BlockId | null = null;
  /** Modules whose backward has begun, and how far the order of them is. */
  private entered: TracedModule[] = [];
  private reached = 0;

  constructor(context: Context) {
    this.context = context;
    const { tape, ledger, zero, stored } = context;
    this.parameters = tape.graph.values.filter(
      ({ role, tiedTo }) => role === "parameter" && tiedTo === undefined,
    );
    this.trained = this.parameters.filter(({ trainable }) => trainable);
    this.trace = traceModules(tape);
    const sizes = new Map(
      this.parameters.map((value) => {
        const count = elements(value.spec.shape);
        return [value.id, { count, gathered: this.share(value) * context.ranks, name: value.name }];
      }),
    );
    this.fetcher = new ParameterFetcher({
      ledger,
      zero,
      stored,
      trace: [...this.trace.forward, ...this.trace.backward],
      sizes,
      isPersistent: (id) => (sizes.get(id)?.count ?? 0) < zero.persistenceThreshold,
    });
  }

  arrive(value: Value): void {
    const { ledger, tape } = this.context;
    const { shape, dtype } = value.spec;
    const size = bytes(elements(shape) * ITEM_SIZE[dtype]);
    const because = "a whole parameter, until it is partitioned";
    const block = ledger.declare(size, "parameters", value.name, because, { shape, dtype });
    ledger.allocate(block);
    this.originals.set(value.id, block);
    ledger.hold(tape.storageOf[value.id] as StorageId); // whole, it is there only when it is fetched
  }

  wrapped(): void {
    const { ledger, stored, zero, ranks } = this.context;
    const part = {
      dtype: stored,
      because: `this rank's share of a parameter, 1/${ranks}`,
      category: "parameters",
    } as const;
    const parts: BlockId[] = [];
    for (const value of this.parameters) {
      if (!zero.offloadParameters)
        parts.push(make(ledger, { ...part, count: this.share(value), label: value.name }));
      ledger.free(this.originals.get(value.id) as BlockId);
    }
    const all = this.parameters.reduce((sum, value) => sum + this.share(value), 0);
    for (const block of parts) ledger.drop(block);
    if (!zero.offloadParameters) {
      emptyCache(ledger); // defragment
      make(ledger, { ...part, count: all, label: "shares of parameters" });
    }
    const whole = "smaller than the persistence threshold: whole on every rank";
    for (const { name, spec } of this.parameters)
      if (elements(spec.shape) < zero.persistenceThreshold)
        make(ledger, { ...part, count: elements(spec.shape), label: name, because: whole });
    const count = this.ownCount;
    if (!zero.offloadOptimizer) {
      const master = {
        count,
        dtype: "float32",
        label: "master parameters",
        because: "float32 copies of this rank's shares",
      } as const;
      make(ledger, { ...master, category: "masterParameters" });
      pass(ledger, master);
    }
    const because = "gradients are copied into it as they come, from the start; reduce_bucket_size";
    make(ledger, { count: zero.reduceBucket, dtype: stored, label: "reduce bucket", because });
    if (!zero.offloadOptimizer)
      make(ledger, {
        count,
        dtype: zero.gradients,
        label: "gradients of shares",
        because: "reduced gradients, kept from the start",
        category: "gradients",
      });
  }

  stepped(): readonly Value[] {
    return this.context.zero.offloadOptimizer ? [] : this.trained.slice(0, 1);
  }

  ownedSpec(): { readonly shape: readonly number[]; readonly dtype: DType } {
    return { shape: [this.ownCount], dtype: "float32" };
  }

  enter(): void {
    this.fetcher.reset();
    this.entered = [];
    this.reached = 0;
  }

  beforeForward(node: NodeId): void {
    for (const each of this.trace.forward) if (each.first === node) this.fetcher.fetch(each);
  }

  afterForward(node: NodeId): void {
    for (const each of [...this.trace.forward].reverse()) if (each.last === node) this.fetcher.leave(each);
  }

  beforeGradient({ node }: GradNode): void {
    const over = this.entered.filter(({ first }) => first > node);
    this.entered = this.entered.filter(({ first }) => first <= node);
    for (const each of over.reverse()) this.fetcher.leave(each);
    const { backward } = this.trace;
    for (
      ;
      this.reached < backward.length && (backward[this.reached] as TracedModule).last >= node;
      this.reached++
    ) {
      const each = backward[this.reached] as TracedModule;
      this.fetcher.fetch(each);
      if (each.first <= node) this.entered.push(each);
      else this.fetcher.leave(each);
    }
  }

  accumulated(id: ValueId, computed: Gradients): void {
    const { ledger, zero } = this.context;
    const block = computed.get(id) as BlockId;
    computed.delete(id);
    const count = this.countOf(id);
    if (this.filled + count > zero.reduceBucket) this.reduce();
    const fits = count <= zero.reduceBucket;
    ledger.categorize(
      block,
      "temporaries",
      fits ? "copied into the reduce bucket" : "larger than the reduce bucket",
    );
    if (fits) ledger.drop(block);
    this.bucket.push({ id, own: fits ? null : block });
    this.filled += count;
  }

  afterBackward(): void {
    const { gradients, ledger } = this.context;
    this.reduce();
    for (const each of this.entered.splice(0).reverse()) this.fetcher.leave(each);
    this.fetcher.finish();
    const [first] = this.trained;
    if (!first || gradients.has(first.id)) return;
    const view = ledger.declare(bytes(0), "gradients", "view", "part of the gradients of shares", null);
    ledger.hold(view);
    gradients.set(first.id, view);
  }

  beforeStep(): void {
    const { ledger, stored, zero } = this.context;
    if (zero.offloadOptimizer) return;
    for (const value of this.trained)
      pass(ledger, {
        count: this.share(value),
        dtype: "float64",
        label: value.name,
        because: "the norm of a gradient is computed in float64",
        category: "temporaries",
      });
    const one = { count: this.ownCount, label: "gradients of shares", category: "gradients" } as const;
    const packed = make(ledger, { ...one, dtype: stored, because: "packed for the optimizer" });
    if (stored === "float32") this.applied = packed;
    else {
      this.applied = make(ledger, { ...one, dtype: "float32", because: "what the optimizer is given" });
      ledger.drop(packed);
    }
  }

  afterStep(): void {
    if (this.applied !== null) this.context.ledger.drop(this.applied);
    this.applied = null;
  }

  /** The tensor of shares stays. */
  zeroed(): void {}

  /** reduce_scatter_coalesced: packed by rank, but for one that divides. */
  private reduce(): void {
    const { ledger, stored, ranks } = this.context;
    if (this.bucket.length === 0) return;
    const counts = this.bucket.map(({ id }) => this.countOf(id));
    const alone = counts.length === 1 && (counts[0] as number) % ranks === 0;
    if (!alone) {
      const count = counts.reduce((sum, each) => sum + Math.ceil(each / ranks) * ranks, 0);
      const packed = make(ledger, {
        count,
        dtype: stored,
        label: "gradients, packed by rank",
        because: "reduced and scattered in one piece",
      });
      ledger.onStream(packed, REDUCE);
      ledger.drop(packed);
    }
    for (const { own } of this.bucket) if (own !== null) ledger.drop(own);
    this.bucket = [];
    this.filled = 0;
  }

  private get ownCount(): number {
    return this.trained.reduce((sum, value) => sum + this.share(value), 0);
  }

  private countOf(id: ValueId): number {
    return elements((this.context.tape.graph.values[id] as Value).spec.shape);
  }

  private share({ spec }: Value): number {
    return Math.ceil(elements(spec.shape) / this.context.ranks);
  }
}
