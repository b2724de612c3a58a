/**
 * Precision of a training step: what is stored in which type, and whether autocast casts for single operators.
 *
 * `bf16` and `fp16` move the whole model, `module.to(dtype)`; `amp-…` keep float32 parameters and run forward and loss
 * under `torch.autocast`, float16 with a GradScaler.
 */
import type { Graph, Node, Value } from "../ir/graph.js";
import { computedType, storedType, type TrainingSetup } from "../ir/setup.js";
import { channelsLast as stored } from "../ir/tensor.js";

/** Operators whose dtype argument is usually another tensor's; a softmax in float32 means float32. */
const FOLLOWING: ReadonlySet<string> = new Set(["create", "cast"]);

/**
 * The model after `module.to(dtype)` and `.to(memory_format)`, with inputs alike: float32 parameters, buffers and inputs change. Tensors
 * the code makes follow where it takes the type from another tensor; what it spells out as float32 stays.
 */
export function moveTo(graph: Graph, setup: TrainingSetup): Graph {
  const moved = toType(graph, setup);
  return setup.channelsLast ? toChannelsLast(moved) : moved;
}

/** `module.to(memory_format=torch.channels_last)`, with inputs of that format. */
function toChannelsLast(graph: Graph): Graph {
  const moved = (value: Value): Value =>
    value.spec.shape.length === 4 && MOVED.has(value.role)
      ? { ...value, spec: stored(value.spec.shape, value.spec.dtype) }
      : value;
  return { ...graph, values: graph.values.map(moved) };
}

const MOVED: ReadonlySet<Value["role"]> = new Set(["parameter", "buffer", "input"]);

function toType(graph: Graph, setup: TrainingSetup): Graph {
  const dtype = computedType(setup);
  if (dtype === "float32") return graph;
  const sharded = dtype !== storedType(setup.precision); // gathered parameters change their type, buffers do not
  const stays = ({ role, keepsType }: Value) =>
    role === "constant" || role === "host" || (sharded ? role === "buffer" : keepsType);
  const moved = (value: Value): Value =>
    value.spec.dtype === "float32" && !stays(value) ? { ...value, spec: { ...value.spec, dtype } } : value;
  const follows = (node: Node): Node =>
    FOLLOWING.has(node.op) && node.attributes.dtype === "float32" && node.attributes.spelledOut !== true
      ? { ...node, attributes: { ...node.attributes, dtype } }
      : node;
  return { ...graph, values: graph.values.map(moved), nodes: graph.nodes.map(follows) };
}
