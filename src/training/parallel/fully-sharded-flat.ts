/**
 * FSDP1 on rank 0: every unit's parameters are one flat tensor, of which the rank keeps a part; it is gathered for the unit's call
 * and its backward, where the unit before is gathered ahead; gradients are packed into a flat one, reduced and scattered.
 *
 * Source  torch/distributed/fsdp: _flat_param.py, _runtime_utils.py (_root_pre_forward, _pre_backward_hook, _post_backward_hook,
 *         _reduce_grad, _post_backward_final_callback), wrap.py, use_orig_params=True, torch 2.14.1; split_with_sizes_backward in
 *         torch/csrc/autograd/FunctionsManual.cpp
 * Omits   ranks other than the first; units called more than once; MixedPrecision.buffer_dtype
 */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { bytes } from "../../base/units.js";
import type { NodeId, ShardedUnit, Value, ValueId } from "../../ir/graph.js";
import type { FullSharding, Mesh } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { GradNode, StorageId, Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { batchNormsApart } from "./complaints.js";
import { type FlatParameter, flatten } from "./flat-parameter.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";
import { callsOf, givenTo, type UnitCalls } from "./unit-calls.js";

/** Streams that hold memory besides the one that computes: _pre_unshard_stream, _unshard_stream, _post_backward_stream. */
const CAST = 1;
const GATHER = 2;
const REDUCE = 3;

interface Unit extends ShardedUnit {
  readonly flat: FlatParameter;
  /** The flat parameter as it is computed with, while it is there apart from what the rank keeps. */
  whole: BlockId | null;
  state: "idle" | "backward" | "reduced";
}

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly mesh: Mesh;
  readonly sharding: FullSharding;
  /** What parameters are stored in. */
  readonly stored: DType;
  /** Of what this rank owns; shared with the step. */
  readonly gradients: Gradients;
}

export class FullyShardedFlat implements RankHooks {
  readonly separateGradients = true;
  /** Views of the flat parameter are made on the stream that gathers it: so are their gradients. */
  readonly parameterStream = GATHER;
  private readonly context: Context;
  /** The root first, then blocks as they are called. */
  private readonly units: readonly Unit[];
  private readonly calls: UnitCalls<Unit>;
  private readonly unitOf = new Map<ValueId, Unit>();
  /** As they are before the model is wrapped. */
  private readonly originals = new Map<ValueId, BlockId>();
  private order: Unit[] = [];
  /** Gradients that the loop let go of; flat parameters hold them until the next forward. */
  private stale: BlockId[] = [];

  constructor(context: Context) {
    this.context = context;
    const { tape, mesh } = context;
    if (this.casts && tape.graph.nodes.some(({ op }) => op === "batchNorm")) throw batchNormsApart();
    this.units = (tape.graph.units ?? [])
      .filter(({ parameters }) => parameters.length > 0)
      .map((unit): Unit => {
        const values = unit.parameters.map((id) => tape.graph.values[id] as Value);
        const flat = flatten(values, this.computed, mesh.fsdp, this.sharded ? mesh.fsdp : 1);
        return { ...unit, flat, whole: null, state: "idle" };
      });
    for (const unit of this.units) for (const id of unit.parameters) this.unitOf.set(id, unit);
    this.calls = callsOf(tape, this.units);
  }

  /** The whole model is there before it is wrapped. */
  arrive({ id, name, spec: { shape } }: Value): void {
    const { ledger, tape, stored } = this.context;
    const size = bytes(elements(shape) * ITEM_SIZE[stored]);
    const because = "a whole parameter, until it is part of a flat one";
    const block = ledger.declare(size, "parameters", name, because, { shape, dtype: stored });
    ledger.allocate(block);
    this.originals.set(id, block);
    ledger.hold(tape.storageOf[id] as StorageId); // in what it is computed with it is part of a flat one
  }

  /** Blocks first. A flat parameter is made, the rank's part is copied, and what it was made of is let go of. */
  wrapped(): void {
    const { ledger, stored } = this.context;
    const blocks = this.units.filter(({ path }) => path !== "");
    for (const unit of [...blocks, ...this.units.filter(({ path }) => path === "")]) {
      const { count, shard } = unit.flat;
      const name = `parameters of ${nameOf(unit)}`;
      const padding = this.padding(unit, stored, 0);
      const whole = this.make(count, stored, name, "a flat parameter, whole on every rank", 0);
      for (const block of padding) ledger.free(block);
      const because = this.sharded
        ? `this rank's share of a flat parameter, 1/${this.ranks}`
        : "a flat parameter";
      const kept = this.sharded ? this.make(shard, stored, name, because, 0) : whole;
      if (kept !== whole) ledger.free(whole);
      ledger.hold(kept);
      ledger.categorize(kept, "parameters", because);
      for (const id of unit.parameters) ledger.free(this.originals.get(id) as BlockId);
    }
  }

  ownedSpec({ id, spec }: Value): { readonly shape: readonly number[]; readonly dtype: DType } {
    const { stored } = this.context;
    if (!this.sharded) return { shape: spec.shape, dtype: stored };
    return { shape: [this.unitOf.get(id)?.flat.owned.get(id) ?? 0], dtype: stored };
  }

  /** Without a part on this rank a parameter never has a gradient. */
  stepped(parameters: readonly Value[]): readonly Value[] {
    return parameters.filter(({ id }) => this.unitOf.get(id)?.flat.owned.has(id));
  }

  /** init_flat_param_attributes makes buffers to know them, and gives them up; later steps let go of old gradients. */
  beginStep(first: boolean): void {
    const { ledger, stored } = this.context;
    for (const block of this.stale) ledger.drop(block);
    this.stale = [];
    if (!first) return;
    for (const unit of this.units) {
      const { count, shard } = unit.flat;
      const buffers: [number, DType][] = [];
      if (this.casts) buffers.push([shard, this.computed]);
      if (this.sharded) buffers.push([count, this.computed]);
      if (this.casts && this.sharded) buffers.push([count, stored]);
      for (const [size, type] of buffers)
        ledger.free(this.make(size, type, `buffer of ${nameOf(unit)}`, "made once and given up at once", 0));
    }
  }

  enter(): void {
    for (const unit of this.units) unit.state = "idle";
  }

  beforeForward(node: NodeId): void {
    for (const unit of this.calls.starting.get(node) ?? []) this.gather(unit);
  }

  heldByCall(node: NodeId): ReadonlySet<StorageId> | undefined {
    return givenTo(this.calls, node, this.context.tape);
  }

  afterForward(node: NodeId): void {
    const ended = this.calls.ending.get(node) ?? [];
    for (const unit of [...ended].reverse()) {
      const { flat } = this.context.sharding;
      if (flat === "no-shard" || (flat === "full-shard" && unit.path !== "")) this.release(unit);
      this.order.push(unit);
    }
  }

  /** A unit's flat gradient is packed once no gradient inside it is left: those created before it come after. */
  beforeGradient(node: GradNode, computed: Gradients): void {
    const over = this.order.filter(({ state, first }) => state === "backward" && first > node.node);
    for (const unit of over.reverse()) this.reduce(unit, computed);
    for (const unit of this.calls.returned.get(node.id) ?? []) this.enterBackward(unit);
  }

  afterBackward(computed: Gradients): void {
    for (const unit of [...this.units].reverse()) if (unit.state !== "reduced") this.reduce(unit, computed);
    for (const unit of this.units) this.release(unit);
    this.order = [];
  }

  /** Original parameters forget theirs, flat ones do not. */
  zeroed(): void {
    const { gradients } = this.context;
    for (const { parameters } of this.units)
      for (const id of parameters) {
        const block = gradients.get(id);
        if (block !== undefined) this.stale.push(block);
      }
  }

  private get ranks(): number {
    return this.context.mesh.fsdp;
  }

  private get sharded(): boolean {
    return this.context.sharding.flat !== "no-shard";
  }

  /** What parameters are computed with. */
  private get computed(): DType {
    return this.context.sharding.gathered ?? this.context.stored;
  }

  private get casts(): boolean {
    return this.computed !== this.context.stored;
  }

  private enterBackward(unit: Unit): void {
    if (unit.state !== "idle") return;
    unit.state = "backward";
    this.gather(unit);
    const before = this.order[this.order.indexOf(unit) - 1];
    if (before?.state === "idle") this.gather(before);
  }

  /** _unshard: the part is cast where it must be, then gathered. */
  private gather(unit: Unit): void {
    if (unit.whole !== null) return;
    const { ledger } = this.context;
    const { count, shard } = unit.flat;
    const because = "whole for the call or the backward of its module";
    const cast = this.casts
      ? this.make(shard, this.computed, `parameters of ${nameOf(unit)}, cast`, because, CAST)
      : null;
    if (!this.sharded) {
      unit.whole = cast;
      return;
    }
    unit.whole = this.make(count, this.computed, `parameters of ${nameOf(unit)}, gathered`, because, GATHER);
    if (cast !== null) ledger.free(cast);
  }

  private release(unit: Unit): void {
    if (unit.whole !== null) this.context.ledger.free(unit.whole);
    unit.whole = null;
  }

  /** The gradient of the split into views, then the flat parameter's _post_backward_hook. */
  private reduce(unit: Unit, computed: Gradients): void {
    unit.state = "reduced";
    const { ledger, gradients, tape } = this.context;
    const ids = unit.parameters.filter((id) => computed.has(id));
    const trains = unit.parameters.some((id) => tape.graph.values[id]?.trainable);
    if (ids.length === 0) {
      if (!trains && unit.arguments.length > 0) this.release(unit);
      return;
    }
    const absent = this.padding(unit, this.computed, GATHER, computed);
    const packed = this.scratch(
      unit.flat.count,
      this.computed,
      `gradients of ${nameOf(unit)}, packed`,
      GATHER,
    );
    for (const block of absent) ledger.free(block);
    for (const id of ids) {
      ledger.drop(computed.get(id) as BlockId);
      computed.delete(id);
    }
    const trained = ids.filter((id) => !tape.graph.values[id]?.unstepped);
    const owned = trained.filter((id) => unit.flat.owned.has(id));
    const holders = owned.length > 0 ? owned : trained.slice(0, 1); // the flat parameter itself holds it
    const before = holders.some((id) => gradients.has(id));
    if (before && !this.sharded) ledger.free(packed); // added to what is there
    this.release(unit);
    if (before && !this.sharded) return;
    const kept = this.reduced(unit, packed);
    if (before) ledger.free(kept);
    if (kept !== packed) ledger.free(packed);
    if (before) return;
    for (const id of holders) {
      ledger.hold(kept);
      gradients.set(id, kept);
    }
    ledger.rename(kept, `gradients of ${nameOf(unit)}`);
    if (owned.length > 0)
      ledger.categorize(kept, "gradients", "this rank's share, alive from backward to the next forward");
  }

  /** What is left of a packed gradient when all ranks have added theirs: in another block, or in its own. */
  private reduced(unit: Unit, packed: BlockId): BlockId {
    const { ledger, sharding, stored } = this.context;
    const { count, shard } = unit.flat;
    const type = sharding.reduced ?? this.computed;
    const name = `gradients of ${nameOf(unit)}`;
    const cast = type === this.computed ? packed : this.scratch(count, type, `${name}, cast`, REDUCE);
    const part = this.sharded ? this.scratch(shard, type, `${name}, reduced`, REDUCE) : cast;
    let kept = part;
    if (type !== stored) {
      kept = this.scratch(shard, stored, `${name}, cast back`, REDUCE);
      if (part !== packed) ledger.free(part);
    }
    if (cast !== packed && cast !== part) ledger.free(cast);
    return kept;
  }

  /** Elements of no parameter, or without `computed` gradient, stand in a flat tensor too. */
  private padding(unit: Unit, type: DType, stream: number, computed?: Gradients): BlockId[] {
    return unit.flat.pieces
      .filter(({ id }) => id === null || (computed && !computed.has(id)))
      .map(({ count }) =>
        this.make(count, type, `padding of ${nameOf(unit)}`, "between flat parameters", stream),
      );
  }

  private scratch(count: number, type: DType, label: string, stream: number): BlockId {
    return this.make(count, type, label, "a buffer of a collective", stream);
  }

  private make(count: number, dtype: DType, label: string, because: string, stream: number): BlockId {
    const { ledger } = this.context;
    const size = bytes(count * ITEM_SIZE[dtype]);
    const block = ledger.declare(size, "communication", label, because, { shape: [count], dtype });
    ledger.onStream(block, stream);
    ledger.allocate(block);
    return block;
  }
}

const nameOf = ({ path }: ShardedUnit) => path || "the model outside its blocks";
