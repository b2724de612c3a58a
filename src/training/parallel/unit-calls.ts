/** When units are called and when their results' gradients come: by node, the units concerned. */
import type { NodeId, ShardedUnit } from "../../ir/graph.js";
import type { StorageId, Tape } from "../../ir/tape.js";

export interface UnitCalls<Unit> {
  readonly starting: ReadonlyMap<NodeId, readonly Unit[]>;
  readonly ending: ReadonlyMap<NodeId, readonly Unit[]>;
  /** By gradient node: the units that returned what it is the gradient of. */
  readonly returned: ReadonlyMap<number, readonly Unit[]>;
}

export function callsOf<Unit extends ShardedUnit>(tape: Tape, units: readonly Unit[]): UnitCalls<Unit> {
  const starting = new Map<NodeId, Unit[]>();
  const ending = new Map<NodeId, Unit[]>();
  const returned = new Map<number, Unit[]>();
  for (const unit of units) {
    push(starting, unit.first, unit);
    push(ending, unit.last, unit);
    for (const value of unit.outputs) {
      const edge = tape.edgeOf?.[value];
      if (edge && "node" in edge) push(returned, edge.node, unit);
    }
  }
  return { starting, ending, returned };
}

/** What the calls that end with `node` were given: they hold it until their hooks have run. */
export function givenTo(
  { ending }: UnitCalls<ShardedUnit>,
  node: NodeId,
  { storageOf }: Tape,
): ReadonlySet<StorageId> | undefined {
  const ended = ending.get(node);
  return (
    ended && new Set(ended.flatMap((unit) => unit.arguments.map((value) => storageOf[value] as StorageId)))
  );
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
