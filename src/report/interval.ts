/** How far the device total can be off, and whether the step fits a device. */
import { type Bytes, sumBytes } from "../base/units.js";
import type { ContextMemory } from "../hardware/contexts.js";
import type { Graph, Node, Value, ValueId } from "../ir/graph.js";
import type { Machine, TrainingSetup } from "../ir/setup.js";
import { packedSize } from "../ir/tensor.js";
import type { Interval, MachineReport, Verdict } from "./report.js";

/**
 * Scratch of a cuDNN convolution is mostly a copy of its operands in another layout; what the allocator then caches
 * beside it is at most as large again in recorded steps (oracle/pytorch/results-cudnn against results).
 */
const COPIES = 2;
const CONFIDENCE = 0.9;

export interface IntervalOptions {
  readonly graph: Graph;
  readonly setup: TrainingSetup;
  readonly reserved: number;
  readonly context: ContextMemory;
}

export function intervalOf({ graph, setup, reserved, context }: IntervalOptions): Interval {
  const reasons = ["context as seen on idle and measured processes"];
  let highBytes = reserved + context.highBytes;
  const operands = setup.cudnn === "no-workspace" ? null : largestConvolution(graph);
  if (operands) {
    highBytes += COPIES * operands.bytes;
    reasons.push(
      `upward ${COPIES} times the operands of the largest convolution, for cuDNN's scratch memory`,
    );
  }
  return {
    lowBytes: reserved + context.lowBytes,
    highBytes,
    confidence: CONFIDENCE,
    basis: reasons.join("; "),
  };
}

/** The convolution with the most bytes of input, weight and result. */
function largestConvolution(graph: Graph): { readonly node: Node; readonly bytes: Bytes } | null {
  let largest: { node: Node; bytes: Bytes } | null = null;
  const size = (id: ValueId): Bytes => packedSize((graph.values[id] as Value).spec);
  for (const node of graph.nodes) {
    if (node.op !== "convolution") continue;
    const inputs = Object.values(node.inputs).filter((input) => typeof input === "number");
    const bytes = sumBytes([...inputs, ...node.outputs].map(size));
    if (!largest || bytes > largest.bytes) largest = { node, bytes };
  }
  return largest;
}

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
