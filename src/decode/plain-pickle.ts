/**
 * A pickle that must hold plain data: a name of a class or a function is refused. Dicts become objects, their keys text.
 */
import { InputError } from "../base/complaint.js";
import { PickleMachine, type PickleReader } from "./pickle-machine.js";

export type PickleValue = null | boolean | number | bigint | string | Uint8Array | PickleList | PickleDict;
export type PickleList = PickleValue[];
export interface PickleDict {
  [key: string]: PickleValue;
}

/** The object in `data`. Throws InputError when it is damaged or holds more than data. */
export function readPickle(data: Uint8Array, where: string): PickleValue {
  return new PickleMachine(data, where, PLAIN).run().value as PickleValue; // as: the reader makes no others
}

const PLAIN: PickleReader = {
  most: Number.POSITIVE_INFINITY,
  dict: () => ({}),
  fill: (target, items, machine) => {
    if (!isDict(target)) throw machine.damaged("a dict for items", "another value");
    if (items.length % 2 !== 0) throw machine.damaged("a value for every key", "a key without one");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key === "object" && key !== null)
        throw machine.damaged("keys of text or numbers", "another key");
      if (key === "__proto__") throw machine.damaged("keys of text or numbers", 'a key named "__proto__"');
      target[String(key)] = items[i + 1] as PickleValue;
    }
  },
  append: (target, items, machine) => {
    if (!Array.isArray(target)) throw machine.damaged("a list for items", "another value");
    for (const item of items) target.push(item);
  },
  global: (module, name, { where }) => {
    throw new InputError({
      code: "pickle/code",
      where,
      rule: "a pickle must hold plain data",
      expected: "numbers, text, lists and dicts",
      got: `a reference to ${JSON.stringify(`${module}.${name}`.slice(0, 80))}, which was not looked up`,
      hint: "unpickling would run it; do not load this file with Python unless you trust it",
    });
  },
  damaged: (where, at, expected, got) =>
    new InputError({
      code: "pickle/data",
      where: `${where}, byte ${at}`,
      rule: "the pickle must be complete and well-formed",
      expected,
      got,
      hint: "was the download or copy cut short? compare the file's size with the original",
    }),
  unknown: (where, at, opcode) =>
    new InputError({
      code: "pickle/opcode",
      where: `${where}, byte ${at}`,
      rule: "a pickle must hold plain data",
      expected: "opcodes that build numbers, text, lists and dicts",
      got: `opcode 0x${opcode.toString(16)}`,
      hint: "the file is no pickle, or one that constructs objects, which is never done here",
    }),
};

function isDict(value: unknown): value is PickleDict {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
