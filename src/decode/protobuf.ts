/**
 * Protocol buffers over ranges of a source: messages of a schema to plain objects. Long payloads are stepped over.
 *
 * Spec     https://protobuf.dev/programming-guides/encoding
 * Reads    messages up to `WHOLE` bytes at once, longer ones field by field
 * Limits   depth, count and lengths are bounded; every length must end inside its message
 */
import { InputError } from "../base/complaint.js";
import type { Source } from "../base/source.js";
import { KiB } from "../base/units.js";

/** A field's kind: a plural is repeated, `size` is a payload's length and, if short, its bytes. */
export type Kind = "int" | "ints" | "float" | "floats" | "text" | "texts" | "payload" | Nested;
export interface Nested {
  readonly of: () => Schema;
  readonly repeated?: true;
  /** A file with more of them in one message is refused. */
  readonly most?: number;
}
/** Field number → name and kind; fields that are not listed are stepped over. */
export type Schema = Readonly<Record<number, readonly [name: string, kind: Kind]>>;

/** What is known of a payload: its bytes only when they are few. */
export interface Payload {
  readonly size: number;
  readonly bytes?: Uint8Array;
}
export type Message = { [field: string]: unknown };

/** Messages up to this length are read at once; longer ones hold weights. */
const WHOLE = 32 * KiB;
/** Payloads, texts and packed lists up to this length are kept. */
const KEPT = 64 * KiB;
/** Graphs in attributes of nodes of graphs: three levels each. */
const MAX_DEPTH = 48;
/** Fields read in all; the largest exports seen have some 10^6. */
const MAX_FIELDS = 6_000_000;

export async function readMessage(source: Source, schema: Schema): Promise<Message> {
  const reader = new Reader(source);
  return reader.message(schema, 0, source.size, 0);
}

/** The raw field at some place: where its content begins and ends. */
interface Field {
  readonly number: number;
  readonly wire: number;
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

class Reader {
  private readonly source: Source;
  private window: Uint8Array = new Uint8Array(0);
  private from = 0;
  private fields = 0;

  constructor(source: Source) {
    this.source = source;
  }

  /** The message in [start, end) of the source. */
  async message(schema: Schema, start: number, end: number, depth: number): Promise<Message> {
    if (end - start <= WHOLE) {
      const bytes = await this.bytes(start, end);
      return this.whole(schema, bytes, { base: start, start: 0, end: bytes.length, depth });
    }
    this.checkDepth(depth, start);
    const out: Message = {};
    for (let at = start; at < end; ) {
      // a tag, a length, and the eight bytes of a number
      const head = await this.bytes(at, Math.min(at + 28, end));
      const field = this.field(head, { base: at, at: 0, end: end - at });
      const [name, kind] = schema[field.number] ?? [];
      at += field.end;
      if (name === undefined || kind === undefined) continue;
      const size = field.end - field.start;
      const from = at - size;
      if (typeof kind === "object" && field.wire === 2)
        keep(out, name, kind, await this.counted(out, name, kind, { from, at, depth }));
      else if (field.wire !== 2) scalar(out, name, kind, field, head);
      else if (size <= KEPT) plain(out, name, kind, await this.bytes(from, at));
      else tooLong(out, name, kind, size);
    }
    return out;
  }

  private whole(
    schema: Schema,
    bytes: Uint8Array,
    { base, start, end, depth }: { base: number; start: number; end: number; depth: number },
  ): Message {
    this.checkDepth(depth, base + start);
    const out: Message = {};
    for (let at = start; at < end; ) {
      const field = this.field(bytes, { base, at, end });
      const [name, kind] = schema[field.number] ?? [];
      at = field.end;
      if (name === undefined || kind === undefined) continue;
      if (field.wire !== 2) scalar(out, name, kind, field, bytes);
      else if (typeof kind === "object") {
        const inside = { base, start: field.start, end: field.end, depth: depth + 1 };
        this.count(out, name, kind, base + field.start);
        keep(out, name, kind, this.whole(kind.of(), bytes, inside));
      } else plain(out, name, kind, bytes.slice(field.start, field.end));
    }
    return out;
  }

  /** The field at `at`; `end` is where its message ends. All places are relative to `bytes`. */
  private field(bytes: Uint8Array, { base, at, end }: { base: number; at: number; end: number }): Field {
    if (++this.fields > MAX_FIELDS) throw this.broken(base + at, `at most ${MAX_FIELDS} fields`, "more");
    const [tag, afterTag] = this.varint(bytes, at, base);
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (number === 0 || number > 0x1fffffff)
      throw this.broken(base + at, "a field number from 1 to 536870911", String(number));
    let [value, start] = [0, afterTag];
    let stop = afterTag;
    if (wire === 0) [value, stop] = this.varint(bytes, afterTag, base);
    else if (wire === 1) stop += 8;
    else if (wire === 5) stop += 4;
    else if (wire === 2) {
      const [length, afterLength] = this.varint(bytes, afterTag, base);
      start = afterLength;
      stop = afterLength + length;
    } else throw this.broken(base + at, "a wire type of 0, 1, 2 or 5", String(wire));
    if (!(stop <= end) || stop < start)
      throw this.broken(base + at, `a field that ends within its ${end - at} bytes`, `${stop - at} bytes`);
    return { number, wire, value, start, end: stop };
  }

  /** A number and the place after it. Negative ones take ten bytes. */
  private varint(bytes: Uint8Array, at: number, base: number): [number, number] {
    let [value, scale] = [0, 1];
    for (let i = 0; i < 10; i++) {
      const byte = bytes[at + i];
      if (byte === undefined) break;
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return [value > Number.MAX_SAFE_INTEGER ? signed(bytes, at, i) : value, at + i + 1];
    }
    throw this.broken(base + at, "a number of at most ten bytes", "one without end");
  }

  private async bytes(start: number, end: number): Promise<Uint8Array> {
    const from = start - this.from;
    if (from >= 0 && end <= this.from + this.window.length)
      return this.window.subarray(from, end - this.from);
    this.window = await this.source.read(start, Math.min(Math.max(end, start + WHOLE), this.source.size));
    this.from = start;
    if (this.window.length < end - start) throw this.broken(start, `${end - start} bytes`, "the file's end");
    return this.window.subarray(0, end - start);
  }

  private checkDepth(depth: number, at: number): void {
    if (depth > MAX_DEPTH) throw this.broken(at, `at most ${MAX_DEPTH} messages inside each other`, "more");
  }

  private async counted(
    out: Message,
    name: string,
    kind: Nested,
    { from, at, depth }: { from: number; at: number; depth: number },
  ): Promise<Message> {
    this.count(out, name, kind, from);
    return this.message(kind.of(), from, at, depth + 1);
  }

  private count(out: Message, name: string, { most = Number.POSITIVE_INFINITY }: Nested, at: number): void {
    const { length = 0 } = (out[name] ?? {}) as { length?: number }; // a list, where there are several
    if (length >= most) throw this.broken(at, `at most ${most} of ${name}`, "more");
  }

  private broken(at: number, expected: string, got: string): InputError {
    return new InputError({
      code: "protobuf/field",
      where: `${this.source.name} › byte ${at}`,
      rule: "the file must be readable as protocol buffers",
      expected,
      got,
      hint: "the file is damaged or cut short; compare its size with the original, or export the model again",
    });
  }
}

/** Two's complement of 64 bits; what a number cannot hold exactly stays out of any plausible range. */
function signed(bytes: Uint8Array, at: number, last: number): number {
  let value = 0n;
  for (let i = last; i >= 0; i--) value = value * 128n + BigInt((bytes[at + i] as number) & 127);
  return Number(BigInt.asIntN(64, value));
}

function keep(out: Message, name: string, { repeated }: Nested, value: Message): void {
  if (repeated) (list(out, name) as unknown[]).push(value);
  else out[name] = value;
}

/** A field of one number. */
function scalar(
  out: Message,
  name: string,
  kind: Kind,
  { wire, value, start }: Field,
  bytes: Uint8Array,
): void {
  if (kind === "int" || kind === "ints") {
    if (wire !== 0) return;
    if (kind === "int") out[name] = value;
    else list(out, name).push(value);
  } else if (kind === "float" || kind === "floats") {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start);
    const number = wire === 5 ? view.getFloat32(0, true) : wire === 1 ? view.getFloat64(0, true) : value;
    if (kind === "float") out[name] = number;
    else list(out, name).push(number);
  }
}

/** A field of bytes that are there. */
function plain(out: Message, name: string, kind: Kind, bytes: Uint8Array): void {
  if (kind === "text") out[name] = decoder.decode(bytes);
  else if (kind === "texts") (list(out, name) as unknown[]).push(decoder.decode(bytes));
  else if (kind === "payload") out[name] = { size: bytes.length, bytes } satisfies Payload;
  else if (kind === "ints") {
    const numbers = list(out, name);
    for (let at = 0; at < bytes.length; ) {
      let last = at;
      while (last < bytes.length - 1 && (bytes[last] as number) > 127 && last - at < 9) last++;
      numbers.push(signed(bytes, at, last - at));
      at = last + 1;
    }
  } else if (kind === "floats") {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + 4 <= bytes.length; at += 4) list(out, name).push(view.getFloat32(at, true));
  }
}

function tooLong(out: Message, name: string, kind: Kind, size: number): void {
  if (kind === "payload") out[name] = { size } satisfies Payload;
}

function list(out: Message, name: string): number[] {
  out[name] ??= [];
  return out[name] as number[];
}

const decoder = new TextDecoder();
