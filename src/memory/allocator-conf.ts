/**
 * The value of PYTORCH_ALLOC_CONF, or of the older PYTORCH_CUDA_ALLOC_CONF: `key:value,key:[size:value,…]`.
 *
 * Source   c10/core/AllocatorConfig.h (ConfigTokenizer) and .cpp, c10/cuda/CUDAAllocatorConfig.h, torch 2.14.1
 * Reads    every key of that release; white space is ignored, the last of two equal keys wins
 * Stricter numbers must be digits all through (PyTorch reads `64abc` as 64)
 */
import { MiB } from "../base/units.js";
import type { AllocatorSettings } from "../ir/setup.js";
import { INTERVALS } from "./allocators/round-request.js";
import { notAKey, notAnEntry, wrongValue } from "./complaints.js";
import { DEFAULT_ALLOCATOR } from "./default-allocator.js";

export interface AllocatorConf {
  readonly settings: AllocatorSettings;
  /** Entries that change no device memory here, and why. */
  readonly notes: readonly { readonly entry: string; readonly because: string }[];
}

type Draft = { -readonly [Field in keyof AllocatorSettings]: AllocatorSettings[Field] };

interface Key {
  readonly expected: string;
  /** An accepted value. */
  readonly example: string;
  /** False: the value is not what is expected. */
  readonly read: (value: string, draft: Draft) => boolean;
  /** Why it changes no device memory. */
  readonly ignored?: string;
}

const HOST = "about pinned host memory: nothing on the device changes";
const SPEED = "about speed: no allocation changes";

const flag = (set: (draft: Draft, value: boolean) => void, ignored?: string): Key => ({
  expected: "True or False",
  example: "True",
  read: (value, draft) => {
    if (value !== "True" && value !== "False") return false;
    set(draft, value === "True");
    return true;
  },
  ...(ignored && { ignored }),
});
const nothing = (): void => {};

/** A whole number of MiB, at least what `least` says. */
const mebibytes = (
  least: (draft: Draft) => number,
  expected: string,
  example: string,
  set: (draft: Draft, size: number) => void,
): Key => ({
  expected,
  example,
  read: (value, draft) => {
    const count = wholeNumber(value);
    if (count === null || count * MiB < least(draft)) return false;
    set(draft, count * MiB);
    return true;
  },
});

const share = (
  expected: string,
  example: string,
  within: (value: number) => boolean,
  set: (draft: Draft, value: number) => void,
): Key => ({
  expected,
  example,
  read: (value, draft) => {
    const number = /^(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
    if (!within(number)) return false;
    set(draft, number);
    return true;
  },
});

const hostNumber = (example: string, within: (count: number) => boolean, expected: string): Key => ({
  expected,
  example,
  ignored: HOST,
  read: (value) => {
    const count = wholeNumber(value);
    return count !== null && within(count);
  },
});

const largeSegment = ({ largeSegment: size }: Draft): number => size;

const KEYS: Readonly<Record<string, Key>> = {
  backend: {
    expected: "native or cudaMallocAsync",
    example: "native",
    read: (value, draft) => {
      if (value !== "native" && value !== "cudaMallocAsync") return false;
      draft.backend = value;
      return true;
    },
  },
  expandable_segments: flag((draft, value) => (draft.expandableSegments = value)),
  large_segment_size_mb: mebibytes(
    () => 11 * MiB,
    "a whole number above 10",
    "20",
    (draft, size) => (draft.largeSegment = size),
  ),
  max_split_size_mb: mebibytes(
    largeSegment,
    "a whole number, at least large_segment_size_mb (20)",
    "128",
    (draft, size) => (draft.maxSplitSize = size),
  ),
  max_non_split_rounding_mb: mebibytes(
    largeSegment,
    "a whole number, at least large_segment_size_mb (20)",
    "20",
    (draft, size) => (draft.maxNonSplitRounding = size),
  ),
  roundup_power2_divisions: {
    expected: "a power of two, or a list [size:divisions,…] of powers of two, 0 for none",
    example: "[256:1,512:2,1024:4,>:8]",
    read: (value, draft) => {
      const divisions = value.startsWith("[") ? divisionsByInterval(value) : equalDivisions(value);
      if (divisions) draft.roundupPower2Divisions = divisions;
      return divisions !== null;
    },
  },
  garbage_collection_threshold: share(
    "a number between 0 and 1, both excluded",
    "0.8",
    (value) => value > 0 && value < 1,
    (draft, value) => (draft.garbageCollectionThreshold = value),
  ),
  per_process_memory_fraction: share(
    "a number from 0 to 1",
    "0.9",
    (value) => value >= 0 && value <= 1,
    (draft, value) => (draft.memoryFraction = value < 1 ? value : null), // recorded: the whole device is no limit
  ),
  throw_on_cudamalloc_oom: flag(
    nothing,
    "decides how running out of memory is reported, not when it happens",
  ),
  release_lock_on_cudamalloc: flag(nothing, SPEED),
  release_lock_on_hipmalloc: flag(nothing, SPEED),
  graph_capture_record_stream_reuse: flag(nothing, "about CUDA graphs, which are not computed"),
  pinned_use_background_threads: flag(nothing, HOST),
  pinned_use_cuda_host_register: flag(nothing, HOST),
  pinned_use_hip_host_register: flag(nothing, HOST),
  pinned_free_catch_all: flag(nothing, HOST),
  pinned_num_register_threads: hostNumber(
    "8",
    (count) => isPowerOf2(count) && count <= 128,
    "a power of two up to 128",
  ),
  pinned_reserve_segment_size_mb: hostNumber("64", (count) => count > 0, "a whole number above 0"),
  pinned_max_round_threshold_mb: hostNumber("64", () => true, "a whole number"),
  pinned_max_cached_size_mb: hostNumber("64", () => true, "a whole number"),
};

/** What `text` sets; a wrong key or value is a complaint. `where` names the flag or the line. */
export function readAllocatorConf(text: string, where: string): AllocatorConf {
  const entries = entriesOf(text.replace(/\s/g, "").replace(/^PYTORCH_(CUDA_|HIP_)?ALLOC_CONF=/, ""), where);
  const draft: Draft = { ...DEFAULT_ALLOCATOR };
  const notes: { entry: string; because: string }[] = [];
  // PyTorch reads this key first: the smallest values of two others are as large
  const isFirst = ({ key }: Entry): boolean => key === "large_segment_size_mb";
  for (const entry of [...entries.filter(isFirst), ...entries.filter((one) => !isFirst(one))]) {
    const row = Object.hasOwn(KEYS, entry.key) ? KEYS[entry.key] : undefined;
    if (!row) throw notAKey(entry.key, Object.keys(KEYS), where);
    if (!row.read(entry.value, draft))
      throw wrongValue(entry.key, entry.value, row.expected, row.example, where);
    if (isFirst(entry)) draft.maxNonSplitRounding = draft.largeSegment;
    if (row.ignored) notes.push({ entry: `${entry.key}:${entry.value}`, because: row.ignored });
  }
  return { settings: draft, notes: [...notes, ...withoutEffect(draft)] };
}

interface Entry {
  readonly key: string;
  readonly value: string;
}

/** `key:value` or `key:[…]`, separated by commas; one may also end the text. */
function entriesOf(text: string, where: string): Entry[] {
  const entries: Entry[] = [];
  let rest = text;
  while (rest !== "") {
    const [all, key, value] = /^([^:,[\]]+):(\[[^\]]*\]|[^:,[\]]+)(?:,|$)/.exec(rest) ?? [];
    if (all === undefined || key === undefined || value === undefined) throw notAnEntry(rest, where);
    entries.push({ key, value });
    rest = rest.slice(all.length);
  }
  return entries;
}

/** What was set and, together with the rest, does nothing. */
function withoutEffect(draft: Draft): { entry: string; because: string }[] {
  const { backend, garbageCollectionThreshold, memoryFraction } = draft;
  if (backend === "cudaMallocAsync")
    return [
      {
        entry: "backend:cudaMallocAsync",
        because:
          "the driver's pool is taken to be as large as its largest use: how it places blocks is not published; settings of the native allocator have no effect",
      },
    ];
  if (garbageCollectionThreshold > 0 && memoryFraction === null)
    return [
      {
        entry: `garbage_collection_threshold:${garbageCollectionThreshold}`,
        because:
          "PyTorch collects only where a memory fraction below 1 is set: add per_process_memory_fraction",
      },
    ];
  return [];
}

function equalDivisions(value: string): number[] | null {
  const count = wholeNumber(value);
  return count !== null && isPowerOf2(count) ? new Array<number>(INTERVALS).fill(count) : null;
}

/**
 * `[1:8,2:4,>:1]`: intervals by their first MiB. The first entry also fills all intervals below it, `>` all above the one
 * before it; intervals that no entry names round to 512 B.
 */
function divisionsByInterval(list: string): number[] | null {
  const divisions = new Array<number>(INTERVALS).fill(0);
  let last = 0;
  let isFirst = true;
  for (const item of list.slice(1, -1).split(",")) {
    const [boundary, written, ...more] = item.split(":");
    const value = wholeNumber(written ?? "");
    if (boundary === undefined || value === null || more.length > 0) return null;
    if (value !== 0 && !isPowerOf2(value)) return null;
    if (boundary === ">") {
      divisions.fill(value, last + 1);
      continue;
    }
    const size = wholeNumber(boundary);
    if (size === null || !isPowerOf2(size)) return null;
    const at = Math.min(INTERVALS - 1, Math.log2(size));
    if (isFirst) divisions.fill(value, 0, at);
    isFirst = false;
    divisions[at] = value;
    last = at;
  }
  return divisions;
}

function wholeNumber(text: string): number | null {
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function isPowerOf2(count: number): boolean {
  return count > 0 && Number.isInteger(Math.log2(count));
}
