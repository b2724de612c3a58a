/**
 * The order in which a Functional model runs its layers: by depth, counted from the outputs, and within a depth as a walk from
 * the outputs meets them. keras/src/ops/function.py map_graph, Keras 3.15.
 */
import { cyclic, quoted, unknownTensor } from "./complaints.js";
import {
  type CallArgument,
  isReference,
  type LayerCallConfig,
  type LayerConfig,
  type ModelConfig,
  type TensorReference,
} from "./schema.js";

export interface PlannedCall {
  readonly layer: LayerConfig;
  readonly index: number;
  readonly call: LayerCallConfig;
}

/** Every tensor among arguments, in order. */
export function tensorsOf({ args, kwargs }: LayerCallConfig): TensorReference[] {
  const walk = (argument: CallArgument): TensorReference[] => {
    if (isReference(argument)) return [argument];
    return "list" in argument ? argument.list.flatMap(walk) : [];
  };
  return [...args, ...Object.values(kwargs)].flatMap(walk);
}

export function callOrder(model: ModelConfig): PlannedCall[] {
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  const nodes = new Map<string, PlannedCall>();
  const nodeOf = ({ layer: name, call: index }: TensorReference, at: string): [string, PlannedCall] => {
    const layer = byName.get(name);
    const isInput = layer?.kind === "InputLayer";
    const call = layer?.calls[index] ?? (isInput && index === 0 ? { args: [], kwargs: {} } : undefined);
    if (!layer || !call) throw unknownTensor(at, `call ${index} of ${quoted(name)}`);
    const key = `${name}/${index}`;
    const known = nodes.get(key) ?? { layer, index, call };
    nodes.set(key, known);
    return [key, known];
  };
  const order = postOrder(model, nodeOf);
  const depths = new Map<string, number>();
  const depthOfLayer = new Map<string, number>();
  const firstMet = new Map<string, number>();
  for (const [key] of order) firstMet.set(key, firstMet.size);
  for (const [key, node] of [...order].reverse()) {
    const depth = Math.max(depths.get(key) ?? 0, depthOfLayer.get(node.layer.name) ?? 0);
    depthOfLayer.set(node.layer.name, depth);
    depths.set(key, depth);
    for (const tensor of tensorsOf(node.call)) {
      const [parent] = nodeOf(tensor, node.layer.at);
      depths.set(parent, Math.max(depth + 1, depths.get(parent) ?? 0));
    }
  }
  const keys = [...depths.keys()]; // in the order they were first given a depth
  const byDepth = new Map<number, string[]>();
  for (const key of keys) {
    const depth = depths.get(key) as number;
    byDepth.set(depth, [...(byDepth.get(depth) ?? []), key]);
  }
  return [...byDepth.keys()]
    .sort((a, b) => b - a)
    .flatMap((depth) => (byDepth.get(depth) ?? []).map((key) => nodes.get(key) as PlannedCall));
}

/** From the outputs back, arguments first; without recursion, as graphs can be deep. */
function postOrder(
  model: ModelConfig,
  nodeOf: (tensor: TensorReference, at: string) => [string, PlannedCall],
): [string, PlannedCall][] {
  const done = new Set<string>();
  const open = new Set<string>();
  const order: [string, PlannedCall][] = [];
  for (const output of model.outputs) {
    const stack: { key: string; node: PlannedCall; rest: TensorReference[] }[] = [];
    const enter = (tensor: TensorReference, at: string) => {
      const [key, node] = nodeOf(tensor, at);
      if (open.has(key)) throw cyclic(node.layer.at, node.layer.name);
      if (done.has(key)) return;
      open.add(key);
      stack.push({ key, node, rest: tensorsOf(node.call) });
    };
    enter(output, model.name);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as (typeof stack)[number];
      const next = top.rest.shift();
      if (next) {
        enter(next, top.node.layer.at);
        continue;
      }
      stack.pop();
      open.delete(top.key);
      done.add(top.key);
      order.push([top.key, top.node]);
    }
  }
  return order;
}
