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
