/**
 * Python's pickle, protocols 0 to 5, read as plain data. Nothing is ever imported, called or constructed: a pickle that
 * names a class or a function is refused.
 *
 * Spec     Lib/pickletools.py of CPython
 * Reads    None, bool, int, float, str, bytes, list, tuple (as a list), dict (as an object; keys become text)
 * Keeps    identity: what the pickle shares is shared here
 */
import { InputError } from "../base/complaint.js";

export type PickleValue = null | boolean | number | bigint | string | Uint8Array | PickleList | PickleDict;
export type PickleList = PickleValue[];
export interface PickleDict {
  [key: string]: PickleValue;
}

/** Bytes of an integer: more is no size of anything. */
const MAX_INTEGER = 64;

/** The object in `data`. Throws InputError when it is damaged or holds more than data. */
export function readPickle(data: Uint8Array, where: string): PickleValue {
  return new Machine(data, where).run();
}

class Machine {
  private readonly data: Uint8Array;
  private readonly view: DataView;
  private readonly where: string;
  private readonly utf8 = new TextDecoder();
  private readonly memo: (PickleValue | undefined)[] = [];
  private readonly stack: PickleValue[] = [];
  /** Heights of the stack at open marks. */
  private readonly marks: number[] = [];
  private at = 0;

  constructor(data: Uint8Array, where: string) {
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.where = where;
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.byte();
      if (opcode === 0x2e) return this.pop(); // STOP
      this.step(opcode);
    }
  }

  // biome-ignore format: one opcode per line
  private step(opcode: number): void {
    const { stack } = this;
    switch (opcode) {
      case 0x80: this.take(1); return;                                          // PROTO
      case 0x95: this.length(8); return;                                        // FRAME
      case 0x28: this.marks.push(stack.length); return;                         // MARK
      case 0x30: this.pop(); return;                                            // POP
      case 0x31: this.sinceMark(); return;                                      // POP_MARK
      case 0x32: { const top = this.pop(); stack.push(top, top); return; }      // DUP
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
      case 0x4c: stack.push(this.decimal(this.line().replace(/L$/, ""))); return; // LONG
      case 0x46: stack.push(Number(this.line())); return;                       // FLOAT
      case 0x8c: stack.push(this.text(this.length(1))); return;                 // SHORT_BINUNICODE
      case 0x58: stack.push(this.text(this.length(4))); return;                 // BINUNICODE
      case 0x8d: stack.push(this.text(this.length(8))); return;                 // BINUNICODE8
      case 0x56: stack.push(this.line()); return;                               // UNICODE
      case 0x53: stack.push(this.line().replace(/^(['"])(.*)\1$/, "$2")); return; // STRING
      case 0x55: stack.push(this.text(this.length(1))); return;                 // SHORT_BINSTRING
      case 0x54: stack.push(this.text(this.length(4))); return;                 // BINSTRING
      case 0x43: stack.push(this.raw(this.length(1))); return;                  // SHORT_BINBYTES
      case 0x42: stack.push(this.raw(this.length(4))); return;                  // BINBYTES
      case 0x8e: case 0x96: stack.push(this.raw(this.length(8))); return;       // BINBYTES8, BYTEARRAY8
      case 0x29: case 0x5d: stack.push([]); return;                             // EMPTY_TUPLE, EMPTY_LIST
      case 0x74: case 0x6c: stack.push(this.sinceMark()); return;        // TUPLE, LIST
      case 0x85: stack.push(this.last(1)); return;                              // TUPLE1
      case 0x86: stack.push(this.last(2)); return;                              // TUPLE2
      case 0x87: stack.push(this.last(3)); return;                              // TUPLE3
      case 0x7d: stack.push({}); return;                                        // EMPTY_DICT
      case 0x64: stack.push(this.fill({}, this.sinceMark())); return;           // DICT
      case 0x73: { const items = this.last(2); this.fill(this.below(0), items); return; } // SETITEM
      case 0x75: { const items = this.sinceMark(); this.fill(this.below(0), items); return; }  // SETITEMS
      case 0x61: { const [item] = this.last(1); this.listBelow().push(item ?? null); return; } // APPEND
      case 0x65: this.append(this.sinceMark()); return;                         // APPENDS
      case 0x94: this.memo.push(this.top()); return;                            // MEMOIZE
      case 0x71: this.put(this.byte()); return;                                 // BINPUT
      case 0x72: this.put(this.view.getUint32(this.take(4), true)); return;     // LONG_BINPUT
      case 0x70: this.put(Number(this.line())); return;                         // PUT
      case 0x68: stack.push(this.recall(this.byte())); return;                  // BINGET
      case 0x6a: stack.push(this.recall(this.view.getUint32(this.take(4), true))); return; // LONG_BINGET
      case 0x67: stack.push(this.recall(Number(this.line()))); return;          // GET
      case 0x63: throw this.refused(`${this.line()}.${this.line()}`);           // GLOBAL
      case 0x69: throw this.refused(`${this.line()}.${this.line()}`);           // INST
      case 0x93: throw this.refused(this.last(2).map(String).join("."));        // STACK_GLOBAL
      default: throw this.unknown(opcode);
    }
  }

  private byte(): number {
    return this.data[this.take(1)] as number;
  }

  /** Where the next `count` bytes start. */
  private take(count: number): number {
    const start = this.at;
    if (count > this.data.length - start)
      throw this.damaged(`${count} bytes are announced, ${this.data.length - start} are there`);
    this.at = start + count;
    return start;
  }

  /** A count of bytes of the file, which has no more than it has. */
  private length(width: 1 | 4 | 8): number {
    const start = this.take(width);
    const { view, data } = this;
    const count =
      width === 1
        ? view.getUint8(start)
        : width === 4
          ? view.getUint32(start, true)
          : Number(view.getBigUint64(start, true));
    if (count > data.length - this.at)
      throw this.damaged(`${count} bytes are announced, ${data.length - this.at} are there`);
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
    if (end < 0) throw this.damaged("a line does not end");
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }

  /** Two's complement, little-endian. */
  private integer(length: number): number | bigint {
    if (length > MAX_INTEGER) throw this.damaged(`an integer of ${length} bytes`);
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

  private decimal(text: string): number | bigint | boolean {
    if (text === "00" || text === "01") return text === "01";
    if (!/^[-+]?\d{1,154}$/.test(text))
      throw this.damaged(`${JSON.stringify(text.slice(0, 40))} in the place of an integer`);
    return narrow(BigInt(text));
  }

  private top(): PickleValue {
    if (this.stack.length === 0) throw this.damaged("the stack is empty");
    return this.stack[this.stack.length - 1] as PickleValue;
  }

  private pop(): PickleValue {
    const top = this.top();
    this.stack.pop();
    return top;
  }

  private last(count: number): PickleList {
    if (this.stack.length < count) throw this.damaged("the stack is empty");
    return this.stack.splice(-count);
  }

  private sinceMark(): PickleList {
    const mark = this.marks.pop();
    if (mark === undefined || mark > this.stack.length) throw this.damaged("no mark");
    return this.stack.splice(mark);
  }

  private below(depth: number): PickleDict {
    const target = this.stack[this.stack.length - 1 - depth];
    if (
      typeof target === "object" &&
      target !== null &&
      !Array.isArray(target) &&
      !(target instanceof Uint8Array)
    )
      return target;
    throw this.damaged("items without a dict");
  }

  private listBelow(): PickleList {
    const target = this.stack[this.stack.length - 1];
    if (Array.isArray(target)) return target;
    throw this.damaged("items without a list");
  }

  private append(items: PickleList): void {
    const list = this.listBelow();
    for (const item of items) list.push(item);
  }

  private fill(target: PickleDict, items: PickleList): PickleDict {
    if (items.length % 2 !== 0) throw this.damaged("a key without a value");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key === "object" && key !== null)
        throw this.damaged("a key that is neither text nor number");
      if (key === "__proto__") throw this.damaged('a key named "__proto__"');
      target[String(key)] = items[i + 1] as PickleValue;
    }
    return target;
  }

  private put(index: number): void {
    // an index is that of something the file made, and every one takes a byte
    if (!Number.isInteger(index) || index < 0 || index > this.data.length)
      throw this.damaged(`memo number ${index}`);
    this.memo[index] = this.top();
  }

  private recall(index: number): PickleValue {
    const value = this.memo[index];
    if (value === undefined) throw this.damaged(`memo number ${index} is not there`);
    return value;
  }

  private refused(name: string): InputError {
    return new InputError({
      code: "pickle/code",
      where: `${this.where}, byte ${this.at}`,
      rule: "a pickle must hold plain data",
      expected: "numbers, text, lists and dicts",
      got: `a reference to ${JSON.stringify(name.slice(0, 80))}, which was not looked up`,
      hint: "unpickling would run it; do not load this file with Python unless you trust it",
    });
  }

  private damaged(got: string): InputError {
    return new InputError({
      code: "pickle/data",
      where: `${this.where}, byte ${this.at}`,
      rule: "the pickle must be complete and well-formed",
      expected: "what pickle.dump writes, to its end",
      got,
      hint: "was the download or copy cut short? compare the file's size with the original",
    });
  }

  private unknown(opcode: number): InputError {
    return new InputError({
      code: "pickle/opcode",
      where: `${this.where}, byte ${this.at - 1}`,
      rule: "a pickle must hold plain data",
      expected: "opcodes that build numbers, text, lists and dicts",
      got: `opcode 0x${opcode.toString(16)}`,
      hint: "the file is no pickle, or one that constructs objects, which is never done here",
    });
  }
}

function narrow(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
