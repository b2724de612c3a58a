/** A snapshot's dicts as typed rows; every figure is checked. */
import type { PickleDict, PickleList, PickleValue } from "../../decode/plain-pickle.js";
import { badEntry, manyEntries, noSnapshot } from "./complaints.js";

export interface Segment {
  readonly device: number;
  readonly address: number;
  readonly size: number;
  /** Segments that requests of up to 1 MiB share. */
  readonly isSmall: boolean;
  readonly isExpandable: boolean;
  /** Blocks in use, those that wait for another stream included. */
  readonly blocks: readonly { readonly address: number; readonly size: number }[];
}

export interface TraceEntry {
  readonly action: string;
  readonly address: number;
  /** As it was asked for, before rounding. */
  readonly size: number;
  /** Microseconds; 0 where it is not written. */
  readonly time: number;
  /** Stacks that are the same are one list. */
  readonly frames: PickleList;
}

/** Reads rows, and counts them: a pickle may name one list any number of times. */
export class Entries {
  private readonly where: string;
  private readonly limit: number;
  private count = 0;

  constructor(where: string, limit: number) {
    this.where = where;
    this.limit = limit;
  }

  list(value: PickleValue | undefined, what: string): PickleList {
    if (Array.isArray(value)) return value;
    throw noSnapshot(this.where, value === undefined ? `no "${what}"` : `"${what}" is no list`);
  }

  dict(value: PickleValue | undefined, what: string): PickleDict {
    if (++this.count > this.limit) throw manyEntries(this.where, this.limit);
    if (
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      !(value instanceof Uint8Array)
    )
      return value;
    throw noSnapshot(this.where, `${what} is no dict`);
  }

  segment(value: PickleValue, i: number): Segment {
    const at = `segments[${i}]`;
    const row = this.dict(value, at);
    const blocks = this.list(row["blocks"], `${at}.blocks`).map((block, k) => {
      const place = `${at}.blocks[${k}]`;
      const fields = this.dict(block, place);
      return {
        ...this.place(fields, place),
        size: this.whole(fields, "size", place),
        state: fields["state"],
      };
    });
    // before PyTorch 2.1 blocks had no addresses of their own
    let next = this.whole(row, "address", at);
    const used = blocks.map(({ address, size, state }) => {
      const start = address ?? next;
      next = start + size;
      return { address: start, size, state };
    });
    return {
      device: row["device"] === undefined ? 0 : this.whole(row, "device", at),
      address: this.whole(row, "address", at),
      size: this.whole(row, "total_size", at),
      isSmall: row["segment_type"] === "small",
      isExpandable: row["is_expandable"] === true,
      blocks: used.filter(({ state }) => state !== "inactive"),
    };
  }

  trace(value: PickleValue, device: number, i: number): TraceEntry | null {
    const at = `device_traces[${device}][${i}]`;
    const row = this.dict(value, at);
    const { action, frames } = row;
    if (typeof action !== "string") throw noSnapshot(this.where, `${at} has no action`);
    // others (oom, snapshot, annotate) hold no block
    if (!/^(alloc|free_requested|free_completed|segment_(alloc|free|map|unmap))$/.test(action)) return null;
    return {
      action,
      address: this.whole(row, "addr", at),
      size: this.whole(row, "size", at),
      time: row["time_us"] === undefined ? 0 : this.whole(row, "time_us", at),
      frames: Array.isArray(frames) ? frames : [],
    };
  }

  private place(row: PickleDict, at: string): { address: number | null } {
    return { address: row["address"] === undefined ? null : this.whole(row, "address", at) };
  }

  private whole(row: PickleDict, field: string, at: string): number {
    const value = row[field];
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    const got =
      typeof value === "object" || value === undefined ? "something else" : String(value).slice(0, 40);
    throw badEntry(`${this.where}, ${at}`, field, got);
  }
}
