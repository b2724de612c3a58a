/**
 * Seconds of one pass over some nodes of a rank's graph, by the roofline of `step-time.ts`, as functions of the micro-batch.
 *
 * Untrue   every tensor but parameters grows with the batch; see step-time.ts for the rest
 */
import { elements } from "../../base/shape.js";
import type { Throughput } from "../../hardware/throughput.js";
import { type Graph, inputIds, type Node, type NodeId, type Value, type ValueId } from "../../ir/graph.js";
import { packedSize } from "../../ir/tensor.js";
import { gradientsOf, isExpensive, isProduct, operationsOf } from "../step-time.js";

/** How blocks are checkpointed in plans: nothing, all but every second product's results, or all. */
export type PlanCheckpointing = "none" | "selective=2" | "full";

export const CHECKPOINTINGS: readonly PlanCheckpointing[] = ["none", "selective=2", "full"];

export interface PassSeconds {
  readonly forward: number;
  readonly backward: number;
  /** Computed again in backward. */
  readonly again: Readonly<Record<PlanCheckpointing, number>>;
}

export interface PassInput {
  /** Of one rank, at a batch of one. */
  readonly graph: Graph;
  readonly from: NodeId;
  /** Exclusive. */
  readonly to: NodeId;
  readonly throughput: Throughput;
  /** Views move nothing. */
  isView(node: Node): boolean;
}

type Range = Omit<PassInput, "throughput" | "isView">;

export function passSeconds({ graph, from, to, throughput, isView }: PassInput, batch: number): PassSeconds {
  let [forward, backward, selective] = [0, 0, 0];
  for (const node of graph.nodes.slice(from, to)) {
    if (isView(node)) continue;
    const arithmetic = (batch * operationsOf(graph, node)) / throughput.half;
    const traffic = trafficOf(graph, node, batch) / throughput.bandwidth;
    const once = Math.max(arithmetic, traffic);
    forward += once;
    backward += Math.max(gradientsOf(graph, node) * arithmetic, 2 * traffic);
    // every second product's result is computed again, what is cheap is, too
    selective += isProduct(node) ? once / 2 : isExpensive(node) ? 0 : once;
  }
  return { forward, backward, again: { none: 0, "selective=2": selective, full: forward } };
}

function trafficOf(graph: Graph, node: Node, batch: number): number {
  return [...inputIds(node), ...node.outputs].reduce((sum, id: ValueId) => {
    const { spec, role } = graph.values[id] as Value;
    return sum + packedSize(spec) * (role === "parameter" ? 1 : batch);
  }, 0);
}

/** Elements of the parameters that these nodes are the first to read. */
export function parametersOf({ graph, from, to }: Range, seen: Set<ValueId>): number {
  let count = 0;
  for (const node of graph.nodes.slice(from, to))
    for (const id of inputIds(node)) {
      const { tiedTo } = graph.values[id] as Value;
      const value = graph.values[tiedTo ?? id] as Value;
      if (value.role !== "parameter" || seen.has(value.id)) continue;
      seen.add(value.id);
      count += elements(value.spec.shape);
    }
  return count;
}
