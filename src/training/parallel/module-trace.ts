/**
 * Calls of modules in the order in which hooks before them run, forward and then backward, with the parameters each one has itself.
 *
 * Source  deepspeed/runtime/zero/parameter_offload.py (hooks of every module), partitioned_param_coordinator.py (record_module),
 *         DeepSpeed 0.19.8
 * Omits   modules that run no operator
 */
import type { NodeId, Value, ValueId } from "../../ir/graph.js";
import type { Tape } from "../../ir/tape.js";
import { spans } from "../blocks.js";

export interface TracedModule {
  readonly path: string;
  readonly first: NodeId;
  readonly last: NodeId;
  /** Those of its own, not of modules inside. */
  readonly parameters: readonly ValueId[];
}

export interface ModuleTrace {
  readonly forward: readonly TracedModule[];
  readonly backward: readonly TracedModule[];
}

export function traceModules({ graph }: Tape): ModuleTrace {
  const { first, last } = spans(graph);
  const own = new Map<string, ValueId[]>();
  for (const { id, name, role, tiedTo } of graph.values) {
    if (role !== "parameter") continue;
    const path = name.slice(0, Math.max(0, name.lastIndexOf(".")));
    own.set(path, [...(own.get(path) ?? []), firstOf(graph.values, tiedTo ?? id)]);
  }
  const called = graph.scopes.flatMap(({ id, path }): TracedModule[] => {
    const from = first[id] as number;
    return from < 0 ? [] : [{ path, first: from, last: last[id] as number, parameters: own.get(path) ?? [] }];
  });
  const depth = new Map(called.map((each, i) => [each, i])); // a scope comes after the one it lies in
  const order = (a: TracedModule, b: TracedModule) => (depth.get(a) ?? 0) - (depth.get(b) ?? 0);
  return {
    forward: [...called].sort((a, b) => a.first - b.first || order(a, b)),
    backward: [...called].sort((a, b) => b.last - a.last || order(a, b)),
  };
}

function firstOf(values: readonly Value[], id: ValueId): ValueId {
  const tied = values[id]?.tiedTo;
  return tied === undefined ? id : firstOf(values, tied);
}
