/**
 * Python pickles as inert data: every protocol from 0 to 5, nothing constructed, nothing called.
 *
 * Spec     CPython's Lib/pickletools.py
 * Reads    numbers, texts, lists, dicts; what a pickle would call becomes a `Call` that only says what and with what
 * Limits   operations, and bytes of the pickle; a pickle that names a function which runs programs is refused
 */
import { InputError } from "../base/complaint.js";

/** A class or function by name. */
export class Global {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** What loading would call, and never is: an object with what it is built from. */
export class Call {
  readonly callee: unknown;
  readonly args: unknown;
  /** What BUILD would set. */
  state: unknown;
  /** What would be appended or set by key. */
  readonly items: unknown[] = [];
  readonly entries: [unknown, unknown][] = [];
  constructor(callee: unknown, args: unknown) {
    this.callee = callee;
    this.args = args;
  }
  /** `module.name` of the callee; empty when it is not a plain name. */
  get name(): string {
    return this.callee instanceof Global ? this.callee.name : "";
  }
}

/** A reference that only the program which wrote the file can resolve: where a tensor's numbers lie. */
export class Persistent {
  readonly id: unknown;
  constructor(id: unknown) {
    this.id = id;
  }
}

export class Dict {
  readonly entries: [unknown, unknown][] = [];
}

/** A checkpoint's pickle has some 50 operations per tensor. */
const MAX_OPERATIONS = 5_000_000;
/** Modules whose functions run programs, open files or sockets, or run text as code. */
const RUNS =
  /^(os|posix|nt|subprocess|sys|pty|shutil|socket|runpy|importlib|webbrowser|ctypes|code|codeop|timeit|pdb|multiprocessing|signal|asyncio|platform|requests|urllib|http|pip|marshal)(\.|$)/;
const RUNS_BUILTIN =
  /^(builtins|__builtin__)\.(eval|exec|execfile|compile|open|__import__|getattr|setattr|delattr|globals|input|breakpoint|apply|vars)$/;

export interface Pickle {
  readonly value: unknown;
  /** Where the next one begins. */
  readonly end: number;
}

/** One pickle from `start`. Throws InputError when it is cut short or would run a program. */
export function readPickle(bytes: Uint8Array, where: string, start = 0): Pickle {
  return new Machine(bytes, where, start).run();
}

const MARK = Symbol("mark");
const text = new TextDecoder();

class Machine {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly where: string;
  private at: number;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array, where: string, start: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.where = where;
    this.at = start;
  }

  run(): Pickle {
    for (let count = 0; ; count++) {
      if (count > MAX_OPERATIONS) throw this.broken(`at most ${MAX_OPERATIONS} operations`, "more");
      const code = this.byte();
      if (code === 0x2e) return { value: this.pop(), end: this.at };
      const operation = OPERATIONS[code];
      if (!operation) throw this.broken("an operation of protocols 0 to 5", `0x${code.toString(16)}`);
      operation(this);
    }
  }

  push(value: unknown): void {
    this.stack.push(value);
  }
  pop(): unknown {
    if (this.stack.length === 0) throw this.broken("a value on the stack", "none");
    return this.stack.pop();
  }
  top(): unknown {
    if (this.stack.length === 0) throw this.broken("a value on the stack", "none");
    return this.stack.at(-1);
  }
  mark(): void {
    this.stack.push(MARK);
  }
  /** Everything above the last mark. */
  toMark(): unknown[] {
    const at = this.stack.lastIndexOf(MARK);
    if (at < 0) throw this.broken("a mark on the stack", "none");
    const above = this.stack.slice(at + 1);
    this.stack.length = at;
    return above;
  }
  remember(key: number): void {
    this.memo.set(key, this.top());
  }
  rememberNext(): void {
    this.memo.set(this.memo.size, this.top());
  }
  recall(key: number): void {
    if (!this.memo.has(key)) throw this.broken("a value that was remembered before", `number ${key}`);
    this.push(this.memo.get(key));
  }

  /** A name that may be spoken of: nothing is imported, but whoever loads the file elsewhere would run it. */
  global(module: string, name: string): Global {
    const full = `${module}.${name}`;
    if (RUNS.test(module) || RUNS_BUILTIN.test(full))
      throw new InputError({
        code: "pickle/runs-code",
        where: this.where,
        rule: "a file of weights must not call functions that run programs",
        expected: "names of tensors and of modules",
        got: JSON.stringify(full.slice(0, 100)),
        hint: "nothing was run here, but torch.load would: do not load this file, and get the weights as .safetensors",
      });
    return new Global(full);
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw this.broken("a pickle that ends with STOP", "the file's end");
    return value;
  }
  /** `count` bytes, as a view. */
  take(count: number): Uint8Array {
    const end = this.at + count;
    if (!(end <= this.bytes.length))
      throw this.broken(`${count} more bytes`, `${this.bytes.length - this.at}`);
    const part = this.bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }
  number(size: 1 | 2 | 4 | 8): number {
    const at = this.at;
    this.take(size);
    if (size === 1) return this.view.getUint8(at);
    if (size === 2) return this.view.getUint16(at, true);
    return size === 4 ? this.view.getUint32(at, true) : Number(this.view.getBigUint64(at, true));
  }
  signed(): number {
    const at = this.at;
    this.take(4);
    return this.view.getInt32(at, true);
  }
  double(): number {
    const at = this.at;
    this.take(8);
    return this.view.getFloat64(at, false);
  }
  /** A whole number of any length, little-endian. */
  long(count: number): number {
    const bytes = this.take(count);
    let value = 0;
    for (let i = bytes.length - 1; i >= 0; i--) value = value * 256 + (bytes[i] as number);
    return bytes.length > 0 && (bytes.at(-1) as number) > 127 ? value - 256 ** bytes.length : value;
  }
  text(count: number): string {
    return text.decode(this.take(count));
  }
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw this.broken("a line that ends", "the file's end");
    const line = this.text(end - this.at);
    this.at = end + 1;
    return line;
  }

  broken(expected: string, got: string): InputError {
    return new InputError({
      code: "pickle/broken",
      where: `${this.where} › byte ${this.at}`,
      rule: "the pickle must be readable",
      expected,
      got,
      hint: "the file is damaged or cut short; compare its size with the original",
    });
  }
}

const append = (target: unknown, values: readonly unknown[]) => {
  const list = Array.isArray(target) ? target : target instanceof Call ? target.items : undefined;
  for (const value of values) list?.push(value);
};
const set = (target: unknown, values: readonly unknown[]) => {
  if (!(target instanceof Dict || target instanceof Call)) return;
  for (let i = 0; i + 1 < values.length; i += 2) target.entries.push([values[i], values[i + 1]]);
};
const call = (m: Machine, args: unknown) => m.push(new Call(m.pop(), args));
const unquoted = (line: string) => line.trim().replace(/^(['"])(.*)\1$/s, "$2");

/** By opcode, in the order of pickletools. */
const OPERATIONS: Readonly<Record<number, (m: Machine) => void>> = {
  73: (m) =>
    m.push(((line) => (line === "00" ? false : line === "01" ? true : Number(line)))(m.line().trim())), // INT
  74: (m) => m.push(m.signed()), // BININT
  75: (m) => m.push(m.number(1)),
  77: (m) => m.push(m.number(2)),
  76: (m) => m.push(Number(m.line().trim().replace(/L$/, ""))), // LONG
  138: (m) => m.push(m.long(m.number(1))),
  139: (m) => m.push(m.long(m.number(4))),
  83: (m) => m.push(unquoted(m.line())), // STRING
  84: (m) => m.push(m.text(m.number(4))),
  85: (m) => m.push(m.text(m.number(1))),
  66: (m) => m.push(m.take(m.number(4))), // BINBYTES
  67: (m) => m.push(m.take(m.number(1))),
  142: (m) => m.push(m.take(m.number(8))),
  150: (m) => m.push(m.take(m.number(8))), // BYTEARRAY8
  151: (m) => m.push(new Persistent("buffer")), // NEXT_BUFFER
  152: () => undefined, // READONLY_BUFFER
  78: (m) => m.push(null),
  136: (m) => m.push(true),
  137: (m) => m.push(false),
  86: (m) => m.push(m.line()), // UNICODE
  140: (m) => m.push(m.text(m.number(1))),
  88: (m) => m.push(m.text(m.number(4))),
  141: (m) => m.push(m.text(m.number(8))),
  70: (m) => m.push(Number(m.line().trim())), // FLOAT
  71: (m) => m.push(m.double()),
  93: (m) => m.push([]), // EMPTY_LIST
  97: (m) => ((value) => append(m.top(), [value]))(m.pop()), // APPEND
  101: (m) => ((values) => append(m.top(), values))(m.toMark()),
  108: (m) => m.push(m.toMark()),
  41: (m) => m.push([]), // EMPTY_TUPLE
  116: (m) => m.push(m.toMark()),
  133: (m) => m.push([m.pop()]),
  134: (m) => ((b) => m.push([m.pop(), b]))(m.pop()),
  135: (m) => ((c, b) => m.push([m.pop(), b, c]))(m.pop(), m.pop()),
  125: (m) => m.push(new Dict()), // EMPTY_DICT
  100: (m) => {
    const dict = new Dict();
    set(dict, m.toMark());
    m.push(dict);
  },
  115: (m) => ((value, key) => set(m.top(), [key, value]))(m.pop(), m.pop()), // SETITEM
  117: (m) => ((values) => set(m.top(), values))(m.toMark()),
  143: (m) => m.push([]), // EMPTY_SET
  144: (m) => ((values) => append(m.top(), values))(m.toMark()),
  145: (m) => m.push(m.toMark()),
  48: (m) => void m.pop(), // POP
  50: (m) => m.push(m.top()),
  40: (m) => m.mark(),
  49: (m) => void m.toMark(),
  103: (m) => m.recall(Number(m.line())), // GET
  104: (m) => m.recall(m.number(1)),
  106: (m) => m.recall(m.number(4)),
  112: (m) => m.remember(Number(m.line())), // PUT
  113: (m) => m.remember(m.number(1)),
  114: (m) => m.remember(m.number(4)),
  148: (m) => m.rememberNext(),
  99: (m) => ((module) => m.push(m.global(module, m.line())))(m.line()), // GLOBAL
  147: (m) => ((name, module) => m.push(m.global(String(module), String(name))))(m.pop(), m.pop()),
  82: (m) => call(m, m.pop()), // REDUCE
  98: (m) =>
    ((state, object) => {
      if (object instanceof Call) object.state = state;
    })(m.pop(), m.top()), // BUILD
  105: (m) =>
    ((module) => ((callee) => m.push(new Call(callee, m.toMark())))(m.global(module, m.line())))(m.line()), // INST
  111: (m) => ((parts) => m.push(new Call(parts[0], parts.slice(1))))(m.toMark()), // OBJ
  129: (m) => call(m, m.pop()), // NEWOBJ
  146: (m) => ((_named, args) => call(m, args))(m.pop(), m.pop()),
  128: (m) => void m.byte(), // PROTO
  149: (m) => void m.number(8), // FRAME
  80: (m) => m.push(new Persistent(m.line())), // PERSID
  81: (m) => m.push(new Persistent(m.pop())),
};
