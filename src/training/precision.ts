/**
 * Precision of a training step: what is stored in which type, and whether autocast casts for single operators.
 *
 * `bf16` and `fp16` move the whole model, `module.to(dtype)`; `amp-…` keep float32 parameters and run forward and loss
 * under `torch.autocast`, float16 with a GradScaler.
 */
import type { DType } from "../base/dtype.js";
import { type Graph, type Node, renamedInputs, type Value } from "../ir/graph.js";
import { computedType, storedType, type TapeSetup } from "../ir/setup.js";
import { channelsLast as stored } from "../ir/tensor.js";

/** Operators whose dtype argument is usually another tensor's; a softmax in float32 means float32. */
const FOLLOWING: ReadonlySet<string> = new Set(["create", "cast"]);

/**
 * The model after `module.to(dtype)` and `.to(memory_format)`, with inputs alike: float32 parameters, buffers and inputs change. Tensors
 * the code makes follow where it takes the type from another tensor; what it spells out as float32 stays.
 */
export function moveTo(graph: Graph, setup: TapeSetup): Graph {
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

function toType(graph: Graph, setup: TapeSetup): Graph {
  const dtype = computedType(setup);
  if (dtype === "float32") return graph;
  const sharded = dtype !== storedType(setup.precision); // gathered parameters change their type, buffers do not
  const stays = ({ role, keepsType }: Value) =>
    role === "constant" || role === "host" || (sharded ? role === "buffer" || role === "input" : keepsType);
  const moved = (value: Value): Value =>
    value.spec.dtype === "float32" && !stays(value) ? { ...value, spec: { ...value.spec, dtype } } : value;
  const follows = (node: Node): Node =>
    FOLLOWING.has(node.op) && node.attributes.dtype === "float32" && node.attributes.spelledOut !== true
      ? { ...node, attributes: { ...node.attributes, dtype } }
      : node;
  const apart = dtype === "bfloat16" ? keptApart : (value: Value): Value => value;
  const values = graph.values.map((value) => apart(moved(value)));
  const typed = { ...graph, values, nodes: graph.nodes.map(follows) };
  return sharded ? castInputs(typed, dtype) : typed;
}

/** Recurrent modules flatten no bfloat16 weights: torch.backends.cudnn.is_acceptable does not know the type. */
function keptApart({ flat, ...value }: Value): Value {
  return value;
}

/** A sharded model casts what it is called with. MixedPrecisionPolicy.cast_forward_inputs */
function castInputs(graph: Graph, dtype: DType): Graph {
  const given = graph.values.filter(({ role, spec }) => role === "input" && spec.dtype === "float32");
  if (given.length === 0) return graph;
  const last = graph.nodes.length + given.length - 1;
  const casts = new Map(given.map(({ id }, i) => [id, graph.values.length + i]));
  const shifted = graph.values.map((value) =>
    value.heldUntil === undefined ? value : { ...value, heldUntil: value.heldUntil + given.length },
  );
  const made = given.map(({ name, spec }, i): Value => {
    const id = graph.values.length + i;
    return {
      id,
      name: `${name}_cast`,
      role: "activation",
      spec: { ...spec, dtype },
      trainable: false,
      heldUntil: last,
    };
  });
  const nodes = given.map(({ id }, i): Node => {
    const attributes = { dtype, spelledOut: true, castsInput: true };
    return {
      id: i,
      op: "cast",
      inputs: { self: id },
      attributes,
      outputs: [casts.get(id) as number],
      scope: 0,
    };
  });
  const rename = (id: number) => casts.get(id) ?? id;
  const moved = graph.nodes.map((node) => ({
    ...node,
    id: node.id + given.length,
    inputs: renamedInputs(node.inputs, rename),
  }));
  return { ...graph, values: [...shifted, ...made], nodes: [...nodes, ...moved] };
}
