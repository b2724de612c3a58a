/** Blocks of a rank's buffers and shares, written into the ledger; and the parameters that they are made of. */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { bytes } from "../../base/units.js";
import type { Graph, Value } from "../../ir/graph.js";
import type { BlockId, Category } from "../../ir/step.js";
import type { StorageId, Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";

export interface Wanted {
  readonly count: number;
  readonly dtype: DType;
  readonly label: string;
  readonly because: string;
  /** Absent: a buffer of a collective. */
  readonly category?: Category;
  /** Absent: the one that computes. */
  readonly stream?: number;
}

/** Allocated, and held once. */
export function make(
  ledger: Ledger,
  { count, dtype, label, because, category, stream = 0 }: Wanted,
): BlockId {
  const size = bytes(count * ITEM_SIZE[dtype]);
  const shape = [count];
  const block = ledger.declare(size, category ?? "communication", label, because, { shape, dtype });
  ledger.onStream(block, stream);
  ledger.allocate(block);
  ledger.hold(block);
  return block;
}

/** Allocated, and freed again at once. */
export function pass(ledger: Ledger, wanted: Wanted): void {
  ledger.drop(make(ledger, wanted));
}

/** `torch.cuda.empty_cache()`: what nothing lies in goes back to the device. */
export function emptyCache(ledger: Ledger): void {
  const block = ledger.declare(bytes(1), "temporaries", "empty_cache", "the cache is emptied after it", null);
  ledger.tries(block);
  ledger.allocate(block);
  ledger.free(block);
}

/** What an optimizer is given, each once, in the module's order. */
export function trainedParameters({ values }: Graph): Value[] {
  return values.filter(
    ({ role, trainable, tiedTo }) => role === "parameter" && trainable && tiedTo === undefined,
  );
}

/**
 * A trained parameter as `Module.to` moves it, in a block of its own until something larger holds it: the tape's storage is a view from
 * then on. Returns that block.
 */
export function arriveApart(
  { ledger, tape }: { readonly ledger: Ledger; readonly tape: Tape },
  { id, name, spec: { shape, dtype } }: Value,
  because: string,
): BlockId {
  ledger.hold(tape.storageOf[id] as StorageId);
  const size = bytes(elements(shape) * ITEM_SIZE[dtype]);
  const block = ledger.declare(size, "parameters", name, because, { shape, dtype });
  ledger.allocate(block);
  return block;
}

/** A parameter that stays where it arrives. */
export function arriveAsIs(
  { ledger, tape }: { readonly ledger: Ledger; readonly tape: Tape },
  { id }: Value,
): void {
  const storage = tape.storageOf[id] as StorageId;
  ledger.allocate(storage);
  ledger.hold(storage);
}
