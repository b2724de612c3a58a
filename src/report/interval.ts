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
}

export function intervalOf({ graph, setup, allocated, reserved, context }: IntervalOptions): Interval {
  const framework = NAMES[setup.framework ?? "pytorch"];
  const reasons = [`what idle and measured processes hold outside ${framework}`];
  const compiled = setup.framework === "jax" ? Math.ceil((COMPILED[CONFIDENCE] ?? 0) * allocated) : 0;
  const spread = spreadOf(graph, setup, CONFIDENCE) + compiled;
  if (compiled > 0)
    reasons.push(
      `${100 * (COMPILED[CONFIDENCE] ?? 0)} % of what is allocated either way, as steps compiled for a CPU differ; a GPU's were not recorded`,
    );
  else if (spread > 0)
    reasons.push(
      `${SPREADS[CONFIDENCE]} times the operands of the largest convolution either way, for the plan cuDNN picks`,
    );
  const unseen = graph.nodes.some(({ op }) => op === "unseenForward");
  if (unseen) reasons.push("activations are not in the file: this is a lower bound without an upper one");
  return {
    lowBytes: Math.max(allocated, reserved - spread) + context.lowBytes,
    highBytes: unseen ? UNBOUNDED : reserved + spread + context.highBytes,
    confidence: CONFIDENCE,
    basis: reasons.join("; "),
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
