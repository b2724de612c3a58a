/**
 * Which parameters ZeRO 3 has whole, and when: fetched for the module that needs them and ahead of it, let go of when nothing near
 * needs them again. What comes next is known once a pass was recorded.
 *
 * Source  deepspeed/runtime/zero/partitioned_param_coordinator.py (fetch_sub_module, release_sub_module, __params_to_release),
 *         partition_parameters.py (all_gather_coalesced, AllGatherCoalescedHandle.wait), DeepSpeed 0.19.8
 */
import type { DType } from "../../base/dtype.js";
import type { ValueId } from "../../ir/graph.js";
import type { Zero } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { Ledger } from "../ledger.js";
import type { TracedModule } from "./module-trace.js";
import { make } from "./rank-blocks.js";

const GATHER = 1;

interface Context {
  readonly ledger: Ledger;
  readonly zero: Zero;
  readonly stored: DType;
  /** Modules as a pass meets them. */
  readonly trace: readonly TracedModule[];
  /** Elements by parameter, and as gathered from equal parts of all ranks. */
  readonly sizes: ReadonlyMap<
    ValueId,
    { readonly count: number; readonly gathered: number; readonly name: string }
  >;
  readonly isPersistent: (id: ValueId) => boolean;
}

/** One gathering of several parameters: its buffer lives until the last of them was waited for. */
interface Batch {
  readonly buffer: BlockId;
  readonly waiting: Set<ValueId>;
  copied: boolean;
}

export class ParameterFetcher {
  private readonly context: Context;
  /** The first pass records. */
  private recorded = false;
  private step = 0;
  private queue: { readonly id: ValueId; readonly step: number }[] = [];
  private readonly fetchedFor = new Map<ValueId, number>();
  private readonly whole = new Map<ValueId, BlockId>();
  private readonly batches = new Map<ValueId, Batch>();
  private available = 0;

  constructor(context: Context) {
    this.context = context;
  }

  /** A pass begins. */
  reset(): void {
    this.step = 0;
    this.available = 0;
    this.fetchedFor.clear();
    this.queue = this.recorded
      ? this.context.trace.flatMap(({ parameters }, step) =>
          [...new Set(parameters)].sort((a, b) => a - b).map((id) => ({ id, step })),
        )
      : [];
  }

  /** A pass is over: what is left is let go of, and what comes next is known from now on. */
  finish(): void {
    for (const id of [...this.batches.keys()]) this.waitFor(id);
    for (const id of [...this.whole.keys()]) this.release(id);
    this.recorded = true;
  }

  fetch({ parameters }: TracedModule): void {
    const needed = [...new Set(parameters)];
    this.gather(needed.filter((id) => !this.isThere(id)));
    for (const id of needed) this.waitFor(id);
    if (this.recorded) this.prefetch(needed);
    this.step += 1;
  }

  leave({ parameters }: TracedModule): void {
    const going = new Set(parameters.filter((id) => !this.context.isPersistent(id)));
    if (this.recorded) {
      for (const id of going) if ((this.fetchedFor.get(id) ?? -1) > this.step) going.delete(id);
      let distance = 0;
      for (let at = this.step; at < this.context.trace.length && going.size > 0; at++) {
        if (distance >= this.context.zero.maxReuseDistance) break;
        for (const id of this.context.trace[at]?.parameters ?? []) {
          going.delete(id);
          distance += this.context.sizes.get(id)?.count ?? 0;
        }
      }
    }
    for (const id of going) this.release(id);
  }

  /** Up to the prefetch bucket, and to what may be there at all. */
  private prefetch(needed: readonly ValueId[]): void {
    const { zero, sizes } = this.context;
    const fresh = new Set(needed.filter((id) => (this.fetchedFor.get(id) ?? -1) < this.step));
    const discarded = new Set<ValueId>();
    while (this.queue.length > 0 && discarded.size < fresh.size) {
      const next = this.queue.shift() as { id: ValueId; step: number };
      this.fetchedFor.set(next.id, next.step);
      discarded.add(next.id);
    }
    const most = Math.min(zero.maxLive - this.available, zero.prefetchBucket);
    const ahead = new Set<ValueId>();
    let count = 0;
    while (this.queue.length > 0 && count < most) {
      const { id, step } = this.queue.shift() as { id: ValueId; step: number };
      this.fetchedFor.set(id, Math.max(this.fetchedFor.get(id) ?? -1, step));
      if (this.isThere(id) || ahead.has(id)) continue;
      ahead.add(id);
      count += sizes.get(id)?.count ?? 0;
    }
    this.gather([...ahead]);
  }

  private isThere(id: ValueId): boolean {
    return this.context.isPersistent(id) || this.whole.has(id) || this.batches.has(id);
  }

  /** One alone lies in what was gathered; several are copied out of it when the first is needed. */
  private gather(ids: readonly ValueId[]): void {
    const { ledger, stored, sizes } = this.context;
    if (ids.length === 0) return;
    for (const id of ids) this.available += sizes.get(id)?.count ?? 0;
    const count = ids.reduce((sum, id) => sum + (sizes.get(id)?.gathered ?? 0), 0);
    const [only] = ids;
    const label =
      ids.length === 1 && only !== undefined ? `${sizes.get(only)?.name}, gathered` : "parameters, gathered";
    const buffer = make(ledger, {
      count,
      dtype: stored,
      label,
      because: "gathered from all ranks for the next modules",
    });
    ledger.onStream(buffer, GATHER);
    if (ids.length === 1 && only !== undefined) {
      this.whole.set(only, buffer);
      return;
    }
    const batch: Batch = { buffer, waiting: new Set(ids), copied: false };
    for (const id of ids) this.batches.set(id, batch);
  }

  private waitFor(id: ValueId): void {
    const { ledger, stored, sizes } = this.context;
    const batch = this.batches.get(id);
    if (!batch) return;
    if (!batch.copied)
      for (const each of [...batch.waiting].sort((a, b) => a - b)) {
        const { count = 0, name = "" } = sizes.get(each) ?? {};
        const copy = make(ledger, {
          count,
          dtype: stored,
          label: `${name}, gathered`,
          because: "copied out of what was gathered",
        });
        ledger.onStream(copy, GATHER);
        this.whole.set(each, copy);
      }
    batch.copied = true;
    batch.waiting.delete(id);
    this.batches.delete(id);
    if (batch.waiting.size === 0) ledger.drop(batch.buffer);
  }

  private release(id: ValueId): void {
    const block = this.whole.get(id);
    if (block === undefined || this.batches.has(id)) return;
    this.whole.delete(id);
    this.available -= this.context.sizes.get(id)?.count ?? 0;
    this.context.ledger.drop(block);
  }
}
