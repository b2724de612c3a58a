/** Predicted beside measured: what `compare --json` prints (schema `plimsoll/compare@1`). */
import type { Diagnostic } from "../base/complaint.js";
import {
  GROUPS,
  type Group,
  type MeasuredModule,
  type MeasuredPhase,
  type Recording,
} from "../ir/recording.js";
import type { Assumption, EstimateReport, ModelReport, SetupReport } from "./report.js";

/** Null: it is not known. */
export interface Figures {
  readonly allocatedBytes: number | null;
  readonly reservedBytes: number | null;
  readonly deviceTotalBytes: number | null;
  /** Peaks of allocated bytes. */
  readonly phases: Readonly<Record<MeasuredPhase, number | null>>;
  /** Alive at the peak, told apart by when blocks come and go. */
  readonly groups: Readonly<Record<Group, number | null>>;
}

export interface ModuleComparison {
  /** Its path in the model; null for a module that is only in the recording. */
  readonly path: string | null;
  /** As the profiler names it: `Conv2d_3`. */
  readonly name: string;
  /** What its forward leaves behind. */
  readonly predictedBytes: number;
  readonly measuredBytes: number;
}

export interface ComparedDifference {
  readonly kind: "figure" | "phase" | "group" | "module";
  readonly name: string;
  readonly predictedBytes: number;
  readonly measuredBytes: number;
  /** Predicted less measured. */
  readonly deltaBytes: number;
  /** Predicted less measured, of measured; null where nothing was measured. */
  readonly relativeError: number | null;
  readonly because: string;
}

/** What one measurement tells of a machine (schema `plimsoll/profile@1`). */
export interface MachineProfile {
  readonly schema: "plimsoll/profile@1";
  /** As Plimsoll names it; null: no device was named. */
  readonly gpu: string | null;
  /** What the process takes outside of the framework's allocator. */
  readonly contextBytes: number | null;
  /** Scratch of a cuBLAS handle, with whatever else of scratch the measurement tells. */
  readonly workspaceBytes: number | null;
  readonly measuredWith: string;
}

export interface Calibration {
  readonly profile: MachineProfile;
  /** What neither context nor scratch can explain, predicted less measured. */
  readonly unexplainedBytes: number;
  readonly notes: readonly string[];
}

export interface CompareReport {
  readonly schema: "plimsoll/compare@1";
  readonly model: ModelReport;
  readonly setup: SetupReport;
  readonly recording: {
    /** Null: figures were given by hand. */
    readonly source: string | null;
    readonly format: string | null;
    readonly device: string | null;
    readonly steps: number | null;
    /** Host memory, where that is all there is or beside it. */
    readonly hostBytes: number | null;
  };
  readonly predicted: Figures;
  readonly measured: Figures;
  /** Predicted less measured, of measured. */
  readonly relativeError: Figures;
  /** Of modules that both sides name; empty where the recording names none. */
  readonly modules: readonly ModuleComparison[];
  readonly largestDifferences: readonly ComparedDifference[];
  /** Null: nothing to calibrate by. */
  readonly calibration: Calibration | null;
  readonly assumptions: readonly Assumption[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A step as it is predicted, in the words of a recording; modules with their paths. */
export interface PredictedBlocks extends Pick<Recording, "groups"> {
  readonly modules: readonly (MeasuredModule & { readonly path: string })[];
}

const MOST_DIFFERENCES = 8;
const PHASES: readonly MeasuredPhase[] = ["forward", "backward", "optimizer"];

const BECAUSE: Readonly<Record<string, string>> = {
  allocated: "tensors and scratch: the parts below say where",
  reserved: "what the allocator caches: splits, fragmentation, an order of requests that differs",
  "device total": "context, kernels and libraries outside of the allocator",
  forward: "what forward holds at its highest",
  backward: "what backward holds at its highest",
  optimizer: "what the optimizer's step and zero_grad hold at their highest",
  resident: "parameters, buffers, optimizer states, inputs, and scratch that kernels keep",
  saved: "what forward leaves for backward: a kernel that saves more or less, another batch or sequence",
  gradients: "gradients there at the peak: which moment the peak is",
  temporaries: "what comes and goes within a phase, scratch of kernels included",
};

/** A recording's figures; those that were given by hand go first. */
export interface GivenFigures {
  readonly allocatedBytes?: number;
  readonly reservedBytes?: number;
  readonly deviceTotalBytes?: number;
}

export function measuredFigures(recording: Recording | null, given: GivenFigures): Figures {
  const phase = (name: MeasuredPhase) => recording?.phases[name] ?? null;
  const group = (name: Group) => recording?.groups?.[name] ?? null;
  return {
    allocatedBytes: given.allocatedBytes ?? recording?.allocated ?? null,
    reservedBytes: given.reservedBytes ?? recording?.reserved ?? null,
    deviceTotalBytes: given.deviceTotalBytes ?? recording?.deviceTotal ?? null,
    phases: { forward: phase("forward"), backward: phase("backward"), optimizer: phase("optimizer") },
    groups: {
      resident: group("resident"),
      saved: group("saved"),
      gradients: group("gradients"),
      temporaries: group("temporaries"),
    },
  };
}

export function predictedFigures({ peak, phases }: EstimateReport, { groups }: PredictedBlocks): Figures {
  const group = (name: Group) => groups?.[name] ?? null;
  return {
    allocatedBytes: peak.allocatedBytes,
    reservedBytes: peak.reservedBytes,
    deviceTotalBytes: peak.deviceTotalBytes,
    phases: {
      forward: phases.forward.peakAllocatedBytes,
      backward: phases.backward.peakAllocatedBytes,
      optimizer: phases.optimizer.peakAllocatedBytes,
    },
    groups: {
      resident: group("resident"),
      saved: group("saved"),
      gradients: group("gradients"),
      temporaries: group("temporaries"),
    },
  };
}

/** Every figure of two sides. */
export function relativeErrors(predicted: Figures, measured: Figures): Figures {
  return {
    allocatedBytes: relative(predicted.allocatedBytes, measured.allocatedBytes),
    reservedBytes: relative(predicted.reservedBytes, measured.reservedBytes),
    deviceTotalBytes: relative(predicted.deviceTotalBytes, measured.deviceTotalBytes),
    phases: {
      forward: relative(predicted.phases.forward, measured.phases.forward),
      backward: relative(predicted.phases.backward, measured.phases.backward),
      optimizer: relative(predicted.phases.optimizer, measured.phases.optimizer),
    },
    groups: {
      resident: relative(predicted.groups.resident, measured.groups.resident),
      saved: relative(predicted.groups.saved, measured.groups.saved),
      gradients: relative(predicted.groups.gradients, measured.groups.gradients),
      temporaries: relative(predicted.groups.temporaries, measured.groups.temporaries),
    },
  };
}

/** Modules by class and number; those that leave nothing behind on either side are left out. */
export function pairModules(
  predicted: PredictedBlocks["modules"],
  measured: readonly MeasuredModule[],
): ModuleComparison[] {
  if (measured.length === 0) return [];
  const nameOf = ({ kind, index }: MeasuredModule) => `${kind}_${index}`;
  const theirs = new Map(measured.map((module) => [nameOf(module), module.bytes as number]));
  const ours = predicted.map((module): ModuleComparison => {
    const name = nameOf(module);
    const measuredBytes = theirs.get(name) ?? 0;
    theirs.delete(name);
    return { path: module.path, name, predictedBytes: module.bytes, measuredBytes };
  });
  const rest = [...theirs].map(([name, size]) => ({
    path: null,
    name,
    predictedBytes: 0,
    measuredBytes: size,
  }));
  return [...ours, ...rest];
}

export function largestDifferences(
  predicted: Figures,
  measured: Figures,
  modules: readonly ModuleComparison[],
): ComparedDifference[] {
  const found: ComparedDifference[] = [];
  const put = (
    kind: ComparedDifference["kind"],
    name: string,
    ours: number | null,
    theirs: number | null,
  ) => {
    if (ours === null || theirs === null || ours === theirs) return;
    found.push({
      kind,
      name,
      predictedBytes: ours,
      measuredBytes: theirs,
      deltaBytes: ours - theirs,
      relativeError: relative(ours, theirs),
      because: BECAUSE[name] ?? "what its forward leaves for backward",
    });
  };
  put("figure", "allocated", predicted.allocatedBytes, measured.allocatedBytes);
  put("figure", "reserved", predicted.reservedBytes, measured.reservedBytes);
  put("figure", "device total", predicted.deviceTotalBytes, measured.deviceTotalBytes);
  for (const phase of PHASES) put("phase", phase, predicted.phases[phase], measured.phases[phase]);
  for (const group of GROUPS) put("group", group, predicted.groups[group], measured.groups[group]);
  for (const { path, name, predictedBytes, measuredBytes } of modules)
    put("module", path ?? name, predictedBytes, measuredBytes);
  return found.sort((a, b) => Math.abs(b.deltaBytes) - Math.abs(a.deltaBytes)).slice(0, MOST_DIFFERENCES);
}

function relative(predicted: number | null, measured: number | null): number | null {
  return predicted === null || measured === null || measured === 0 ? null : (predicted - measured) / measured;
}
