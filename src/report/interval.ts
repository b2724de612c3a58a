/** How far the device total can be off, and whether the step fits a device. */
import { once } from "../base/once.js";
import { type Bytes, bytes, sumBytes } from "../base/units.js";
import type { ContextMemory } from "../hardware/contexts.js";
import type { Graph, Value, ValueId } from "../ir/graph.js";
import type { Framework, Machine, TrainingSetup } from "../ir/setup.js";
import { packedSize } from "../ir/tensor.js";
import type { Interval, MachineReport, Verdict } from "./report.js";

/**
 * Which plan cuDNN picks for a convolution is told by a tree that is right in about nine cases of ten. Of 159 recorded fp32
 * steps with the real cuDNN's plans (oracle/pytorch/results-cudnn), 90 % reserve what is computed, give or take 1.20 times
 * the operands of the largest convolution; the same when every layer like theirs is left out of what the trees learn from.
 * The other shares are counted in the same way over 161 of them; beyond 95 % single steps would decide.
 */
const SPREADS: Readonly<Record<string, number>> = { "0.5": 0.35, "0.8": 0.87, "0.9": 1.2, "0.95": 1.33 };
/**
 * How far a step of JAX can be off, in parts of what is allocated: of 31 steps that XLA compiled for a CPU (shared/oracle/jax and
 * twelve others), so many lie within. No GPU's were recorded.
 */
const COMPILED: Readonly<Record<string, number>> = {
  "0.5": 0.041,
  "0.8": 0.054,
  "0.9": 0.058,
  "0.95": 0.083,
};
const CONFIDENCE = 0.9;
/** The upper end where nothing is known of what a step keeps: more than any device has. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** How sure an interval can be asked to be. */
export const CONFIDENCES: readonly number[] = Object.keys(SPREADS).map(Number);

const NAMES: Readonly<Record<Framework, string>> = {
  jax: "JAX",
  pytorch: "PyTorch",
  tensorflow: "TensorFlow",
};

export interface IntervalOptions {
  readonly graph: Graph;
  readonly setup: TrainingSetup;
  readonly allocated: number;
  readonly reserved: number;
  readonly context: ContextMemory;
  /** What the whole step holds, whatever runs: parameters, buffers and optimizer states. */
  readonly held: number;
}

export function intervalOf({ graph, setup, allocated, reserved, context, held }: IntervalOptions): Interval {
  const { framework = "pytorch" } = setup;
  const reasons = [`what idle and measured processes hold outside ${NAMES[framework]}`];
  const compiled = framework === "jax" ? Math.ceil((COMPILED[CONFIDENCE] ?? 0) * allocated) : 0;
  const spread = spreadOf(graph, setup, CONFIDENCE) + compiled;
  if (compiled > 0)
    reasons.push(
      `${100 * (COMPILED[CONFIDENCE] ?? 0)} % of what is allocated either way, as steps compiled for a CPU differ; a GPU's were not recorded`,
    );
  else if (spread > 0)
    reasons.push(
      `${SPREADS[CONFIDENCE]} times the operands of the largest convolution either way, for the plan cuDNN picks`,
    );
  const summary = boundsOf(graph, framework);
  if (summary) reasons.push(summary.because);
  const unseen = graph.nodes.some(({ op }) => op === "unseenForward");
  if (unseen) reasons.push("activations are not in the file: this is a lower bound without an upper one");
  return {
    lowBytes:
      (summary ? Math.max(held, allocated - summary.below) : Math.max(allocated, reserved - spread)) +
      context.lowBytes,
    highBytes:
      unseen || summary?.above === UNBOUNDED
        ? UNBOUNDED
        : reserved + spread + (summary?.above ?? 0) + context.highBytes,
    confidence: CONFIDENCE,
    basis: reasons.join("; "),
  };
}

/**
 * Results as large as its own that a row of a printed summary can keep. PyTorch: a normalization, an activation and a dropout of
 * `forward`'s own behind a row. TensorFlow: Keras' composed layers keep up to five (gelu), and an activation's rides with its layer.
 */
const MOST_KEPT = { pytorch: 3, tensorflow: 6 } as const;
/** Scratch memory of a convolution, in operands of the largest: VGG-16's at batch 32 takes 2.1 with cuDNN's plans. */
const SCRATCH = 3;

/** How far a summary's rows are from what runs, in bytes below and above; null when the graph is no summary. */
function boundsOf({ nodes, values }: Graph, framework: Framework) {
  if (framework === "jax") return null; // it prints programs, no summaries
  const rows = nodes.filter(({ op }) => op === "summarizedLayer" || op === "SummarizedLayer");
  if (rows.length === 0) return null;
  const sizes = rows.map(
    ({ outputs }) => packedSize((values[outputs[0] as ValueId] as Value).spec) as number,
  );
  const results = sizes.reduce((sum, size) => sum + size, 0);
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  const unknown = rows.find(({ attributes }) => attributes.isBounded !== true);
  const most = MOST_KEPT[framework];
  return {
    // no result need be kept, nor any made while parameters, gradients and optimizer states are there
    below: results + 4 * largest,
    above: unknown ? UNBOUNDED : (most - 1) * results + 2 * SCRATCH * largest,
    because: unknown
      ? `a summary has no operators: from parameters and optimizer states alone up, and what ${unknown.attributes.kind} keeps has no bound (more levels, if it holds layers: depth=)`
      : `a summary has no operators: from no result kept to ${most} of each row's size, and ${SCRATCH} times the operands of the largest as scratch`,
  };
}

/** By how much reserved memory can be off either way with this confidence, one of CONFIDENCES. */
export function spreadOf(graph: Graph, { cudnn }: Pick<TrainingSetup, "cudnn">, confidence: number): number {
  const operands = cudnn === "no-workspace" ? null : largestConvolution(graph);
  return operands ? Math.ceil((SPREADS[confidence] ?? 0) * operands) : 0;
}

/** Bytes of input, weight and result of the convolution that has the most; null without one. */
const largestConvolution = once((graph: Graph): Bytes | null => {
  const size = (id: ValueId): Bytes => packedSize((graph.values[id] as Value).spec);
  const sizes = graph.nodes
    .filter(({ op }) => op === "convolution")
    .map(({ inputs, outputs }) => {
      const given = Object.values(inputs).filter((input) => typeof input === "number");
      return sumBytes([...given, ...outputs].map(size));
    });
  return sizes.length > 0 ? bytes(Math.max(...sizes)) : null;
});

export interface VerdictOptions {
  readonly machine: Machine;
  /** The step asked for more than the device has. */
  readonly outOfMemory: boolean;
  readonly deviceTotal: number;
  readonly interval: Interval;
}

/** Null without a device. Tight: it fits as computed, but not at the upper end of the interval. */
export function judge({ machine, outOfMemory, deviceTotal, interval }: VerdictOptions): MachineReport | null {
  const { gpu, capacity } = machine;
  if (gpu === null || capacity === null) return null;
  const over = outOfMemory || deviceTotal > capacity;
  const verdict: Verdict = over ? "does-not-fit" : interval.highBytes > capacity ? "tight" : "fits";
  return { gpu, capacityBytes: capacity, verdict, headroomBytes: capacity - deviceTotal };
}
