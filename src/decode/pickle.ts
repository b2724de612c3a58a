/**
 * Pickles of objects as inert data: what a pickle would call becomes a `Call` that only says what and with what. A pickle that
 * names a function which runs programs is refused.
 */
import { InputError } from "../base/complaint.js";
import { PickleMachine, type PickleReader } from "./pickle-machine.js";

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
  return new PickleMachine(bytes, where, OBJECTS, start).run();
}

const OBJECTS: PickleReader = {
  most: MAX_OPERATIONS,
  dict: () => new Dict(),
  fill: (target, items) => {
    if (!(target instanceof Dict || target instanceof Call)) return;
    for (let i = 0; i + 1 < items.length; i += 2) target.entries.push([items[i], items[i + 1]]);
  },
  append: (target, items) => {
    const list = Array.isArray(target) ? target : target instanceof Call ? target.items : undefined;
    for (const item of items) list?.push(item);
  },
  /** A name that may be spoken of: nothing is imported, but whoever loads the file elsewhere would run it. */
  global: (module, name, { where }) => {
    const full = `${module}.${name}`;
    if (RUNS.test(module) || RUNS_BUILTIN.test(full))
      throw new InputError({
        code: "pickle/runs-code",
        where,
        rule: "a file of weights must not call functions that run programs",
        expected: "names of tensors and of modules",
        got: JSON.stringify(full.slice(0, 100)),
        hint: "nothing was run here, but torch.load would: do not load this file, and get the weights as .safetensors",
      });
    return new Global(full);
  },
  objects: {
    call: (callee, args) => new Call(callee, args),
    build: (object, state) => {
      if (object instanceof Call) object.state = state;
    },
    persistent: (id) => new Persistent(id),
  },
  damaged: broken,
  unknown: (where, at, opcode) =>
    broken(where, at, "an operation of protocols 0 to 5", `0x${opcode.toString(16)}`),
};

function broken(where: string, at: number, expected: string, got: string): InputError {
  return new InputError({
    code: "pickle/broken",
    where: `${where} › byte ${at}`,
    rule: "the pickle must be readable",
    expected,
    got,
    hint: "the file is damaged or cut short; compare its size with the original",
  });
}
