/**
 * Step → Timeline: every allocation and release replayed through the framework's allocator.
 *
 * The first step runs once, then the steady one twice: the third step is the first whose cache was left by a steady one,
 * and the one that the recordings measure.
 */
import { type Bytes, bytes, NO_BYTES } from "../base/units.js";
import type { AllocatorSettings, Machine } from "../ir/setup.js";
import { type BlockId, blockOf, type Phase, type Section, type Step } from "../ir/step.js";
import type { Moment, PhasePeak, StepTimeline, Timeline } from "../ir/timeline.js";
import type { Allocator } from "./allocators/allocator.js";
import { BestFitWithCoalescing } from "./allocators/bfc.js";
import { CachingAllocator } from "./allocators/caching.js";
import { DriverPool } from "./allocators/driver-pool.js";
import { ExpandableAllocator } from "./allocators/expandable.js";
import { DEFAULT_ALLOCATOR } from "./default-allocator.js";

/** Times the steady step runs after the first. Fragmentation can go on growing for a few more; the interval covers it. */
const STEADY_STEPS = 2;

export interface SimulateMemoryOptions {
  /** Record every moment of the last step. */
  readonly moments?: boolean;
  readonly allocator?: AllocatorSettings;
}

export function simulateMemory(step: Step, machine: Machine, options: SimulateMemoryOptions = {}): Timeline {
  const allocator = allocatorFor(machine, options.allocator ?? DEFAULT_ALLOCATOR);
  const replay = new Replay(step, allocator);
  let outOfMemory = replay.run([step.resident], 0) ?? replay.run(step.first, 0);
  const first = replay.result();
  for (let i = 1; i <= STEADY_STEPS && !outOfMemory; i++) {
    if (i > 1) replay.carry(step.carried);
    outOfMemory = replay.run(step.steady, i);
  }
  const steady = outOfMemory ? first : replay.result();
  if (options.moments && !outOfMemory) replay.carry(step.carried);
  const moments = options.moments && !outOfMemory ? replay.moments(step.steady) : [];
  return { first, steady, reserved: replay.reserved, outOfMemory, retries: allocator.retries, moments };
}

interface Device {
  /** Null: it never fills. */
  readonly capacity: number | null;
  readonly context: number;
}

/** The allocator of a process on a device. */
export function allocatorFor({ capacity, context }: Device, settings: AllocatorSettings): Allocator {
  if (capacity === null) return allocatorOf(settings, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  // a fraction is one of the whole device, context included
  const { memoryFraction } = settings;
  const limit = memoryFraction === null ? Number.POSITIVE_INFINITY : Math.floor(memoryFraction * capacity);
  return allocatorOf(settings, Math.max(0, capacity - context), limit);
}

function allocatorOf(settings: AllocatorSettings, capacity: number, limit: number): Allocator {
  if (settings.backend === "bfc")
    return new BestFitWithCoalescing({
      limit: Math.max(0, capacity - (settings.leaves ?? 0)),
      growth: settings.growth === true,
    });
  if (settings.backend === "cudaMallocAsync") return new DriverPool(Math.min(capacity, limit));
  if (settings.expandableSegments) return new ExpandableAllocator(capacity, settings, limit);
  return new CachingAllocator(capacity, settings, limit);
}

class Replay {
  /** Most bytes ever held from the device, used or cached. */
  reserved: Bytes = NO_BYTES;
  private readonly sizes: Float64Array;
  private readonly allocator: Allocator;
  private readonly handles: Int32Array;
  private phases: PhasePeak[] = [];
  private sections: readonly Section[] = [];
  private peak = { allocated: -1, section: 0, action: -1 };
  private aliveBefore: Uint8Array;
  private readonly alive: Uint8Array;
  private readonly trials: Uint8Array;
  private readonly streams: Uint8Array;

  constructor(step: Step, allocator: Allocator) {
    this.sizes = new Float64Array(step.blocks.length);
    this.trials = new Uint8Array(step.blocks.length);
    this.streams = new Uint8Array(step.blocks.length);
    for (const { id, bytes, trial, stream } of step.blocks) {
      this.sizes[id] = bytes;
      this.streams[id] = stream;
      if (trial) this.trials[id] = 1;
    }
    this.allocator = allocator;
    this.handles = new Int32Array(step.blocks.length).fill(-1);
    this.alive = new Uint8Array(step.blocks.length);
    this.aliveBefore = this.alive.slice();
  }

  /** Before a step repeats: what it made and kept is what it frees now. */
  carry(carried: Step["carried"]): void {
    const { handles, alive } = this;
    const made = carried.map((pair) => handles[pair.made] as number);
    carried.forEach(({ before }, i) => {
      handles[before] = made[i] as number;
      alive[before] = 1;
    });
    for (const pair of carried) alive[pair.made] = 0;
  }

  /** Runs `sections` once; what did not fit, or null. */
  run(sections: readonly Section[], stepNumber: number): Timeline["outOfMemory"] {
    const { allocator, handles, alive, sizes, trials, streams } = this;
    this.sections = sections;
    this.phases = [];
    this.aliveBefore = alive.slice();
    const peak = { allocated: allocator.allocated, section: 0, action: -1 };
    this.peak = peak;
    for (let s = 0; s < sections.length; s++) {
      const section = sections[s] as Section;
      const { actions } = section;
      allocator.resetPeaks();
      for (let i = 0; i < actions.length; i++) {
        const action = actions[i] as number;
        if (action > 0) {
          const block = action - 1;
          const handle = allocator.allocate(sizes[block] as number, streams[block]);
          if (handle < 0 && trials[block] === 0) return { block, phase: section.phase, step: stepNumber };
          handles[block] = handle;
          alive[block] = 1;
          if (allocator.allocated > peak.allocated) {
            peak.allocated = allocator.allocated;
            peak.section = s;
            peak.action = i;
          }
        } else {
          const block = -action - 1;
          const handle = handles[block] as number;
          if (handle >= 0) allocator.free(handle);
          if (trials[block] === 1) allocator.emptyCache();
          alive[block] = 0;
        }
      }
      if (allocator.peakReserved > this.reserved) this.reserved = allocator.peakReserved as Bytes;
      this.phases.push({
        phase: section.phase,
        peakAllocated: allocator.peakAllocated as Bytes,
        peakReserved: allocator.peakReserved as Bytes,
      });
    }
    return null;
  }

  result(): StepTimeline {
    const { section, action, allocated } = this.peak;
    const at = this.sections[section];
    return {
      phases: this.phases,
      peak: {
        allocated: bytes(Math.max(allocated, 0)),
        phase: at?.phase ?? "resident",
        node: action < 0 ? -1 : (at?.nodes[action] ?? -1),
        alive: this.aliveAt(section, action),
      },
      reserved: this.allocator.reserved as Bytes,
    };
  }

  private aliveAt(section: number, action: number): BlockId[] {
    const alive = this.aliveBefore.slice();
    for (let s = 0; s <= section && s < this.sections.length; s++) {
      const { actions } = this.sections[s] as Section;
      const end = s < section ? actions.length : action + 1;
      for (let i = 0; i < end; i++) {
        const act = actions[i] as number;
        alive[blockOf(act)] = act > 0 ? 1 : 0;
      }
    }
    const out: BlockId[] = [];
    for (let block = 0; block < alive.length; block++) if (alive[block]) out.push(block);
    return out;
  }

  /** Runs `sections` once more, writing every moment down. */
  moments(sections: readonly Section[]): Moment[] {
    const { allocator, handles, sizes } = this;
    const out: Moment[] = [];
    const note = (kind: Moment["kind"], block: BlockId | null, size: number, phase: Phase) =>
      out.push({
        kind,
        block,
        size: size as Bytes,
        allocated: allocator.allocated as Bytes,
        reserved: allocator.reserved as Bytes,
        phase,
      });
    for (const { phase, actions } of sections) {
      for (const action of actions) {
        const block = blockOf(action);
        const size = sizes[block] as number;
        const reserved = allocator.reserved;
        if (action > 0) handles[block] = allocator.allocate(size, this.streams[block]);
        else allocator.free(handles[block] as number);
        if (allocator.reserved > reserved) note("segment", null, allocator.reserved - reserved, phase);
        note(action > 0 ? "allocate" : "free", block, size, phase);
      }
    }
    return out;
  }
}
