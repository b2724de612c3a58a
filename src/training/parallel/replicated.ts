/**
 * DistributedDataParallel on rank 0: gradients are reduced in buckets, one for all of them in the first pass, and from the second
 * on in the order in which they became ready.
 *
 * Source  torch/nn/parallel/distributed.py (_ddp_init_helper, _sync_buffers), torch/csrc/distributed/c10d/reducer.cpp
 *         (initialize_buckets, rebuild_buckets, sync_bucket_indices, compute_bucket_assignment_by_size,
 *         broadcast_coalesced in comm.cpp), torch/distributed/optim/zero_redundancy_optimizer.py (_partition_parameters),
 *         torch 2.14.1
 */
import { bytes, sumBytes } from "../../base/units.js";
import { elements } from "../../base/shape.js";
import type { Value, ValueId } from "../../ir/graph.js";
import type { Mesh, Replication } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { Tape } from "../../ir/tape.js";
import { packedSize } from "../../ir/tensor.js";
import type { Ledger } from "../ledger.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";

/** An entry of the tables that the ranks agree on. */
const INDEX = 4;

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly mesh: Mesh;
  readonly replication: Replication;
}

export class Replicated implements RankHooks {
  readonly separateGradients = false;
  private readonly context: Context;
  private readonly parameters: readonly Value[];
  private readonly buffers: readonly Value[];
  private buckets: BlockId[] = [];
  /** In the order their gradients became ready in the first pass. */
  private readonly ready: Value[] = [];
  private rebuilt = false;

  constructor(context: Context) {
    this.context = context;
    const { values } = context.tape.graph;
    const own = values.filter(({ tiedTo }) => tiedTo === undefined);
    this.parameters = own.filter(({ role, trainable }) => role === "parameter" && trainable);
    this.buffers = own.filter(({ role }) => role === "buffer");
  }

  /** The order in which gradients will come is not known yet: one bucket for each type. */
  wrapped(): void {
    this.buckets = this.allocate(assignment(this.parameters, [Number.POSITIVE_INFINITY]));
  }

  /** Before the second pass the ranks agree on the order of the first. */
  afterFirstPass(): void {
    this.rebuilt = true;
    if (this.ready.length === 0) return;
    const { ledger, replication } = this.context;
    const { firstBucketBytes, bucketBytes } = replication;
    const buckets = assignment(this.ready, [firstBucketBytes, bucketBytes]);
    const tables = [this.ready.length + 1, buckets.length].map((count) =>
      this.make(count * INDEX, "order of gradients", "agreed on by all ranks before the second pass"),
    );
    for (const table of tables.reverse()) ledger.free(table);
    for (const bucket of this.buckets) ledger.free(bucket);
    this.buckets = this.allocate(buckets);
  }

  /** Buffers of rank 0 are sent to all, those of a type in one piece. */
  enter(): void {
    const { ledger } = this.context;
    const flat = byType(this.buffers).map((group) =>
      this.make(sizeOf(group), "buffers, packed", "sent from rank 0 to all before every forward"),
    );
    for (const block of flat) ledger.free(block);
  }

  /** With views, what autograd made is copied into its bucket. */
  accumulated(id: ValueId, gradients: Gradients): void {
    const { ledger, tape, replication } = this.context;
    if (!this.rebuilt) this.ready.push(tape.graph.values[id] as Value);
    const block = gradients.get(id);
    if (!replication.bucketView || block === undefined || ledger.holdersOf(block) === 0) return;
    ledger.categorize(block, "temporaries", "copied into its bucket");
    ledger.drop(block);
    gradients.set(id, this.view);
  }

  stepped(parameters: readonly Value[]): readonly Value[] {
    const { mesh, replication } = this.context;
    return replication.shardedOptimizer ? firstShare(parameters, mesh.dp) : parameters;
  }

  private allocate(buckets: readonly (readonly Value[])[]): BlockId[] {
    return buckets.map((bucket) => {
      const block = this.make(
        sizeOf(bucket),
        `bucket of ${bucket.length} gradients`,
        "reduced over all replicas in one piece, kept from the second step on",
      );
      if (this.context.replication.bucketView)
        this.context.ledger.categorize(block, "gradients", "gradients are views of it");
      return block;
    });
  }

  /** Stands for a part of a bucket: nobody frees it. */
  private get view(): BlockId {
    const { ledger } = this.context;
    const block = ledger.declare(bytes(0), "gradients", "view of a bucket", "part of a bucket", null);
    ledger.hold(block);
    return block;
  }

  private make(size: number, label: string, because: string): BlockId {
    const { ledger } = this.context;
    const block = ledger.declare(bytes(size), "communication", label, because, null);
    ledger.allocate(block);
    return block;
  }
}

/** Values of a type in the order they come; full buckets first, then what is left. */
function assignment(values: readonly Value[], limits: readonly number[]): Value[][] {
  const full: Value[][] = [];
  const open = new Map<string, { bucket: Value[]; size: number; limit: number }>();
  for (const value of values) {
    const { dtype } = value.spec;
    const group = open.get(dtype) ?? { bucket: [], size: 0, limit: 0 };
    open.set(dtype, group);
    group.bucket.push(value);
    group.size += packedSize(value.spec);
    if (group.size < (limits[group.limit] as number)) continue;
    full.push(group.bucket);
    group.limit = Math.min(group.limit + 1, limits.length - 1);
    group.bucket = [];
    group.size = 0;
  }
  return [...full, ...[...open.values()].map(({ bucket }) => bucket).filter(({ length }) => length > 0)];
}

function byType(values: readonly Value[]): Value[][] {
  return assignment(values, [Number.POSITIVE_INFINITY]);
}

function sizeOf(values: readonly Value[]): number {
  return sumBytes(values.map(({ spec }) => packedSize(spec)));
}

/** The largest first, each to the rank that has least: what the first rank gets. */
function firstShare(parameters: readonly Value[], ranks: number): Value[] {
  const sizes = new Array<number>(ranks).fill(0);
  const count = ({ spec }: Value) => elements(spec.shape);
  return [...parameters]
    .sort((a, b) => count(b) - count(a))
    .filter((parameter) => {
      const rank = sizes.indexOf(Math.min(...sizes));
      sizes[rank] = (sizes[rank] as number) + count(parameter);
      return rank === 0;
    });
}
