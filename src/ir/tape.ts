/**
 * Tape: the forward pass as the framework dispatches it, with what backward keeps.
 *
 * Forward events and grad nodes are in creation order. A storage counts once however many views show it.
 */
import { invariant } from "../base/invariant.js";
import { once } from "../base/once.js";
import type { Bytes } from "../base/units.js";
import type { Attributes, Graph, NodeId, ValueId } from "./graph.js";
import { printSpec, type TensorSpec } from "./tensor.js";

export type StorageId = number;
export type GradNodeId = number;

export interface Storage {
  readonly id: StorageId;
  readonly bytes: Bytes;
  /** Names the value or the purpose; shown in receipts. */
  readonly label: string;
  /** Which graph value lives here from before the step: a parameter, a buffer or an input. */
  readonly resident: ValueId | undefined;
  /** The forward node that allocates it; -1 for residents. */
  readonly node: NodeId;
  readonly spec: TensorSpec;
  /** Scratch of a kernel, not a tensor a user would know. */
  readonly workspace: boolean;
  /** Scratch for plans that are timed: see Block. */
  readonly trial: boolean;
}

/** A tensor as autograd sees it at one moment. */
export interface TapeTensor {
  readonly spec: TensorSpec;
  readonly storage: StorageId;
}

/** Where the gradient of an input flows: a grad node's output slot, or a parameter that accumulates it. */
export type Edge =
  | { readonly node: GradNodeId; readonly slot: number }
  | { readonly parameter: ValueId }
  | null;

export interface GradNode {
  readonly id: GradNodeId;
  /** A key of the framework's kernel table: its backward says what runs. */
  readonly op: string;
  readonly node: NodeId;
  readonly attributes: Attributes;
  /** Specs of the differentiable inputs, in edge order. */
  readonly inputs: readonly TensorSpec[];
  /** The port of each of them; a list port repeats. */
  readonly ports: readonly string[];
  /** Specs of the outputs that can carry a gradient. */
  readonly outputs: readonly TensorSpec[];
  /** In-place operators on a view: what the view shows of its base, which the node's output is. */
  readonly shown: TensorSpec | undefined;
  readonly edges: readonly Edge[];
  /** What its gradient formulas read, by port or output name. */
  readonly saved: readonly { readonly name: string; readonly tensor: TapeTensor }[];
  /** What is kept for it instead, where a compiler chose: it computes what it reads from that. */
  readonly holds?: readonly StorageId[];
  /** Its kernels are fused into one; per edge, whether the gradient is made inside the kernel that reads it. */
  readonly fused?: readonly boolean[];
}

/**
 * What happens to storages while a forward node runs; after the last one, `node` is their number. `drop` gives up a
 * handle that lowering held.
 */
export type ForwardEvent =
  | { readonly kind: "allocate"; readonly storage: StorageId; readonly node: NodeId }
  | { readonly kind: "drop"; readonly storage: StorageId; readonly node: NodeId }
  | { readonly kind: "save"; readonly storage: StorageId; readonly node: NodeId; readonly by: GradNodeId }
  /** Made at its first use and kept from then on. */
  | { readonly kind: "keep"; readonly storage: StorageId; readonly node: NodeId }
  /** A call into cuBLAS: the thread's handle takes its workspace at the first. */
  | { readonly kind: "blas"; readonly storage: -1; readonly node: NodeId };

/** One dispatched operator of the forward pass, with what it read and made. */
export interface Call {
  readonly op: string;
  readonly node: NodeId;
  readonly attributes: Attributes;
  readonly inputs: Readonly<Record<string, readonly TapeTensor[]>>;
  readonly outputs: readonly TapeTensor[];
  /** It made no storage: its result shows an input's. */
  readonly view: boolean;
  readonly grad: GradNodeId | null;
  /** Its events: from the first up to, not including, the second. */
  readonly from: number;
  readonly to: number;
}

/**
 * One operation of a step that a framework traces as a whole before it runs: forward and backward are one list, pruned of what
 * nobody needs, and a buffer dies after its last reader.
 */
export interface Operation {
  readonly op: string;
  /** The forward node it belongs to, or whose gradient it is part of. */
  readonly node: NodeId;
  readonly phase: "forward" | "backward";
  /** Whose values it reads. */
  readonly reads: readonly StorageId[];
  readonly makes: readonly StorageId[];
  /** Its kernel may write a result over an input of the same size that dies with it. */
  readonly overwrites: boolean;
  /** What a compiler reads of it. */
  readonly attributes?: Attributes;
  /** What a turn of a loop keeps is stored: no kernel outside of it can make it again. */
  readonly stored?: boolean;
}

export interface Program {
  readonly operations: readonly Operation[];
  /** What the optimizer is given, in the order of the parameters. */
  readonly gradients: readonly {
    readonly parameter: ValueId;
    readonly storage: StorageId;
    readonly spec: TensorSpec;
  }[];
}

export interface Tape {
  readonly graph: Graph;
  /** Where the framework traces the whole step; the grad nodes then only say what is kept for whom. */
  readonly program?: Program;
  readonly storages: readonly Storage[];
  readonly events: readonly ForwardEvent[];
  readonly gradNodes: readonly GradNode[];
  /** Every operator in order, where a later pass asks for them. */
  readonly calls?: readonly Call[];
  /** Results inside checkpoints that are kept for the replay all the same. */
  readonly cached?: readonly StorageId[];
  /** By value id: the storage a graph value lives in. */
  readonly storageOf: readonly (StorageId | undefined)[];
  /** By value id: where its gradient goes. */
  readonly edgeOf: readonly (Edge | undefined)[];
  /** Where backward starts: the loss. Null when nothing needs a gradient. */
  readonly root: { readonly edge: Edge; readonly spec: TensorSpec } | null;
}

/**
 * Storages that forward keeps for backward and that are not parameters, each once, in saving order: of a checkpointed
 * stretch, its inputs. What an in-place operator on
 * a view keeps is left out, as it is from the graph that PyTorch shows: its node is hidden inside CopySlices.
 */
export const savedStorages = once((tape: Tape): readonly Storage[] => {
  const seen = new Uint8Array(tape.storages.length);
  const out: Storage[] = [];
  const keep = (id: StorageId) => {
    if (seen[id] === 1) return;
    seen[id] = 1;
    const storage = tape.storages[id] as Storage;
    const role = storage.resident === undefined ? undefined : tape.graph.values[storage.resident]?.role;
    if (role !== "parameter" && role !== "scaler") out.push(storage);
  };
  const checkpoints = tape.graph.checkpoints ?? [];
  for (const storage of tape.cached ?? []) keep(storage);
  let at = 0; // events and checkpoints are both in order
  for (const event of tape.events) {
    while (at < checkpoints.length && event.node > (checkpoints[at]?.last ?? 0)) at++;
    const checkpoint = checkpoints[at];
    if (event.kind !== "save") continue;
    if (checkpoint && event.node >= checkpoint.first) {
      for (const value of checkpoint.inputs) {
        const storage = tape.storageOf[value];
        if (storage !== undefined) keep(storage); // undefined: compiled away, nothing is stored
      }
    } else if (!hidden(tape.gradNodes[event.by], event.storage)) keep(event.storage);
  }
  return out;
});

/** What the graph does not show: an operator inside CopySlices, and gradients that a loss made with it and stashed away. */
function hidden(node: GradNode | undefined, storage: StorageId): boolean {
  if (node?.shown) return true;
  const { stashed } = node?.attributes ?? {};
  if (!stashed) return false;
  return (
    node?.saved.find(({ tensor }) => tensor.storage === storage)?.name !== "toInput" || stashed === "both"
  );
}

/** Throws when a grad node leads forward in time or an event names a storage that is not there. */
export function verifyTape(tape: Tape): void {
  for (const node of tape.gradNodes) {
    invariant(node.edges.length === node.inputs.length, `${node.op} has one edge per differentiable input`);
    for (const edge of node.edges) {
      if (edge && "node" in edge) invariant(edge.node < node.id, `${node.op} leads back in time`);
    }
  }
  for (const event of tape.events)
    if (event.kind !== "blas")
      invariant(tape.storages[event.storage] !== undefined, "events name known storages");
}

/** Stable text: every saved tensor with the node that reads it. */
export function printTape(tape: Tape): string {
  const lines = [`tape  ${tape.graph.name}`];
  const seen = new Set<StorageId>();
  for (const node of tape.gradNodes) {
    const path = tape.graph.scopes[tape.graph.nodes[node.node]?.scope ?? 0]?.path ?? "";
    lines.push(`grad  ${node.op} #${node.id}  ${path}`);
    for (const { name, tensor } of node.saved) {
      const storage = tape.storages[tensor.storage] as Storage;
      const again = seen.has(tensor.storage) ? " again" : "";
      seen.add(tensor.storage);
      lines.push(`  saved ${name}  ${storage.label}  ${printSpec(tensor.spec)}  ${storage.bytes} B${again}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
