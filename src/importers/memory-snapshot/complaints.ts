/** What can be wrong with a memory snapshot. */
import { InputError } from "../../base/complaint.js";

const AGAIN =
  "torch.cuda.memory._record_memory_history() before a few steps, then torch.cuda.memory._dump_snapshot(FILE)";

export function noSnapshot(where: string, got: string): InputError {
  return new InputError({
    code: "snapshot/outline",
    where,
    rule: "the pickle must be a memory snapshot",
    expected: 'a dict with the lists "segments" and "device_traces"',
    got,
    hint: AGAIN,
  });
}

export function badEntry(where: string, field: string, got: string): InputError {
  return new InputError({
    code: "snapshot/figure",
    where,
    rule: "addresses and sizes must be whole numbers of bytes",
    expected: `a whole number under "${field}"`,
    got,
    hint: "the file was edited or damaged; dump it again",
  });
}

export function overlapping(where: string, address: number): InputError {
  return new InputError({
    code: "snapshot/address",
    where,
    rule: "blocks must not overlap",
    expected: "every address in one block alone",
    got: `two at ${address}`,
    hint: "the file was edited or damaged; dump it again",
  });
}

export function manyEntries(where: string, limit: number): InputError {
  return new InputError({
    code: "snapshot/entries",
    where,
    rule: "a file must have a byte or two for every entry it holds",
    expected: `at most ${limit} entries`,
    got: "more, by naming the same ones again and again",
    hint: "the file is made to exhaust memory or time",
  });
}

export function largeSnapshot(where: string, limit: number): InputError {
  return new InputError({
    code: "snapshot/size",
    where,
    rule: "a snapshot must fit in memory",
    expected: `at most ${limit} bytes, unpacked`,
    got: "more",
    hint: "record fewer entries, without C++ frames: _record_memory_history(max_entries=100000, stacks='python')",
  });
}

export function emptySnapshot(where: string): InputError {
  return new InputError({
    code: "snapshot/empty",
    where,
    rule: "the snapshot must hold memory of a device",
    expected: "segments, or a history of allocations",
    got: "neither",
    hint: AGAIN,
  });
}
