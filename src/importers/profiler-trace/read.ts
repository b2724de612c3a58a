/**
 * Traces of torch.profiler with memory events, as export_chrome_trace writes them.
 *
 * Spec     https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format); fields of
 *          `[memory]` are written by torch/csrc/profiler/kineto_shim.cpp and torch/csrc/autograd/profiler_kineto.cpp
 * Reads    `[memory]` instants; spans of autograd's functions, of optimizers, and of modules where stacks were recorded
 * Ignores  kernels, transfers, arrows, names of the machine and its user
 * Untrue   a module's spans tell who allocates in forward; a span that the profiler dropped makes its blocks the caller's
 */
import type { Diagnostic } from "../../base/complaint.js";
import type { Source } from "../../base/source.js";
import { type Bytes, bytes } from "../../base/units.js";
import { readPieces } from "../../decode/byte-stream.js";
import { ObjectSplitter } from "../../decode/json-objects.js";
import type { MeasuredPhase } from "../../ir/recording.js";
import { type BlockEvents, measureBlocks, type ModuleName } from "../measure-blocks.js";
import type { ImportedRecording } from "../recording.js";
import { badEvent, badFigure, manyEvents, noMemoryEvents, takenAddress } from "./complaints.js";
import { type Mark, type Moment, placesOf } from "./marks.js";

/** A step of a large model makes some 10^4. */
const MAX_EVENTS = 5_000_000;
/** Names of the spans that are read; everything else is passed over before it is parsed. */
const WANTED = /"(\[memory\]|Optimizer\.|autograd::engine::evaluate_function|nn\.Module: )/;
/** c10/core/DeviceType.h */
const CPU = 0;
const DEVICES: Readonly<Record<number, string>> = { 0: "CPU", 1: "CUDA", 6: "HIP", 12: "XPU", 20: "device" };

interface MemoryEvent extends Moment {
  readonly index: number;
  readonly order: number;
  readonly address: number;
  /** Negative: released. */
  readonly size: number;
  readonly total: number;
  readonly reserved: number;
}

export async function readProfilerTrace(source: Source): Promise<ImportedRecording> {
  const trace = new TraceReader(source.name);
  const splitter = new ObjectSplitter({
    where: source.name,
    key: "traceEvents",
    take: (object) => trace.take(object),
  });
  await readPieces(source, (piece) => splitter.push(piece));
  splitter.end();
  return trace.recording();
}

class TraceReader {
  private readonly source: string;
  private readonly devices = new Map<string, MemoryEvent[]>();
  private readonly marks: Mark[] = [];
  private readonly modules: ModuleName[] = [];
  private readonly moduleIds = new Map<string, number>();
  private readonly text = new TextDecoder();
  private count = 0;
  private memoryCount = 0;
  private steps = 0;

  constructor(source: string) {
    this.source = source;
  }

  take(object: Uint8Array): void {
    const index = this.count++;
    const text = this.text.decode(object);
    if (!WANTED.test(text)) return;
    let event: unknown;
    try {
      event = JSON.parse(text);
    } catch (error) {
      throw badEvent(this.source, index, error instanceof Error ? error.message.slice(0, 80) : "no JSON");
    }
    const { name, ph, args } = event as Record<string, unknown>; // an object: it began with a brace
    if (name === "[memory]") this.takeMemory(event as Record<string, unknown>, args, index);
    else if (ph === "X" && typeof name === "string") this.takeSpan(event as Record<string, unknown>, name);
  }

  recording(): ImportedRecording {
    const [device, events] = this.chooseDevice();
    const columns = this.columnsOf(events);
    const [type = "", id = ""] = device.split(":");
    const reserved = events.reduce((most, event) => Math.max(most, event.reserved), 0);
    const isGpu = Number(type) !== CPU;
    const title = DEVICES[Number(type)] ?? `device type ${type}`;
    return {
      kind: "recording",
      source: this.source,
      format: "profiler-trace",
      device: isGpu ? `${title} ${id}` : title,
      isGpu,
      steps: this.steps > 0 ? this.steps : null,
      reserved: isGpu && reserved > 0 ? bytes(reserved) : null,
      deviceTotal: null,
      host: null,
      ...measureBlocks(columns, this.modules),
      diagnostics: this.notes(device, isGpu),
    };
  }

  /** The one that holds most, a GPU before the CPU. */
  private chooseDevice(): [string, MemoryEvent[]] {
    const most = (events: readonly MemoryEvent[]) =>
      events.reduce((highest, { total }) => Math.max(highest, total), 0);
    const ranked = [...this.devices].sort(([a, x], [b, y]) => {
      const gpus = Number(!b.startsWith(`${CPU}:`)) - Number(!a.startsWith(`${CPU}:`));
      return gpus || most(y) - most(x);
    });
    const [first] = ranked;
    if (!first) throw noMemoryEvents(this.source);
    return first;
  }

  private columnsOf(events: MemoryEvent[]): BlockEvents {
    events.sort((a, b) => a.time - b.time || a.order - b.order);
    const places = placesOf(events, this.marks);
    const alive = new Map<number, number>();
    const releasedBy = new Array<number>(events.length).fill(-1);
    const kinds = events.map(({ address, size, index }, i): 1 | 0 | -1 => {
      const before = alive.get(address);
      if (size >= 0) {
        if (before !== undefined) throw takenAddress(this.source, index, address);
        alive.set(address, i);
        return 1;
      }
      alive.delete(address);
      if (before === undefined) return 0;
      releasedBy[before] = i;
      return -1;
    });
    return {
      releasedBy,
      kinds,
      sizes: events.map(({ size }) => Math.abs(size)),
      totals: events.map(({ total }) => total),
      phases: places.map(({ phase }) => phase),
      places: places.map(({ module }) => module),
    };
  }

  private takeMemory(event: Record<string, unknown>, args: unknown, index: number): void {
    if (typeof args !== "object" || args === null) throw badFigure(this.source, index, "args", "nothing");
    const figures = args as Record<string, unknown>;
    const whole = (field: string, low: number): number => {
      const value = figures[field];
      if (typeof value === "number" && Number.isSafeInteger(value) && value >= low) return value;
      throw badFigure(this.source, index, field, JSON.stringify(value) ?? "nothing");
    };
    if (figures["Bytes"] === 0) return; // nothing is taken, and addresses may repeat
    if (++this.memoryCount > MAX_EVENTS) throw manyEvents(this.source, MAX_EVENTS);
    const device = `${whole("Device Type", 0)}:${whole("Device Id", -1)}`;
    const order = figures["Ev Idx"];
    const time = event["ts"];
    if (typeof time !== "number" || !Number.isFinite(time))
      throw badFigure(this.source, index, "ts", JSON.stringify(time) ?? "nothing");
    const list = this.devices.get(device) ?? [];
    if (list.length === 0) this.devices.set(device, list);
    list.push({
      index,
      order: typeof order === "number" ? order : index,
      thread: threadOf(event),
      time,
      address: whole("Addr", 0),
      size: whole("Bytes", Number.MIN_SAFE_INTEGER),
      total: whole("Total Allocated", 0) as Bytes,
      reserved: figures["Total Reserved"] === undefined ? 0 : whole("Total Reserved", 0),
    });
  }

  private takeSpan(event: Record<string, unknown>, name: string): void {
    const { ts, dur } = event;
    if (typeof ts !== "number" || typeof dur !== "number") return;
    const phase = phaseOf(name);
    const module = phase === null ? this.moduleOf(name) : -1;
    if (phase === null && module < 0) return;
    if (name.startsWith("Optimizer.step#")) this.steps++;
    this.marks.push({ thread: threadOf(event), start: ts, end: ts + dur, phase, module });
  }

  /** `nn.Module: Linear_3` is the fourth linear layer that was called. torch/csrc/autograd/profiler_python.cpp */
  private moduleOf(name: string): number {
    const [, kind, index] = /^nn\.Module: (\w+)_(\d+)$/.exec(name) ?? [];
    if (kind === undefined) return -1;
    const known = this.moduleIds.get(name);
    if (known !== undefined) return known;
    this.moduleIds.set(name, this.modules.length);
    return this.modules.push({ kind, index: Number(index) }) - 1;
  }

  private notes(device: string, isGpu: boolean): Diagnostic[] {
    const others = [...this.devices.keys()].filter((key) => key !== device && !key.startsWith(`${CPU}:`));
    const note = (code: string, message: string): Diagnostic => ({
      code,
      severity: "info",
      message,
      where: this.source,
    });
    return [
      ...(others.length > 0
        ? [
            note(
              "trace/devices",
              `it also holds ${others.length} other devices; the one that takes most is compared`,
            ),
          ]
        : []),
      ...(isGpu
        ? []
        : [
            note(
              "trace/cpu",
              "recorded on a CPU: its totals begin with the recording, its allocator rounds nothing, and its kernels take other scratch memory",
            ),
          ]),
      ...(this.marks.some(({ module }) => module >= 0)
        ? []
        : [
            note(
              "trace/stacks",
              "recorded without stacks: with_stack=True and with_modules=True tell modules apart",
            ),
          ]),
    ];
  }
}

function threadOf({ tid }: Record<string, unknown>): number {
  return typeof tid === "number" ? tid : -1;
}

function phaseOf(name: string): MeasuredPhase | null {
  if (name.startsWith("autograd::engine::evaluate_function")) return "backward";
  return name.startsWith("Optimizer.") ? "optimizer" : null;
}
