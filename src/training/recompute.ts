/**
 * Activation checkpointing without re-entrance: forward keeps a region's inputs, and the first gradient that asks for
 * a saved tensor of the region runs its forward again, up to the last tensor that is saved.
 *
 * Source  torch/utils/checkpoint.py (_checkpoint_without_reentrant_generator, _CheckpointFrame, _recomputation_hook,
 *         early stop); autocast is entered anew, so casts of parameters are made anew and die with the replay
 */
import type { Checkpoint, NodeId, Value } from "../ir/graph.js";
import type { BlockId } from "../ir/step.js";
import type { GradNode, GradNodeId, StorageId, Tape, TapeTensor } from "../ir/tape.js";
import type { Ledger } from "./ledger.js";

interface Frame {
  readonly checkpoint: Checkpoint;
  /** Range of the tape's events: from the region's first operator up to its last saved tensor. */
  readonly from: number;
  readonly to: number;
  /** Gradients with saved tensors that are still to come; the inputs live as long. */
  left: number;
  replayed: boolean;
  held: boolean;
}

export class Recomputation {
  private readonly tape: Tape;
  private readonly ledger: Ledger;
  private readonly blas: () => void;
  /** Copies a tensor back that forward sent to the host; null: inputs stay on the device. */
  private readonly fetch: ((tensor: TapeTensor) => BlockId) | null;
  /** Per operator, the storages that lose their last reference after it. */
  private readonly dying: readonly (readonly StorageId[] | undefined)[];
  private readonly frames: readonly Frame[];
  private readonly frameOf: Int32Array;
  /** By gradient, what a replay has saved for it; empty once it has run. */
  private readonly kept = new Map<GradNodeId, BlockId[]>();
  /** Results that are kept for the replay, 2 once it has taken them. */
  private readonly cached: Uint8Array;
  /** By event: the call that makes a cached result runs no kernel in a replay. */
  private readonly skipped: Uint8Array;
  /** Storage of the tape → the block that holds it in the replay. */
  private readonly blocks = new Map<StorageId, BlockId>();
  private readonly declared = new Map<StorageId, BlockId>();

  constructor(
    tape: Tape,
    ledger: Ledger,
    dying: readonly (readonly StorageId[] | undefined)[],
    blas: () => void,
    fetch: ((tensor: TapeTensor) => BlockId) | null,
  ) {
    this.tape = tape;
    this.ledger = ledger;
    this.dying = dying;
    this.blas = blas;
    this.fetch = fetch;
    const checkpoints = tape.graph.checkpoints ?? [];
    this.cached = new Uint8Array(tape.cached ? tape.storages.length : 0);
    this.skipped = new Uint8Array(tape.cached ? tape.events.length : 0);
    for (const storage of tape.cached ?? []) this.cached[storage] = 1;
    for (const { outputs, from, to } of tape.cached ? (tape.calls ?? []) : [])
      if (outputs.some(({ storage }) => this.cached[storage] === 1)) this.skipped.fill(1, from, to);
    this.frameOf = new Int32Array(tape.graph.nodes.length + 1).fill(-1);
    checkpoints.forEach(({ first, last }, i) => {
      this.frameOf.fill(i, first, last + 1);
    });
    const ranges = checkpoints.map(() => ({ from: -1, to: -1 }));
    if (checkpoints.length > 0)
      tape.events.forEach(({ kind, node }, i) => {
        const range = ranges[this.frameOf[node] as number];
        if (!range) return;
        if (range.from < 0) range.from = i;
        if (kind === "save") range.to = i;
      });
    const frames = checkpoints.map((checkpoint, i): Frame => {
      return {
        checkpoint,
        ...(ranges[i] as { from: number; to: number }),
        left: 0,
        replayed: false,
        held: false,
      };
    });
    for (const { node, saved } of checkpoints.length > 0 ? tape.gradNodes : []) {
      const frame = frames[this.frameOf[node] as number];
      if (frame && saved.length > 0) frame.left += 1;
    }
    this.frames = frames;
  }

  /** Whether what `node` saves is thrown away until backward. */
  covers(node: NodeId): boolean {
    return (this.frameOf[node] as number) >= 0;
  }

  /** Before a forward operator: its region's inputs are kept. */
  enter(node: NodeId): void {
    const frame = this.frames[this.frameOf[node] as number];
    if (!frame || frame.checkpoint.first !== node || frame.left === 0 || this.fetch) return;
    frame.held = true;
    for (const storage of this.inputs(frame)) this.ledger.hold(storage);
  }

  /** After a forward allocation: some results are kept for the replay. */
  cache(storage: StorageId): void {
    if (this.cached[storage] === 1) this.ledger.hold(storage);
  }

  /** Before a gradient runs: its saved tensors are there again. */
  unpack(node: GradNode): void {
    const frame = this.frames[this.frameOf[node.node] as number];
    if (frame && node.saved.length > 0 && !frame.replayed) this.replay(frame);
  }

  /** Where a saved storage lies during backward. */
  blockOf(storage: StorageId): BlockId {
    return this.blocks.get(storage) ?? storage;
  }

  /** What a gradient unpacked are its locals: they die when its kernels are done, before the engine looks at results. */
  release(node: GradNode): void {
    if (!this.covers(node.node)) return;
    const kept = this.kept.get(node.id) ?? [];
    for (let i = kept.length - 1; i >= 0; i--) this.ledger.drop(kept[i] as BlockId);
    this.kept.set(node.id, []);
  }

  /** After a gradient is delivered. */
  leave(node: GradNode): void {
    const frame = this.frames[this.frameOf[node.node] as number];
    if (!frame || node.saved.length === 0) return;
    frame.left -= 1;
    if (frame.left === 0) this.giveUp(frame);
  }

  /** Regions that backward did not reach. */
  finish(): void {
    for (const kept of this.kept.values()) for (const block of kept) this.ledger.drop(block);
    this.kept.clear();
    for (const frame of this.frames) this.giveUp(frame);
    this.cached.forEach((state, storage) => {
      if (state === 1) this.ledger.drop(storage); // no replay took it
    });
  }

  private giveUp(frame: Frame): void {
    if (!frame.held) return;
    frame.held = false;
    for (const storage of this.inputs(frame)) this.ledger.drop(storage);
  }

  private inputs({ checkpoint }: Frame): Set<StorageId> {
    const { storageOf, storages } = this.tape;
    const held = new Set<StorageId>();
    for (const value of checkpoint.inputs) {
      const storage = storageOf[value];
      if (storage !== undefined && storages[storage]?.resident === undefined) held.add(storage);
    }
    return held;
  }

  private replay(frame: Frame): void {
    frame.replayed = true;
    const { tape, ledger } = this;
    const alive = new Set<StorageId>();
    const at = ledger.at;
    const make = (storage: StorageId) => {
      const block = this.declare(storage);
      this.blocks.set(storage, block);
      ledger.allocate(block);
      ledger.hold(block);
      alive.add(storage);
    };
    const drop = (storage: StorageId) => {
      if (alive.delete(storage)) ledger.drop(this.blockOf(storage));
    };
    const fetched = this.fetchInputs(frame);
    let node = frame.checkpoint.first;
    for (let i = frame.from; i <= frame.to; i++) {
      const event = tape.events[i] as Tape["events"][number];
      for (; node < event.node; node++) for (const storage of this.dying[node] ?? []) drop(storage);
      ledger.at = event.node;
      if (this.skipped[i] === 1 && event.kind !== "save") {
        if (event.kind === "allocate" && this.cached[event.storage] === 1) {
          this.cached[event.storage] = 2;
          alive.add(event.storage); // the cache's hold becomes the replay's
        }
      } else if (event.kind === "allocate") make(event.storage);
      else if (event.kind === "drop") drop(event.storage);
      else if (event.kind === "blas") this.blas();
      else if (event.kind === "keep")
        continue; // forward made it
      else {
        // a cast of a parameter that an operator outside made is made anew
        if (ledger.holdersOf(this.blockOf(event.storage)) === 0) make(event.storage);
        this.keep(event.by, this.blockOf(event.storage));
      }
    }
    for (const storage of [...alive].reverse()) drop(storage);
    for (const block of fetched) ledger.drop(block);
    ledger.at = at;
  }

  /** checkpoint.py _NoopSaveInputs: inputs are saved tensors, and go where those go; they come back as arguments. */
  private fetchInputs({ checkpoint }: Frame): BlockId[] {
    const { fetch, tape } = this;
    if (!fetch) return [];
    return checkpoint.inputs.map((value) => {
      const storage = tape.storageOf[value] as StorageId;
      const block = fetch({ spec: (tape.graph.values[value] as Value).spec, storage });
      this.blocks.set(storage, block);
      return block;
    });
  }

  private keep(by: GradNodeId, block: BlockId): void {
    const kept = this.kept.get(by);
    if (kept?.length === 0) return; // it ran without a gradient
    this.ledger.hold(block);
    if (kept) kept.push(block);
    else this.kept.set(by, [block]);
  }

  private declare(storage: StorageId): BlockId {
    const known = this.declared.get(storage);
    if (known !== undefined) return known;
    const { bytes, label, spec, workspace } = this.tape.storages[storage] as Tape["storages"][number];
    const category = workspace ? "workspace" : "temporaries";
    const block = this.ledger.declare(bytes, category, label, "computed again for backward", spec);
    this.declared.set(storage, block);
    return block;
  }
}
