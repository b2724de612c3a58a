/**
 * A validation pass between steps: a function of its own loads a batch, runs the model with its loss in eval mode and
 * without gradients, and returns. Parameters and buffers are the training step's.
 */
import type { NodeId, Value } from "../ir/graph.js";
import type { BlockId } from "../ir/step.js";
import type { Storage, StorageId, Tape } from "../ir/tape.js";
import { suggestsChannelsLast } from "../ir/tensor.js";
import type { Ledger } from "./ledger.js";
import { dyingAfter } from "./lifetimes.js";

export interface ValidationContext {
  readonly training: Tape;
  /** The same model in eval mode. */
  readonly validation: Tape;
  readonly ledger: Ledger;
  /** cuBLAS is called from the forward thread. */
  readonly blas: () => void;
  /** Allocates what comes row-major before it is stored NHWC. */
  readonly rowMajor: (storage: Storage) => BlockId;
}

export class ValidationPass {
  private readonly context: ValidationContext;
  /** By storage of the validation's tape. */
  private readonly blocks: readonly BlockId[];
  /** By node of the validation's graph: the training step's node that makes the same value. */
  private readonly places: readonly NodeId[];
  private readonly dying: readonly (readonly StorageId[] | undefined)[];
  private readonly inputs: readonly Value[];

  constructor(context: ValidationContext) {
    this.context = context;
    const { graph } = context.validation;
    const makers = new Map(context.training.graph.nodes.map(({ id, outputs }) => [outputs[0], id]));
    this.places = graph.nodes.map(({ outputs }) => makers.get(outputs[0]) ?? -1);
    this.dying = dyingAfter(context.validation);
    this.inputs = graph.values.filter(({ role }) => role === "input" || role === "target");
    this.blocks = this.declare();
  }

  run(): void {
    const { ledger, validation, rowMajor } = this.context;
    const { graph, storageOf, storages } = validation;
    for (const { id, role, spec } of this.inputs) {
      const storage = storageOf[id] as StorageId;
      const loads = role === "input" && suggestsChannelsLast(spec);
      const loaded = loads ? rowMajor(storages[storage] as Storage) : null;
      this.make(storage);
      if (loaded !== null) ledger.free(loaded);
    }
    let at = 0;
    for (const { id } of graph.nodes) {
      ledger.at = this.places[id] ?? -1;
      at = this.perform(id, at);
      for (const storage of this.dying[id] ?? []) ledger.drop(this.blockOf(storage));
    }
    ledger.at = -1;
    this.perform(graph.nodes.length, at);
    for (const storage of this.locals()) ledger.drop(this.blockOf(storage));
  }

  /** Runs the events of one node from `at` on; returns where the next one's begin. */
  private perform(node: NodeId, at: number): number {
    const { ledger, validation, blas } = this.context;
    let next = at;
    for (; validation.events[next]?.node === node; next++) {
      const event = validation.events[next] as Tape["events"][number];
      if (event.kind === "blas") blas();
      else if (event.kind === "drop") ledger.drop(this.blockOf(event.storage));
      else if (event.kind === "allocate" || ledger.holdersOf(this.blockOf(event.storage)) === 0)
        this.make(event.storage); // what is kept was made once
    }
    return next;
  }

  /** What the function's variables hold when it returns: its batch, the loss and the outputs. */
  private locals(): Set<StorageId> {
    const { graph, storageOf, storages } = this.context.validation;
    const held = new Set(this.inputs.map(({ id }) => storageOf[id] as StorageId));
    for (const id of graph.outputs) {
      const storage = storageOf[id];
      if (storage !== undefined && storages[storage]?.resident === undefined) held.add(storage);
    }
    return held;
  }

  private declare(): BlockId[] {
    const { training, validation, ledger } = this.context;
    const kept = keptByLabel(training);
    const once = keptByLabel(validation);
    const loaded = new Set(this.inputs.map(({ id }) => validation.storageOf[id]));
    return validation.storages.map(({ id, bytes, label, spec, resident, workspace, node }) => {
      const known =
        resident !== undefined && !loaded.has(id)
          ? training.storageOf[resident]
          : once.get(label) === id && kept.get(label);
      if (typeof known === "number") return known;
      const category = loaded.has(id) ? "inputs" : workspace ? "workspace" : "temporaries";
      const because = loaded.has(id) ? "the batch that is validated on" : "a result of the validation pass";
      return ledger.declare(bytes, category, label, because, spec, this.places[node] ?? -1);
    });
  }

  private make(storage: StorageId): void {
    this.context.ledger.allocate(this.blockOf(storage));
    this.context.ledger.hold(this.blockOf(storage));
  }

  private blockOf(storage: StorageId): BlockId {
    return this.blocks[storage] as BlockId;
  }
}

/** What a process makes once and keeps, by its label. */
function keptByLabel({ events, storages }: Tape): Map<string, StorageId> {
  const kept = events.filter(({ kind }) => kind === "keep").map(({ storage }) => storage);
  return new Map(kept.map((storage) => [storages[storage]?.label ?? "", storage]));
}
