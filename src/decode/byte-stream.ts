/**
 * The bytes of a source one piece after the other, inflated when they are gzip's.
 *
 * Limits   what comes out is bounded by what went in: a small file cannot fill memory or take forever
 */
import { InputError } from "../base/complaint.js";
import { joinBytes } from "../base/join-bytes.js";
import type { Source } from "../base/source.js";
import { KiB, MiB } from "../base/units.js";

/** Bytes that are read at a time. */
const PIECE = MiB;
/** And of a gzip file: at most 33 MB come out of them. */
const PACKED_PIECE = 32 * KiB;
/** Traces deflate some 20 : 1, snapshots with stacks 70 : 1; deflate itself stops at about 1032 : 1. */
const MAX_RATIO = 200;
const FREE = 16 * MiB;

/** Calls `take` with every piece until it returns false. Throws InputError for gzip that is damaged or a bomb. */
export async function readPieces(source: Source, take: (piece: Uint8Array) => boolean): Promise<void> {
  const magic = await source.read(0, Math.min(2, source.size));
  if (magic[0] === 0x1f && magic[1] === 0x8b) return inflatePieces(source, take);
  for (let at = 0; at < source.size; at += PIECE) {
    if (!take(await source.read(at, Math.min(at + PIECE, source.size)))) return;
  }
}

/**
 * fflate rather than `DecompressionStream`: it inflates a piece before it takes the next, so what came out is known to be of
 * what went in; Node's stream takes a whole file before a bomb in its first bytes is seen.
 */
async function inflatePieces(source: Source, take: (piece: Uint8Array) => boolean): Promise<void> {
  const { Gunzip } = await import("fflate");
  let inflated: Uint8Array[] = [];
  const gunzip = new Gunzip((piece) => inflated.push(piece));
  let size = 0;
  for (let at = 0; at < source.size; ) {
    const end = Math.min(at + PACKED_PIECE, source.size);
    const packed = await source.read(at, end);
    at = end;
    try {
      gunzip.push(packed, at === source.size);
    } catch (error) {
      throw damaged(source, at, error);
    }
    for (const piece of inflated) size += piece.length;
    if (size > FREE && size > MAX_RATIO * at) throw bomb(source, size, at);
    for (const piece of inflated) if (piece.length > 0 && !take(piece)) return;
    inflated = [];
  }
}

/** All of it, up to `limit` bytes; null when there is more. */
export async function readWhole(source: Source, limit: number): Promise<Uint8Array | null> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  await readPieces(source, (piece) => {
    size += piece.length;
    if (size <= limit) pieces.push(piece);
    return size <= limit;
  });
  if (size > limit) return null;
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  return joinBytes(pieces);
}

function damaged({ name, size }: Source, at: number, error: unknown): InputError {
  return new InputError({
    code: "gzip/data",
    where: name,
    rule: "a gzip file must be complete",
    expected: "data that inflates to its end",
    got: `${error instanceof Error ? error.message : "an error"} within the first ${at} of ${size} bytes`,
    hint: "was the download or copy cut short? gzip -t checks the file",
  });
}

function bomb({ name }: Source, size: number, at: number): InputError {
  return new InputError({
    code: "gzip/bomb",
    where: name,
    rule: "a gzip file must not inflate beyond reason",
    expected: `at most ${MAX_RATIO} times its bytes`,
    got: `more than ${size} bytes from ${at}`,
    hint: "the file is made to exhaust memory; gunzip it first if it is truly yours",
  });
}
