/**
 * How long a step takes at least, by the roofline: per operator the longer of arithmetic and memory traffic.
 *
 * Untrue   no launch overheads, no overlap, no kernel below its peak: only ratios of two steps on one device mean
 *          something. Small micro-batches use a device worse than this says.
 */
import { elements } from "../base/shape.js";
import type { Throughput } from "../hardware/throughput.js";
import { type Graph, inputIds, type Node, type Value, type ValueId } from "../ir/graph.js";
import { autocastType, storedType, type TrainingSetup } from "../ir/setup.js";
import { packedSize } from "../ir/tensor.js";
import type { Totals } from "./report.js";

export interface StepTime {
  readonly seconds: number;
  /** Operations of one optimizer step, those that are done again included. */
  readonly operations: number;
  readonly recomputedOperations: number;
  /** To and from the host. */
  readonly hostBytes: number;
  /** Sent by this rank. */
  readonly communicationBytes: number;
}

export interface StepTimeInput {
  readonly graph: Graph;
  readonly setup: TrainingSetup;
  readonly totals: Totals;
  readonly throughput: Throughput;
}

export function stepTime({ graph, setup, totals, throughput }: StepTimeInput): StepTime {
  const trains = setup.mode === "train";
  let [seconds, operations, recomputedOperations] = [0, 0, 0];
  for (const node of graph.nodes) {
    const forward = operationsOf(graph, node);
    const again = isComputedAgain(graph, node, setup) ? 1 : 0;
    const passes = 1 + again + (trains ? gradientsOf(graph, node) : 0);
    const arithmetic = forward / rateOf(node, setup, throughput);
    const traffic = trafficOf(graph, node) / throughput.bandwidth;
    seconds += Math.max(passes * arithmetic, (1 + again + (trains ? 2 : 0)) * traffic);
    operations += passes * forward;
    recomputedOperations += again * forward;
  }
  const micro = setup.accumulate;
  const hostBytes = setup.offloadActivations ? 2 * totals.savedTensorBytes * micro : 0;
  const communicationBytes = sentBytes(setup, totals);
  const { parameterBytes, gradientBytes, optimizerStateBytes } = totals;
  // an optimizer reads and writes states and parameters, and reads gradients
  const optimizer =
    trains && setup.optimizer ? 2 * (optimizerStateBytes + parameterBytes) + gradientBytes : 0;
  return {
    seconds:
      micro * seconds + optimizer / throughput.bandwidth + (hostBytes + communicationBytes) / throughput.host,
    operations: micro * operations,
    recomputedOperations: micro * recomputedOperations,
    hostBytes,
    communicationBytes,
  };
}

/** Which input of a product has the dim that is summed over last. */
const PRODUCTS: Readonly<Record<string, string>> = {
  linear: "input",
  mm: "self",
  addmm: "mat1",
  bmm: "self",
  baddbmm: "batch1",
  groupedMm: "self",
  matmul: "self",
};

/** Two per multiplication and addition; zero for what only moves memory. */
export function operationsOf(graph: Graph, node: Node): number {
  const spec = (id: unknown) => (typeof id === "number" ? (graph.values[id] as Value).spec : undefined);
  const result = spec(node.outputs[0]);
  if (!result) return 0;
  const out = elements(result.shape);
  const summed = PRODUCTS[node.op];
  if (summed !== undefined) return 2 * out * (spec(node.inputs[summed])?.shape.at(-1) ?? 0);
  if (node.op === "convolution") {
    const weight = spec(node.inputs["weight"]);
    return weight ? 2 * out * (elements(weight.shape) / (weight.shape[0] ?? 1)) : 0;
  }
  if (node.op === "scaledDotProductAttention") {
    const [length = 1] = spec(node.inputs["key"])?.shape.slice(-2, -1) ?? [];
    return 4 * out * length;
  }
  return 0;
}

/** Gradients of a product are two more of its size, one where its weight is frozen. */
export function gradientsOf(graph: Graph, { inputs }: Node): number {
  const weight = inputs["weight"];
  const isFrozen = typeof weight === "number" && !(graph.values[weight] as Value).trainable;
  return isFrozen ? 1 : 2;
}

export function rateOf(
  { op }: Node,
  { precision }: TrainingSetup,
  { float32, tf32, half }: Throughput,
): number {
  if (autocastType(precision) !== null || storedType(precision) !== "float32") return half;
  return op === "convolution" ? tf32 : float32;
}

function trafficOf(graph: Graph, node: Node): number {
  const sizes = [...inputIds(node), ...node.outputs].map((id: ValueId) =>
    packedSize((graph.values[id] as Value).spec),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Selective checkpointing keeps the results of expensive operators. */
function isComputedAgain({ checkpoints }: Graph, node: Node, { checkpointing }: TrainingSetup): boolean {
  if (!checkpoints?.some(({ first, last }) => node.id >= first && node.id <= last)) return false;
  return !(checkpointing?.selective && isExpensive(node));
}

/** Products, convolutions and attention: what selective checkpointing keeps the results of. */
export function isExpensive({ op }: Node): boolean {
  return op in PRODUCTS || op === "convolution" || op.endsWith("Attention");
}

export function isProduct({ op }: Node): boolean {
  return op in PRODUCTS;
}

/** Gathering parameters twice and scattering gradients; replicas all-reduce, which is twice their size. */
function sentBytes({ parallel }: TrainingSetup, { parameterBytes, gradientBytes }: Totals): number {
  if (!parallel) return 0;
  const { fsdp, dp } = parallel.mesh;
  const share = (ranks: number) => (ranks - 1) / ranks;
  const whole = fsdp * parameterBytes; // totals are of one rank
  return (
    (fsdp > 1 ? share(fsdp) * (2 * whole + fsdp * gradientBytes) : 0) +
    (dp > 1 ? 2 * share(dp) * gradientBytes : 0)
  );
}
