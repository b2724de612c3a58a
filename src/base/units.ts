/** Binary units; the core counts whole bytes, only `present/` rounds. */
export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

declare const unit: unique symbol;
/** A count of bytes: whole, never negative. Elements and dims stay plain numbers. */
export type Bytes = number & { readonly [unit]: "bytes" };

/** Marks `count` as bytes; refuses what cannot be a size (a bug in the caller, not in the input). */
export function bytes(count: number): Bytes {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`${count} is not a byte count`);
  return count as Bytes;
}

export const NO_BYTES = 0 as Bytes;

/** `size` rounded up to a multiple of `granularity`. */
export function roundUp(size: number, granularity: number): Bytes {
  return (Math.ceil(size / granularity) * granularity) as Bytes;
}

/** Sum of byte counts. */
export function sumBytes(sizes: Iterable<Bytes>): Bytes {
  let total = 0;
  for (const size of sizes) total += size;
  return bytes(total);
}
