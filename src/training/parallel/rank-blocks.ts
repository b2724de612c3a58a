/** Blocks of a rank's buffers and shares, written into the ledger. */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import { bytes } from "../../base/units.js";
import type { BlockId, Category } from "../../ir/step.js";
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
