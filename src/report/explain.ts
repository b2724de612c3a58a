/** Timeline, Step, Tape and Machine → the report. Recomputes nothing that a pass knows; rounds and formats nothing. */
import type { Diagnostic } from "../base/complaint.js";
import { bytes } from "../base/units.js";
import type { ContextMemory } from "../hardware/contexts.js";
import type { Graph } from "../ir/graph.js";
import type { Machine, TrainingSetup } from "../ir/setup.js";
import type { Step } from "../ir/step.js";
import type { Tape } from "../ir/tape.js";
import type { Timeline } from "../ir/timeline.js";
import { blocksAtPeak, categoriesAtPeak, GRANULARITY } from "./at-peak.js";
import { intervalOf, judge } from "./interval.js";
import { layersOf } from "./layers.js";
import { placeOf } from "./places.js";
import { REPORT_PHASES } from "./phases.js";
import type {
  Assumption,
  EstimateReport,
  ExplainReport,
  Formula,
  ReportPhase,
  SetupReport,
  StageReport,
} from "./report.js";
import { countParameters, totalsOf } from "./totals.js";

export interface ReportInput {
  readonly name: string;
  readonly source: string;
  readonly setup: TrainingSetup;
  readonly settings: SetupReport;
  readonly machine: Machine;
  readonly context: ContextMemory;
  readonly graph: Graph;
  readonly tape: Tape;
  readonly step: Step;
  /** Of a device that never fills when `outOfMemory`. */
  readonly timeline: Timeline;
  readonly outOfMemory: boolean;
  readonly assumptions: readonly Assumption[];
  readonly diagnostics: readonly Diagnostic[];
  readonly stages: readonly StageReport[];
  /** Called once, when the formula is first read: it plans the step at further batches. */
  readonly formula: () => Formula;
}

export function reportEstimate(input: ReportInput): EstimateReport {
  const { setup, machine, context, graph, tape, step, timeline, outOfMemory } = input;
  const { peak, phases, reserved } = reported(timeline, setup);
  const deviceTotal = reserved + context.bytes;
  const totals = totalsOf(tape, step, setup.step);
  const held = totals.parameterBytes + totals.bufferBytes + totals.optimizerStateBytes;
  const interval = intervalOf({ graph, setup, allocated: peak.allocated, reserved, context, held });
  const highest = (phase: ReportPhase) => ({
    peakAllocatedBytes: Math.max(
      0,
      ...phases.filter((part) => part.phase === phase).map(({ peakAllocated }) => peakAllocated),
    ),
  });
  let formula: Formula | undefined;
  return {
    schema: "plimsoll/estimate@1",
    model: { name: input.name, source: input.source, ...countParameters(graph) },
    setup: input.settings,
    totals,
    peak: {
      allocatedBytes: peak.allocated,
      reservedBytes: reserved,
      deviceTotalBytes: deviceTotal,
      phase: REPORT_PHASES[peak.phase],
      at:
        peak.node < 0
          ? peak.phase === "optimizer"
            ? "optimizer step"
            : graph.name
          : placeOf(graph, peak.node),
    },
    phases: {
      forward: highest("forward"),
      backward: highest("backward"),
      optimizer: highest("optimizer"),
      ...(setup.validate && { validation: highest("validation") }),
    },
    atPeak: categoriesAtPeak(step, peak, GRANULARITY[setup.framework ?? "pytorch"]),
    overhead: {
      allocatorSlackBytes: reserved - peak.allocated,
      communicationBytes: 0,
      contextBytes: context.bytes,
    },
    stages: input.stages,
    get formula() {
      formula ??= input.formula();
      return formula;
    },
    machine: judge({ machine, outOfMemory, deviceTotal, interval }),
    interval,
    assumptions: input.assumptions,
    diagnostics: input.diagnostics,
  };
}

/** As `reportEstimate`, with every layer and every block alive at the peak. */
export function reportExplanation(input: ReportInput): ExplainReport {
  const { setup, graph, tape, step, timeline } = input;
  const { peak } = reported(timeline, setup);
  const estimate = reportEstimate(input);
  return {
    ...estimate,
    layers: layersOf(tape, setup.batch),
    alive: blocksAtPeak(step, peak, graph, setup),
  };
}

/**
 * The step that was asked for; reserved is the highest since the process began. What cuDNN's benchmark took in the first
 * step was given back, and it makes do with less: it does not count later.
 */
function reported(timeline: Timeline, { step, cudnn }: TrainingSetup) {
  if (step === "first") return timeline.first;
  const peaks = timeline.steady.phases.map(({ peakReserved }) => peakReserved);
  const reserved = cudnn === "benchmark" ? bytes(Math.max(...peaks)) : timeline.reserved;
  return { ...timeline.steady, reserved };
}
