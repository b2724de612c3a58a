/**
 * Python's pickles, protocols 0 to 5, as inert data: one stack machine for everything that reads them. Nothing is ever imported,
 * called or constructed; what stands for dicts, names and calls is the reader's to say.
 *
 * Spec     Lib/pickletools.py of CPython
 * Reads    None, bool, int, float, str, bytes, list, tuple (as a list); what the pickle shares is shared here
 * Limits   operations; no more bytes than the file has; integers of 64 bytes; memo numbers below the file's length
 */
import type { InputError } from "../base/complaint.js";

/** How one reader's values are made. */
export interface PickleReader {
  /** Operations of one pickle. */
  readonly most: number;
  dict(): unknown;
  /** Sets items: keys and values in turn. */
  fill(target: unknown, items: readonly unknown[], machine: PickleMachine): void;
  append(target: unknown, items: readonly unknown[], machine: PickleMachine): void;
  /** A class or function by its name; throws where none may stand. */
  global(module: string, name: string, machine: PickleMachine): unknown;
  /** What makes objects: absent where the pickle must hold plain data. */
  readonly objects?: {
    call(callee: unknown, args: unknown): unknown;
    build(object: unknown, state: unknown): void;
    persistent(id: unknown): unknown;
  };
  /** The pickle is cut short or contradicts itself. */
  damaged(where: string, at: number, expected: string, got: string): InputError;
  unknown(where: string, at: number, opcode: number): InputError;
}

/** Bytes of an integer: more is no size of anything. */
const MAX_INTEGER = 64;

export class PickleMachine {
  readonly where: string;
  private readonly data: Uint8Array;
  private readonly view: DataView;
  private readonly reader: PickleReader;
  private readonly utf8 = new TextDecoder();
  private readonly memo: unknown[] = [];
  /** Memo numbers that are taken. */
  private remembered = 0;
  private readonly stack: unknown[] = [];
  /** Heights of the stack at open marks. */
  private readonly marks: number[] = [];
  private at: number;

  constructor(data: Uint8Array, where: string, reader: PickleReader, start = 0) {
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.where = where;
    this.reader = reader;
    this.at = start;
  }

  /** The pickled value, and where the next pickle begins. */
  run(): { readonly value: unknown; readonly end: number } {
    const { most } = this.reader;
    for (let count = 0; ; count++) {
      if (count > most) throw this.damaged(`at most ${most} operations`, "more");
      const opcode = this.byte();
      if (opcode === 0x2e) return { value: this.pop(), end: this.at }; // STOP
      this.step(opcode);
    }
  }

  // biome-ignore format: one opcode per line
  private step(opcode: number): void {
    const { stack, reader } = this;
    switch (opcode) {
      case 0x80: this.take(1); return;                                          // PROTO
      case 0x95: this.length(8); return;                                        // FRAME
      case 0x28: this.marks.push(stack.length); return;                         // MARK
      case 0x30: this.drop(); return;                                           // POP
      case 0x31: this.sinceMark(); return;                                      // POP_MARK
      case 0x32: stack.push(this.top()); return;                                // DUP
      case 0x4e: stack.push(null); return;                                      // NONE
      case 0x88: stack.push(true); return;                                      // NEWTRUE
      case 0x89: stack.push(false); return;                                     // NEWFALSE
      case 0x4b: stack.push(this.byte()); return;                               // BININT1
      case 0x4d: stack.push(this.view.getUint16(this.take(2), true)); return;   // BININT2
      case 0x4a: stack.push(this.view.getInt32(this.take(4), true)); return;    // BININT
      case 0x8a: stack.push(this.integer(this.length(1))); return;              // LONG1
      case 0x8b: stack.push(this.integer(this.length(4))); return;              // LONG4
      case 0x47: stack.push(this.view.getFloat64(this.take(8))); return;        // BINFLOAT
      case 0x49: stack.push(this.decimal(this.line())); return;                 // INT
      case 0x4c: stack.push(this.decimal(this.line().trim().replace(/L$/, ""))); return; // LONG
      case 0x46: stack.push(Number(this.line())); return;                       // FLOAT
      case 0x8c: stack.push(this.text(this.length(1))); return;                 // SHORT_BINUNICODE
      case 0x58: stack.push(this.text(this.length(4))); return;                 // BINUNICODE
      case 0x8d: stack.push(this.text(this.length(8))); return;                 // BINUNICODE8
      case 0x56: stack.push(this.line()); return;                               // UNICODE
      case 0x53: stack.push(this.line().trim().replace(/^(['"])(.*)\1$/s, "$2")); return; // STRING
      case 0x55: stack.push(this.text(this.length(1))); return;                 // SHORT_BINSTRING
      case 0x54: stack.push(this.text(this.length(4))); return;                 // BINSTRING
      case 0x43: stack.push(this.raw(this.length(1))); return;                  // SHORT_BINBYTES
      case 0x42: stack.push(this.raw(this.length(4))); return;                  // BINBYTES
      case 0x8e: case 0x96: stack.push(this.raw(this.length(8))); return;       // BINBYTES8, BYTEARRAY8
      case 0x29: case 0x5d: stack.push([]); return;                             // EMPTY_TUPLE, EMPTY_LIST
      case 0x74: case 0x6c: stack.push(this.sinceMark()); return;               // TUPLE, LIST
      case 0x85: stack.push(this.last(1)); return;                              // TUPLE1
      case 0x86: stack.push(this.last(2)); return;                              // TUPLE2
      case 0x87: stack.push(this.last(3)); return;                              // TUPLE3
      case 0x7d: stack.push(reader.dict()); return;                             // EMPTY_DICT
      case 0x64: { const dict = reader.dict(); reader.fill(dict, this.sinceMark(), this); stack.push(dict); return; } // DICT
      case 0x73: { const items = this.last(2); reader.fill(this.top(), items, this); return; }    // SETITEM
      case 0x75: { const items = this.sinceMark(); reader.fill(this.top(), items, this); return; } // SETITEMS
      case 0x61: { const items = this.last(1); reader.append(this.top(), items, this); return; }  // APPEND
      case 0x65: { const items = this.sinceMark(); reader.append(this.top(), items, this); return; } // APPENDS
      case 0x94: this.put(this.remembered); return;                             // MEMOIZE
      case 0x71: this.put(this.byte()); return;                                 // BINPUT
      case 0x72: this.put(this.view.getUint32(this.take(4), true)); return;     // LONG_BINPUT
      case 0x70: this.put(Number(this.line())); return;                         // PUT
      case 0x68: stack.push(this.recall(this.byte())); return;                  // BINGET
      case 0x6a: stack.push(this.recall(this.view.getUint32(this.take(4), true))); return; // LONG_BINGET
      case 0x67: stack.push(this.recall(Number(this.line()))); return;          // GET
      case 0x63: stack.push(this.named(this.line())); return;                   // GLOBAL
      case 0x93: {                                                              // STACK_GLOBAL
        const [module, name] = this.last(2);
        stack.push(reader.global(String(module), String(name), this)); return;
      }
      default: this.object(opcode);
    }
  }

  /** Opcodes that make objects, or what plain data has no use for. */
  // biome-ignore format: one opcode per line
  private object(opcode: number): void {
    const { stack, reader: { objects } } = this;
    if (opcode === 0x69) {                                                      // INST
      const callee = this.named(this.line());
      const args = this.sinceMark();
      if (objects) { stack.push(objects.call(callee, args)); return; }
    }
    if (!objects) throw this.reader.unknown(this.where, this.at - 1, opcode);
    switch (opcode) {
      case 0x52: case 0x81: { const [callee, args] = this.last(2); stack.push(objects.call(callee, args)); return; } // REDUCE, NEWOBJ
      case 0x92: { const [callee, args] = this.last(3); stack.push(objects.call(callee, args)); return; } // NEWOBJ_EX
      case 0x6f: { const [callee, ...args] = this.sinceMark(); stack.push(objects.call(callee, args)); return; } // OBJ
      case 0x62: { const [state] = this.last(1); objects.build(this.top(), state); return; } // BUILD
      case 0x50: stack.push(objects.persistent(this.line())); return;           // PERSID
      case 0x51: stack.push(objects.persistent(this.pop())); return;            // BINPERSID
      case 0x97: stack.push(objects.persistent("buffer")); return;              // NEXT_BUFFER
      case 0x98: return;                                                        // READONLY_BUFFER
      case 0x8f: stack.push([]); return;                                        // EMPTY_SET
      case 0x90: { const items = this.sinceMark(); this.reader.append(this.top(), items, this); return; } // ADDITEMS
      case 0x91: stack.push(this.sinceMark()); return;                          // FROZENSET
      default: throw this.reader.unknown(this.where, this.at - 1, opcode);
    }
  }

  private named(module: string): unknown {
    return this.reader.global(module, this.line(), this);
  }

  private byte(): number {
    return this.data[this.take(1)] as number;
  }

  /** Where the next `count` bytes start. */
  private take(count: number): number {
    const start = this.at;
    if (count > this.data.length - start) throw this.short(count);
    this.at = start + count;
    return start;
  }

  /** A count of bytes of the file, which has no more than it has. */
  private length(width: 1 | 4 | 8): number {
    const start = this.take(width);
    const { view } = this;
    const count =
      width === 1
        ? view.getUint8(start)
        : width === 4
          ? view.getUint32(start, true)
          : Number(view.getBigUint64(start, true));
    if (count > this.data.length - this.at) throw this.short(count);
    return count;
  }

  private text(length: number): string {
    const start = this.take(length);
    return this.utf8.decode(this.data.subarray(start, start + length));
  }

  private raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.data.subarray(start, start + length);
  }

  private line(): string {
    const end = this.data.indexOf(0x0a, this.at);
    if (end < 0) throw this.damaged("a line that ends", "the file's end");
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }

  /** Two's complement, little-endian. */
  private integer(length: number): number | bigint {
    if (length > MAX_INTEGER) throw this.damaged(`an integer of at most ${MAX_INTEGER} bytes`, `${length}`);
    const start = this.take(length);
    if (length > 0 && length <= 6) {
      let value = 0;
      for (let i = length - 1; i >= 0; i--) value = value * 256 + (this.data[start + i] as number);
      return (this.data[start + length - 1] as number) < 128 ? value : value - 2 ** (8 * length);
    }
    let big = 0n;
    for (let i = length - 1; i >= 0; i--) big = (big << 8n) | BigInt(this.data[start + i] as number);
    return narrow(BigInt.asIntN(8 * length, big));
  }

  private decimal(line: string): number | bigint | boolean {
    const text = line.trim();
    if (text === "00" || text === "01") return text === "01";
    if (!/^[-+]?\d{1,154}$/.test(text)) throw this.damaged("an integer", JSON.stringify(text.slice(0, 40)));
    return narrow(BigInt(text));
  }

  private top(): unknown {
    if (this.stack.length === 0) throw this.damaged("a value on the stack", "none");
    return this.stack[this.stack.length - 1];
  }

  private pop(): unknown {
    const top = this.top();
    this.stack.pop();
    return top;
  }

  /** A mark on top goes before the value under it. */
  private drop(): void {
    if (this.marks.length > 0 && this.marks[this.marks.length - 1] === this.stack.length) this.marks.pop();
    else this.pop();
  }

  private last(count: number): unknown[] {
    if (this.stack.length < count) throw this.damaged("a value on the stack", "none");
    return this.stack.splice(-count);
  }

  private sinceMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined || mark > this.stack.length) throw this.damaged("a mark on the stack", "none");
    return this.stack.splice(mark);
  }

  private put(index: number): void {
    // an index is that of something the file made, and every one takes a byte
    if (!Number.isInteger(index) || index < 0 || index > this.data.length)
      throw this.damaged("a memo number below the file's length", `${index}`);
    const value = this.top();
    if (this.memo[index] === undefined) this.remembered += 1;
    this.memo[index] = value;
  }

  private recall(index: number): unknown {
    const value = this.memo[index];
    if (value === undefined) throw this.damaged("a value that was remembered before", `memo number ${index}`);
    return value;
  }

  private short(count: number): InputError {
    return this.damaged(`${count} more bytes`, `${this.data.length - this.at}`);
  }

  damaged(expected: string, got: string): InputError {
    return this.reader.damaged(this.where, this.at, expected, got);
  }
}

function narrow(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
