/**
 * The objects of one array in a JSON text that is too large for one string, each as bytes of its own.
 *
 * Reads    `[{…},{…}]`, or an object with such an array under a key of its own: `{"traceEvents":[…]}`
 * Ignores  everything outside of that array, and everything after it
 * Limits   depth and size of one object; what is inside of one is for JSON.parse to judge
 */
import { InputError } from "../base/complaint.js";
import { MiB } from "../base/units.js";

const MAX_DEPTH = 200;
const MAX_OBJECT = 8 * MiB;
const [SPACE, QUOTE, BACKSLASH, OPEN, CLOSE, LEFT, RIGHT] = [0x20, 0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d];

export interface ObjectSplitterOptions {
  /** What complaints call the text. */
  readonly where: string;
  /** The array's key, for texts that are an object. */
  readonly key: string;
  readonly take: (object: Uint8Array) => void;
}

/** To the next quote or bracket. */
function skipPlain(piece: Uint8Array, from: number): number {
  const { length } = piece;
  for (let i = from; i < length; i++) {
    const byte = piece[i] as number;
    if (byte === QUOTE || byte === OPEN || byte === CLOSE || byte === LEFT || byte === RIGHT) return i;
  }
  return length;
}

/** Takes a text piece by piece. */
export class ObjectSplitter {
  /** The array has ended. */
  done = false;
  private readonly where: string;
  private readonly key: string;
  private readonly take: (object: Uint8Array) => void;
  private depth = 0;
  /** Depth of the array's elements; -1 before it starts. */
  private elements = -1;
  private inText = false;
  private escaped = false;
  /** Bytes of an object that earlier pieces began. */
  private begun: Uint8Array[] = [];
  private begunBytes = 0;
  /** The last string at depth 1, while it may still be the array's key. */
  private word = "";
  private offset = 0;
  /** Bytes since the last piece with a quote or a bracket. */
  private gap = 0;
  /** Whether anything but white space was seen. */
  private started = false;

  constructor({ where, key, take }: ObjectSplitterOptions) {
    this.where = where;
    this.key = key;
    this.take = take;
  }

  /** False once the array has ended. */
  push(piece: Uint8Array): boolean {
    const { length } = piece;
    // an object that an earlier piece began goes on at 0
    let start = this.elements >= 0 && this.depth > this.elements ? 0 : -1;
    let i = 0;
    while (i < length && !this.done) {
      if (this.inText) {
        i = this.skipText(piece, i);
        continue;
      }
      if (!this.started) {
        while (i < length && (piece[i] as number) <= SPACE) i++;
        if (i < length && piece[i] !== OPEN && piece[i] !== LEFT) throw this.noText(i);
        this.started = i < length;
      }
      i = skipPlain(piece, i);
      if (i >= length) break;
      const byte = piece[i] as number;
      if (byte === QUOTE) {
        this.inText = true;
        this.word = "";
      } else if (byte === OPEN || byte === LEFT) {
        if (this.elements >= 0) {
          if (this.depth === this.elements) start = i;
        } else if (byte === LEFT && (this.depth === 0 || (this.depth === 1 && this.word === this.key)))
          this.elements = this.depth + 1;
        if (++this.depth > MAX_DEPTH) throw this.tooDeep(i);
      } else if (byte === CLOSE || byte === RIGHT) {
        this.depth--;
        if (this.depth < 0) throw this.noText(i);
        if (this.elements >= 0 && this.depth === this.elements && start >= 0) {
          this.finish(piece.subarray(start, i + 1));
          start = -1;
        } else if (this.elements >= 0 && this.depth < this.elements) this.done = true;
      }
      i++;
    }
    // no writer leaves so much space between two brackets
    this.gap = skipPlain(piece, 0) === length ? this.gap + length : 0;
    if (this.gap > MAX_OBJECT) throw this.tooLong();
    if (start >= 0 && !this.done) {
      this.begunBytes += length - start;
      if (this.begunBytes > MAX_OBJECT) throw this.tooLong();
      this.begun.push(piece.slice(start));
    }
    this.offset += length;
    return !this.done;
  }

  /** To behind the end of a string, or of the piece. */
  private skipText(piece: Uint8Array, from: number): number {
    const { length } = piece;
    let i = from;
    if (this.escaped) {
      this.escaped = false;
      i++;
    }
    while (i < length) {
      const byte = piece[i] as number;
      if (byte === QUOTE) {
        this.inText = false;
        break;
      }
      i += byte === BACKSLASH ? 2 : 1;
    }
    if (i > length) this.escaped = true;
    if (this.elements < 0 && this.depth === 1 && this.word.length <= this.key.length)
      this.word += String.fromCharCode(...piece.subarray(from, Math.min(i, from + this.key.length + 1)));
    return Math.min(length, this.inText ? i : i + 1);
  }

  /** Throws when the text has ended before its array. */
  end(): void {
    if (this.done) return;
    throw new InputError({
      code: "json/array",
      where: this.where,
      rule: "the text must hold its list to the end",
      expected: `a list under "${this.key}", or a bare list, up to its last bracket`,
      got:
        this.elements < 0
          ? `no such list in ${this.offset} bytes`
          : `it breaks off after ${this.offset} bytes`,
      hint: "was the recording stopped or the copy cut short? compare the file's size with the original",
    });
  }

  private finish(rest: Uint8Array): void {
    if (this.begun.length === 0) {
      this.take(rest);
      return;
    }
    const size = this.begunBytes + rest.length;
    if (size > MAX_OBJECT) throw this.tooLong();
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of [...this.begun, rest]) {
      whole.set(part, at);
      at += part.length;
    }
    this.begun = [];
    this.begunBytes = 0;
    this.take(whole);
  }

  private noText(at: number): InputError {
    return new InputError({
      code: "json/text",
      where: `${this.where}, byte ${this.offset + at}`,
      rule: "the file must be JSON",
      expected: `an object with "${this.key}", or a list`,
      got: "something else",
      hint: "is this the file that the profiler exported?",
    });
  }

  private tooDeep(at: number): InputError {
    return new InputError({
      code: "json/depth",
      where: `${this.where}, byte ${this.offset + at}`,
      rule: "brackets must not nest beyond reason",
      expected: `at most ${MAX_DEPTH} inside each other`,
      got: "more",
      hint: "no profiler writes that; the file is damaged or made to exhaust memory",
    });
  }

  private tooLong(): InputError {
    return new InputError({
      code: "json/object",
      where: `${this.where}, byte ${this.offset}`,
      rule: "one event must be of a plausible size",
      expected: `at most ${MAX_OBJECT} bytes`,
      got: "more",
      hint: "no profiler writes that; the file is damaged or made to exhaust memory",
    });
  }
}
