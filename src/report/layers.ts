/** The step layer by layer: parameters, what backward keeps, and a receipt for every byte of both. */
import { elements } from "../base/shape.js";
import { type Graph, inputIds, type Node, type ScopeId, type Value, type ValueId } from "../ir/graph.js";
import type { Storage, StorageId, Tape } from "../ir/tape.js";
import { packedSize } from "../ir/tensor.js";
import { operatorOf } from "./places.js";
import { parameterReceipt, savedReceipt } from "./receipts.js";
import type { LayerReport, Receipt } from "./report.js";

/** One row in the making: the nodes of one call of a module without children, or one node of another module. */
interface Row {
  readonly path: string;
  readonly op: string;
  readonly isModule: boolean;
  readonly nodes: Node[];
  readonly parameters: Value[];
  readonly receipts: Receipt[];
  saved: number;
}

export function layersOf(tape: Tape, batch: number): LayerReport[] {
  const { graph } = tape;
  const rows = rowsOf(graph);
  claimParameters(graph, rows);
  claimSavedTensors(tape, rows, batch);
  return [...new Set(rows)].map((row) => finish(row, tape, batch));
}

/** By node: the row it belongs to. */
function rowsOf(graph: Graph): Row[] {
  const parents = new Set(graph.scopes.map(({ parent }) => parent));
  const calls = new Map<ScopeId, Row>();
  const start = (path: string, op: string, isModule: boolean): Row => ({
    path,
    op,
    isModule,
    nodes: [],
    parameters: [],
    receipts: [],
    saved: 0,
  });
  return graph.nodes.map((node) => {
    const scope = graph.scopes[node.scope];
    const isLeaf = scope !== undefined && scope.parent !== null && !parents.has(scope.id);
    let row = isLeaf ? calls.get(scope.id) : undefined;
    row ??= start(scope?.path || "", isLeaf ? scope.kind : operatorOf(node), isLeaf);
    if (isLeaf) calls.set(scope.id, row);
    row.nodes.push(node);
    return row;
  });
}

/** A parameter belongs to the first layer that reads it. */
function claimParameters(graph: Graph, rows: readonly Row[]): void {
  const claimed = new Set<ValueId>();
  for (const node of graph.nodes) {
    const row = rows[node.id] as Row;
    for (const id of inputIds(node)) {
      const value = graph.values[id] as Value;
      if (value.role !== "parameter" || claimed.has(value.tiedTo ?? id)) continue;
      claimed.add(value.tiedTo ?? id);
      row.parameters.push(value);
      row.receipts.push(parameterReceipt(value));
    }
  }
}

/** A saved storage belongs to the first layer whose gradient reads it. */
function claimSavedTensors(
  { graph, storages, events, gradNodes }: Tape,
  rows: readonly Row[],
  batch: number,
): void {
  const claimed = new Set<StorageId>();
  for (const event of events) {
    if (event.kind !== "save" || claimed.has(event.storage)) continue;
    claimed.add(event.storage);
    const storage = storages[event.storage] as Storage;
    const value = storage.resident === undefined ? undefined : graph.values[storage.resident];
    if (value?.role === "parameter") continue;
    const row = rows[event.node] as Row;
    const saver = gradNodes[event.by];
    const port = saver?.saved.find(({ tensor }) => tensor.storage === event.storage)?.name ?? "";
    row.saved += storage.bytes;
    row.receipts.push(
      savedReceipt({ storage, batch, port, op: operatorOf(graph.nodes[event.node] as Node), value }),
    );
  }
}

function finish(row: Row, tape: Tape, batch: number): LayerReport {
  const { values } = tape.graph;
  const { path, op, isModule, nodes, parameters, receipts, saved } = row;
  const last = nodes.at(-1) as Node; // a row starts with a node
  const outputs = last.outputs.map((id) => (values[id] as Value).spec.shape);
  const [first] = outputs;
  const counts = first !== undefined && first[0] === batch && (isModule || !isView(last, tape));
  return {
    path,
    op,
    isModule,
    outputShapes: outputs,
    activationsPerSample: counts ? elements(first) / batch : null,
    parameterCount: parameters.reduce((sum, { spec, packs }) => sum + (packs ?? elements(spec.shape)), 0),
    parameterBytes: parameters.reduce((sum, { spec }) => sum + packedSize(spec), 0),
    savedTensorBytes: saved,
    receipts,
  };
}

/** Its first result lives in the storage of an input. */
function isView(node: Node, { storageOf }: Tape): boolean {
  const [result] = node.outputs;
  return result !== undefined && inputIds(node).some((id) => storageOf[id] === storageOf[result]);
}
