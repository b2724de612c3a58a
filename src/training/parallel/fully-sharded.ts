/**
 * FSDP2 on rank 0: every unit gathers its parameters for its call and again for its backward, where the next one is gathered
 * ahead; gradients are packed, reduced and scattered when a unit's backward is over, and stay as views of one buffer.
 *
 * Source  torch/distributed/fsdp/_fully_shard: _fsdp_param_group.py (unshard, wait_for_unshard, reshard, pre_backward,
 *         post_backward, _backward_prefetch), _fsdp_collectives.py (foreach_all_gather, foreach_reduce), _fsdp_state.py,
 *         torch 2.14.1
 * Omits   ranks other than the first, whose shards are padded where a dim does not divide
 */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { bytes } from "../../base/units.js";
import { chunkCatScratch, copyOutScratch } from "../../frameworks/pytorch/collective-copies.js";
import type { Device } from "../../frameworks/pytorch/kernel.js";
import type { NodeId, ShardedUnit, Value, ValueId } from "../../ir/graph.js";
import type { FullSharding, Mesh } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { GradNode, StorageId, Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";
import { callsOf, givenTo, type UnitCalls } from "./unit-calls.js";

/** Streams that hold memory besides the one that computes: copy-in of the all-gather, and the reduce-scatter. */
const GATHER = 1;
const REDUCE = 2;

interface Unit extends ShardedUnit {
  /** The gathered buffer, until it is copied out. */
  pending: BlockId | null;
  /** Whole parameters, while they are there. */
  whole: readonly BlockId[];
  /** Positions in the order of forward calls. */
  readonly calls: number[];
  state: "idle" | "backward" | "reduced";
}

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly device: Device;
  readonly mesh: Mesh;
  readonly sharding: FullSharding;
  /** What parameters are stored in. */
  readonly stored: DType;
  /** Of what this rank owns; shared with the step. */
  readonly gradients: Gradients;
}

export class FullySharded implements RankHooks {
  readonly separateGradients = true;
  private readonly context: Context;
  private readonly units: readonly Unit[];
  private readonly calls: UnitCalls<Unit>;
  private readonly entries = new Map<NodeId, Unit>();
  private order: Unit[] = [];
  /** Freed by the next unit, once it has copied out. */
  private gathered: BlockId | null = null;
  private reducing: BlockId | null = null;

  constructor(context: Context) {
    this.context = context;
    const { tape } = context;
    this.units = (tape.graph.units ?? []).map(
      (unit): Unit => ({ ...unit, pending: null, whole: [], calls: [], state: "idle" }),
    );
    for (const unit of this.units) if (unit.entry !== null) this.entries.set(unit.entry, unit);
    this.calls = callsOf(tape, this.units);
  }

  arrive(parameter: Value): void {
    const { ledger, tape } = this.context;
    const { shape, dtype } = this.ownedSpec(parameter);
    const size = bytes(elements(shape) * ITEM_SIZE[dtype]);
    const because = `this rank's share of a parameter, 1/${this.ranks}`;
    const block = ledger.declare(size, "parameters", parameter.name, because, { shape, dtype });
    ledger.allocate(block);
    ledger.hold(block);
    ledger.hold(tape.storageOf[parameter.id] as StorageId); // whole, it is there only when it is gathered
  }

  ownedSpec({ spec: { shape } }: Value): { readonly shape: readonly number[]; readonly dtype: DType } {
    const [first = 1, ...rest] = shape;
    return { shape: [Math.ceil(first / this.ranks), ...rest], dtype: this.context.stored };
  }

  enter(): void {
    for (const unit of this.units) unit.state = "idle";
  }

  beforeForward(node: NodeId): void {
    for (const unit of this.calls.starting.get(node) ?? []) {
      this.gather(unit);
      this.copyOut(unit, true);
    }
  }

  heldByCall(node: NodeId): ReadonlySet<StorageId> | undefined {
    return givenTo(this.calls, node, this.context.tape);
  }

  afterForward(node: NodeId): void {
    const ended = this.calls.ending.get(node) ?? [];
    for (const unit of [...ended].reverse()) {
      const root = unit.path === "";
      if (this.reshards(unit)) this.release(unit);
      unit.calls.push(this.order.length);
      this.order.push(unit);
      if (root) this.flush();
    }
  }

  beforeGradient(node: GradNode, computed: Gradients): void {
    for (const unit of this.calls.returned.get(node.id) ?? []) this.enterBackward(unit);
    const entered = node.op === "moduleEntry" ? this.entries.get(node.node) : undefined;
    if (entered) this.reduce(entered, computed);
  }

  afterBackward(computed: Gradients): void {
    for (const unit of this.units) if (unit.state !== "reduced") this.reduce(unit, computed);
    for (const unit of this.units) {
      if (unit.pending !== null) this.context.ledger.free(unit.pending);
      unit.pending = null;
      unit.calls.length = 0;
    }
    if (this.reducing !== null) this.context.ledger.free(this.reducing);
    this.reducing = null;
    this.order = [];
  }

  private reshards(unit: Unit): boolean {
    const { reshard, reshardRoot, reshardLast = reshard } = this.context.sharding;
    if (unit.path === "") return reshardRoot;
    return unit === this.units.at(-1) ? reshardLast : reshard;
  }

  private get ranks(): number {
    return this.context.mesh.fsdp;
  }

  private get gatheredType(): DType {
    return this.context.sharding.gathered ?? this.context.stored;
  }

  /** The last all-gather of the forward pass is let go of. */
  private flush(): void {
    if (this.gathered !== null) this.context.ledger.free(this.gathered);
    this.gathered = null;
  }

  private enterBackward(unit: Unit): void {
    if (unit.state !== "idle") return;
    unit.state = "backward";
    this.gather(unit);
    this.copyOut(unit, false);
    const call = unit.calls.pop();
    if (call === undefined || call === 0) return;
    this.gather(this.order[call - 1] as Unit);
  }

  /** foreach_all_gather: shards are cast where they must be, copied to their place, and gathered. */
  private gather(unit: Unit): void {
    if (unit.parameters.length === 0 || unit.pending !== null || unit.whole.length > 0) return;
    const { ledger, stored } = this.context;
    const count = unit.parameters.reduce((sum, id) => sum + this.shardCount(id), 0);
    const type = this.gatheredType;
    const cast = type === stored ? null : this.scratch(count, type, `cast shards of ${nameOf(unit)}`, GATHER);
    unit.pending = this.scratch(count * this.ranks, type, `all-gather of ${nameOf(unit)}`, GATHER);
    if (cast !== null) ledger.free(cast);
  }

  /** foreach_all_gather_copy_out; in forward the buffer lives until the next unit has copied its own out. */
  private copyOut(unit: Unit, forward: boolean): void {
    const { ledger, device, tape } = this.context;
    if (unit.pending === null) return;
    const type = this.gatheredType;
    unit.whole = unit.parameters.map((id) => {
      const { name } = tape.graph.values[id] as Value;
      const because = "gathered whole for the call or the backward of its module";
      return this.make(this.shardCount(id) * this.ranks, type, `${name}, gathered`, because);
    });
    const sizes = unit.parameters.map((id) => this.shardCount(id) * ITEM_SIZE[type]);
    const table = ledger.declare(
      copyOutScratch(sizes, this.ranks, device),
      "workspace",
      "pointers for the copy-out",
      "scratch of the copy-out of an all-gather",
      null,
    );
    ledger.allocate(table);
    ledger.free(table);
    const before = this.gathered;
    if (forward) this.gathered = unit.pending;
    const done = forward ? before : unit.pending;
    if (done !== null) ledger.free(done);
    unit.pending = null;
  }

  private release(unit: Unit): void {
    for (const block of unit.whole) this.context.ledger.free(block);
    unit.whole = [];
  }

  /** post_backward: gradients are packed and let go of, reduced, and each parameter keeps its part of the result. */
  private reduce(unit: Unit, computed: Gradients): void {
    unit.state = "reduced";
    const { ledger, gradients, sharding, stored, mesh } = this.context;
    const ids = unit.parameters.filter((id) => computed.has(id));
    const whole = ids.map((id) => computed.get(id) as BlockId);
    for (const id of ids) computed.delete(id);
    this.release(unit);
    if (this.reducing !== null) ledger.free(this.reducing);
    this.reducing = null;
    if (ids.length === 0) return;
    const type = sharding.reduced ?? this.gatheredType;
    const counts = ids.map((id) => this.shardCount(id));
    const count = counts.reduce((sum, shard) => sum + shard, 0);
    this.reducing = this.scratch(count * this.ranks, type, `gradients of ${nameOf(unit)}, packed`, 0);
    const table = ledger.declare(
      chunkCatScratch(counts.map((shard) => shard * ITEM_SIZE[type])),
      "workspace",
      "pointers for the packing",
      "scratch of the packing for a reduce-scatter",
      null,
    );
    ledger.allocate(table);
    ledger.free(table);
    const last = whole.pop() as BlockId; // a variable still holds it
    for (const block of whole.reverse()) ledger.drop(block);
    const reduced = this.scratch(count, type, `gradients of ${nameOf(unit)}, reduced`, REDUCE);
    let kept = reduced;
    if (type !== stored) {
      kept = this.scratch(count, stored, `gradients of ${nameOf(unit)}`, REDUCE);
      if (mesh.dp === 1) ledger.free(reduced);
    }
    ledger.drop(last);
    this.keep(ids, kept, `parameters of ${nameOf(unit)}`);
    if (type !== stored && mesh.dp > 1) ledger.free(reduced);
    for (const id of ids) if (!gradients.has(id)) gradients.set(id, kept);
  }

  /** Parameters hold views of the result; what is added to earlier gradients dies. */
  private keep(ids: readonly ValueId[], block: BlockId, label: string): void {
    const { ledger, gradients } = this.context;
    const fresh = ids.filter((id) => !gradients.has(id));
    if (fresh.length === 0) {
      ledger.free(block);
      return;
    }
    for (const _ of fresh) ledger.hold(block);
    ledger.categorize(block, "gradients", "this rank's share, alive from backward to the next zero_grad");
    ledger.rename(block, label);
  }

  private shardCount(id: ValueId): number {
    return elements(this.ownedSpec(this.context.tape.graph.values[id] as Value).shape);
  }

  private scratch(count: number, dtype: DType, label: string, stream: number): BlockId {
    const block = this.make(count, dtype, label, "a buffer of a collective");
    this.context.ledger.onStream(block, stream);
    return block;
  }

  private make(count: number, dtype: DType, label: string, because: string): BlockId {
    const { ledger } = this.context;
    const size = bytes(count * ITEM_SIZE[dtype]);
    const block = ledger.declare(size, "communication", label, because, { shape: [count], dtype });
    ledger.allocate(block);
    return block;
  }
}

const nameOf = ({ path }: ShardedUnit) => path || "the model outside its blocks";
