/** A device's history of allocations, from the state it ends in back to where it begins, and forward again. */
import { roundUp } from "../../base/units.js";
import type { MeasuredPhase } from "../../ir/recording.js";
import type { BlockEvents } from "../measure-blocks.js";
import { overlapping } from "./complaints.js";
import type { Segment, TraceEntry } from "./entries.js";
import { Layout } from "./layout.js";

/** Segments of this size serve requests of up to 1 MiB. kSmallBuffer */
const SMALL_SEGMENT = 2 * 1024 ** 2;
const SMALL_REQUEST = 1024 ** 2;

export interface History {
  readonly events: BlockEvents;
  readonly reserved: number;
}

export interface HistoryOptions {
  readonly where: string;
  readonly segments: readonly Segment[];
  readonly trace: readonly TraceEntry[];
  readonly phaseOf: (entry: TraceEntry) => MeasuredPhase | null;
  readonly maxSplit: number;
}

export function replayHistory({ where, segments, trace, phaseOf, maxSplit }: HistoryOptions): History {
  const layout = new Layout(maxSplit);
  const live = blocksBefore(where, segments, trace);
  const reservedBefore = placeSegments(layout, segments, trace, live);
  let total = [...live.values()].reduce((sum, size) => sum + size, 0);
  let held = reservedBefore;
  let reserved = held;
  const columns = {
    releasedBy: [] as number[],
    kinds: [] as (1 | 0 | -1)[],
    sizes: [] as number[],
    totals: [] as number[],
    phases: [] as (MeasuredPhase | null)[],
    places: [] as number[],
  };
  const put = (kind: 1 | 0 | -1, size: number, entry: TraceEntry) => {
    total = Math.max(0, total + (kind === 1 ? size : -size));
    columns.releasedBy.push(-1);
    columns.kinds.push(kind);
    columns.sizes.push(size);
    columns.totals.push(total);
    columns.phases.push(phaseOf(entry));
    columns.places.push(-1);
  };
  const made = new Map<number, number>();
  trace.forEach((entry, i) => {
    const { action, address, size } = entry;
    if (action === "alloc") {
      if (made.has(address) || live.has(address)) throw overlapping(`${where}, entry ${i}`, address);
      made.set(address, columns.kinds.length);
      put(1, layout.allocate(address, size), entry);
    } else if (action === "free_requested") {
      const from = made.get(address);
      if (from !== undefined) columns.releasedBy[from] = columns.kinds.length;
      const known = from === undefined ? live.get(address) : columns.sizes[from];
      put(from === undefined ? 0 : -1, known ?? roundUp(size, 512), entry);
      made.delete(address);
      live.delete(address);
    } else if (action === "free_completed") layout.release(address);
    else if (action === "segment_alloc") {
      const next = trace.slice(i + 1, i + 3).find((other) => other.action === "alloc");
      layout.add(address, size, size === SMALL_SEGMENT && (next?.size ?? 0) <= SMALL_REQUEST, []);
      held += size;
    } else if (action === "segment_map") held += size;
    else {
      if (action === "segment_free") layout.remove(address);
      held = Math.max(0, held - size);
    }
    reserved = Math.max(reserved, held);
  });
  return { events: columns, reserved };
}

/** Blocks that were in use before the history begins, by address. */
function blocksBefore(
  where: string,
  segments: readonly Segment[],
  trace: readonly TraceEntry[],
): Map<number, number> {
  const live = new Map<number, number>();
  const starts = new Set<number>();
  for (const { address, blocks } of segments) {
    // segments that grow by pages are told piece by piece, each with an address of its own
    if (starts.has(address)) throw overlapping(where, address);
    starts.add(address);
    for (const block of blocks) {
      if (live.has(block.address)) throw overlapping(where, block.address);
      live.set(block.address, block.size);
    }
  }
  for (let i = trace.length - 1; i >= 0; i--) {
    const { action, address, size } = trace[i] as TraceEntry;
    if (action === "alloc") live.delete(address);
    else if (action === "free_requested") live.set(address, roundUp(size, 512));
  }
  return live;
}

/** Puts segments that were there before the history into the layout; their bytes. */
function placeSegments(
  layout: Layout,
  segments: readonly Segment[],
  trace: readonly TraceEntry[],
  live: ReadonlyMap<number, number>,
): number {
  const before = new Map(
    segments.filter(({ isExpandable }) => !isExpandable).map((each) => [each.address, each]),
  );
  let reserved = segments.reduce((sum, { size }) => sum + size, 0);
  for (let i = trace.length - 1; i >= 0; i--) {
    const { action, address, size } = trace[i] as TraceEntry;
    if (action === "segment_alloc") before.delete(address);
    else if (action === "segment_free")
      before.set(address, {
        device: 0,
        address,
        size,
        isSmall: size === SMALL_SEGMENT,
        isExpandable: false,
        blocks: [],
      });
    if (action === "segment_alloc" || action === "segment_map") reserved -= size;
    else if (action === "segment_free" || action === "segment_unmap") reserved += size;
  }
  const sorted = [...live]
    .map(([address, size]) => ({ address, size }))
    .sort((a, b) => a.address - b.address);
  let next = 0;
  for (const { address, size, isSmall } of [...before.values()].sort((a, b) => a.address - b.address)) {
    while (next < sorted.length && (sorted[next]?.address ?? 0) < address) next++;
    const start = next;
    while (next < sorted.length && (sorted[next]?.address ?? 0) < address + size) next++;
    layout.add(address, size, isSmall, sorted.slice(start, next));
  }
  return Math.max(0, reserved);
}
