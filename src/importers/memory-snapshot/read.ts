/**
 * Memory snapshots of PyTorch: what torch.cuda.memory._dump_snapshot pickles, plain or gzipped.
 *
 * Spec     docstring of torch/cuda/memory.py, _snapshot; torch/csrc/cuda/memory_snapshot.cpp
 * Reads    segments with their blocks, the history of allocations, annotations of optimizers, stacks
 * Ignores  names of files and functions but for autograd's engine, host memory, user metadata
 * Untrue   sizes in a history are those asked for: blocks follow from where they lie (layout.ts), and those from before the
 *          history count as rounded to 512 B. Which module allocates is not told.
 */
import type { Diagnostic } from "../../base/complaint.js";
import type { Source } from "../../base/source.js";
import { bytes, MiB } from "../../base/units.js";
import { readWhole } from "../../decode/byte-stream.js";
import { type PickleDict, type PickleList, type PickleValue, readPickle } from "../../decode/plain-pickle.js";
import type { MeasuredPhase } from "../../ir/recording.js";
import { type BlockMeasures, measureBlocks } from "../measure-blocks.js";
import type { ImportedRecording } from "../recording.js";
import { emptySnapshot, largeSnapshot, noSnapshot } from "./complaints.js";
import { Entries, type Segment, type TraceEntry } from "./entries.js";
import { replayHistory } from "./history.js";

const MAX_BYTES = 512 * MiB;
/** torch::autograd::Engine on a device's thread, or the call that waits for it. torch/autograd/graph.py */
const ENGINE = /^torch::autograd::(Engine|python::PythonEngine)|^_engine_run_backward$/;

export async function readMemorySnapshot(source: Source): Promise<ImportedRecording> {
  const where = source.name;
  const data = await readWhole(source, MAX_BYTES);
  if (data === null) throw largeSnapshot(where, MAX_BYTES);
  const root = readPickle(data, where);
  if (typeof root !== "object" || root === null || root instanceof Uint8Array)
    throw noSnapshot(where, "something else");
  const entries = new Entries(where, Math.floor(data.length / 2));
  // before PyTorch 2.0 a snapshot was the list of segments alone
  const top: PickleDict = Array.isArray(root) ? { segments: root, device_traces: [] } : root;
  const segments = entries.list(top["segments"], "segments").map((each, i) => entries.segment(each, i));
  const traces = entries
    .list(top["device_traces"] ?? [], "device_traces")
    .map((list, device) =>
      entries
        .list(list, `device_traces[${device}]`)
        .flatMap((each, i) => entries.trace(each, device, i) ?? []),
    );
  const devices = [...new Set([...segments.map(({ device }) => device), ...traces.keys()])];
  const measured = devices.map((device) =>
    measure({ where, device, top, segments, trace: traces[device] ?? [] }),
  );
  const [first] = measured.sort((a, b) => (b.reserved ?? 0) - (a.reserved ?? 0));
  if (!first || ((first.reserved ?? 0) === 0 && first.allocated === null)) throw emptySnapshot(where);
  const busy = measured.filter(({ reserved }) => (reserved ?? 0) > 0).length;
  if (busy <= 1) return first;
  const message = `it holds ${busy} devices; the one that reserves most is compared`;
  const note: Diagnostic = { code: "snapshot/devices", severity: "info", message, where };
  return { ...first, diagnostics: [...first.diagnostics, note] };
}

interface DeviceParts {
  readonly where: string;
  readonly device: number;
  readonly top: PickleDict;
  readonly segments: readonly Segment[];
  readonly trace: readonly TraceEntry[];
}

function measure({ where, device, top, segments, trace }: DeviceParts): ImportedRecording {
  const own = segments.filter((segment) => segment.device === device);
  const settings = dictOf(top["allocator_settings"]);
  const maxSplit = settings["max_split_size"];
  const optimizer = optimizerSpans(top["external_annotations"], device);
  const { events, reserved } = replayHistory({
    where,
    segments: own,
    trace,
    phaseOf: phasesOf(trace, optimizer),
    maxSplit: typeof maxSplit === "number" && maxSplit > 0 ? maxSplit : Number.POSITIVE_INFINITY,
  });
  const nothing: BlockMeasures = { allocated: null, phases: {}, groups: null, modules: [] };
  return {
    kind: "recording",
    source: where,
    format: "memory-snapshot",
    device: `CUDA ${device}`,
    isGpu: true,
    steps: optimizer.steps > 0 ? optimizer.steps : null,
    reserved: bytes(reserved),
    deviceTotal: null,
    host: null,
    ...(trace.length > 0 ? measureBlocks(events, []) : nothing),
    diagnostics: notesOf(where, trace, settings),
  };
}

function notesOf(where: string, trace: readonly TraceEntry[], settings: PickleDict): Diagnostic[] {
  const note = (code: string, message: string): Diagnostic => ({ code, severity: "warning", message, where });
  const rounds = Object.values(dictOf(settings["roundup_power2_divisions"])).some(
    (value) => Number(value) > 0,
  );
  return [
    ...(trace.length === 0
      ? [
          note(
            "snapshot/no-history",
            "it has no history, so no peak: torch.cuda.memory._record_memory_history() keeps one",
          ),
        ]
      : []),
    ...(rounds
      ? [
          note(
            "snapshot/rounding",
            "roundup_power2_divisions was set: blocks are counted as rounded to 512 B, and are larger",
          ),
        ]
      : []),
  ];
}

interface Spans {
  readonly spans: readonly (readonly [number, number])[];
  readonly steps: number;
}

/** `Optimizer.step#AdamW.step` and `Optimizer.zero_grad#…` while histories are kept. torch/optim/optimizer.py */
function optimizerSpans(value: PickleValue | undefined, device: number): Spans {
  const spans: [number, number][] = [];
  let [open, steps]: [number | null, number] = [null, 0];
  for (const item of Array.isArray(value) ? value : []) {
    const { stage, name, time_us: time, device: at } = dictOf(item);
    if (typeof name !== "string" || !name.startsWith("Optimizer.") || typeof time !== "number") continue;
    if (typeof at === "number" && at !== device) continue;
    if (stage === "START") {
      open = time;
      if (name.startsWith("Optimizer.step")) steps++;
    } else if (open !== null) {
      spans.push([open, time]);
      open = null;
    }
  }
  return { spans: spans.sort((a, b) => a[0] - b[0]), steps };
}

/** Phases by annotations and stacks; entries come in order of time. */
function phasesOf(
  trace: readonly TraceEntry[],
  { spans }: Spans,
): (entry: TraceEntry) => MeasuredPhase | null {
  const known = new Map<PickleList, boolean>();
  const hasStacks = trace.some(({ frames }) => frames.length > 0);
  const inEngine = (frames: PickleList): boolean => {
    let found = known.get(frames);
    if (found === undefined) {
      // a device's thread runs no Python: with stacks of Python alone its entries have none
      found = frames.length === 0 || frames.some((frame) => ENGINE.test(nameOf(frame)));
      known.set(frames, found);
    }
    return found;
  };
  let next = 0;
  return ({ time, frames }) => {
    while (next < spans.length && (spans[next]?.[1] ?? 0) < time) next++;
    const [start, end] = spans[next] ?? [Number.POSITIVE_INFINITY, 0];
    if (time >= start && time <= end) return "optimizer";
    if (!hasStacks) return null;
    return inEngine(frames) ? "backward" : "forward";
  };
}

function nameOf(frame: PickleValue): string {
  const { name } = dictOf(frame);
  return typeof name === "string" ? name : "";
}

function dictOf(value: PickleValue | undefined): PickleDict {
  const isDict =
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  return isDict ? value : {};
}
