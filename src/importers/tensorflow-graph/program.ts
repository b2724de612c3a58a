/** A file's graph as a program: which nodes run, what they are called with, and what is asked of them. */
import type { Diagnostic } from "../../base/complaint.js";
import { noGraph, noSignature } from "./complaints.js";
import { nodesByName, parseReference } from "./frame.js";
import { unfused } from "./fused.js";
import { HANDLES } from "./run.js";
import type {
  FunctionDef,
  GraphDef,
  MetaGraphDef,
  NodeDef,
  SavedModel,
  SavedVariable,
  SignatureDef,
  TensorInfo,
} from "./schema.js";
import { dtypeOf, fixedShape, RESOURCE, type Variable } from "./tensor.js";

export interface Program {
  readonly nodes: ReadonlyMap<string, NodeDef>;
  readonly functions: readonly FunctionDef[];
  /** References of the main graph. */
  readonly outputs: readonly string[];
  /** Inputs under the names that a signature gives them, by node. */
  readonly inputs: ReadonlyMap<string, { readonly name: string; readonly info: TensorInfo }>;
  readonly variables: (node: NodeDef, where: string) => Variable;
  readonly isFrozen: boolean;
  readonly notes: readonly Diagnostic[];
}

/** Weights that are no parameters, where the file does not say: running statistics of batch norms. */
const STATISTICS = /(^|\/)(moving_mean|moving_variance|moving_var|running_mean|running_var)(\b|_\d+$)/;

/** The signature that serves, of the graph that serves. */
export function savedProgram(model: SavedModel, where: string): Program {
  const graphs = model.graphs ?? [];
  const meta = graphs.find(({ info }) => info?.tags?.includes("serve")) ?? graphs[0];
  if (!meta?.graph) throw noGraph(where, "a meta graph with nodes", "none");
  const nodes = nodesByName(meta.graph.node ?? [], where);
  const signatures = (meta.signatures ?? []).filter(
    ({ key, value }) => key !== "__saved_model_init_op" && (value?.outputs?.length ?? 0) > 0,
  );
  const chosen = signatures.find(({ key }) => key === "serving_default") ?? signatures[0];
  if (!chosen?.value)
    throw noSignature(where, signatures.length === 0 ? "no signature" : "a signature without outputs");
  return {
    nodes,
    functions: meta.graph.library?.functions ?? [],
    outputs: outputsOf(chosen.value),
    inputs: inputsOf(chosen.value),
    variables: variablesOf(meta, nodes),
    isFrozen: false,
    notes: [],
  };
}

function outputsOf({ outputs = [] }: SignatureDef): readonly string[] {
  const named = outputs.flatMap(({ key = "", value }) => (value?.name ? [{ key, ref: value.name }] : []));
  return named.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ ref }) => ref);
}

function inputsOf({ inputs = [] }: SignatureDef): Program["inputs"] {
  return new Map(
    inputs.flatMap(({ key = "", value }) =>
      value?.name ? [[parseReference(value.name).node, { name: key, info: value }] as const] : [],
    ),
  );
}

/** What the object graph says of a variable, found by the functions it is bound to, else by name. */
function variablesOf(meta: MetaGraphDef, nodes: ReadonlyMap<string, NodeDef>): Program["variables"] {
  const objects = meta.objects?.nodes ?? [];
  const byName = new Map<string, SavedVariable>();
  for (const { variable } of objects) if (variable?.name) byName.set(variable.name, variable);
  const bound = boundVariables(meta, nodes);
  const listed = trainableOf(meta);
  return (node, where) => {
    const known = bound.get(node.name ?? "") ?? byName.get(nameOf(node)) ?? byName.get(node.name ?? "");
    const trainable = known
      ? known.trainable === 1
      : (listed?.has(nameOf(node)) ?? !STATISTICS.test(nameOf(node)));
    return variableAt(node, where, { trainable, ...(known?.name && { name: known.name }) });
  };
}

/** By the handle's node: a call's last arguments are what its function is bound to. */
function boundVariables(meta: MetaGraphDef, nodes: ReadonlyMap<string, NodeDef>): Map<string, SavedVariable> {
  const objects = meta.objects?.nodes ?? [];
  const concrete = new Map(
    (meta.objects?.functions ?? []).map(({ key = "", value }) => [key, value?.boundInputs ?? []]),
  );
  const found = new Map<string, SavedVariable>();
  for (const { attr, input = [] } of nodes.values()) {
    const name = attr?.find(({ key }) => key === "f")?.value?.func?.name;
    const ids = name === undefined ? undefined : concrete.get(name);
    if (!ids || ids.length > input.length) continue;
    const handles = input.filter((text) => !text.startsWith("^")).slice(-ids.length);
    handles.forEach((ref, i) => {
      const variable = objects[ids[i] ?? -1]?.variable;
      if (variable) found.set(parseReference(ref).node, variable);
    });
  }
  return found;
}

/** TensorFlow 1 lists them; null where nothing is listed. */
function trainableOf({ collections = [] }: MetaGraphDef): ReadonlySet<string> | null {
  const list = collections.find(({ key }) => key === "trainable_variables")?.value?.bytes?.values;
  return list ? new Set(list.map(({ name = "" }) => name.replace(/:\d+$/, ""))) : null;
}

function nameOf(node: NodeDef): string {
  const shared = node.attr?.find(({ key }) => key === "shared_name")?.value?.s;
  return shared || (node.name ?? "");
}

function variableAt(node: NodeDef, where: string, known: { trainable: boolean; name?: string }): Variable {
  const attr = (name: string) => node.attr?.find(({ key }) => key === name)?.value;
  const isHandle = attr("dtype")?.type === RESOURCE;
  const dtype = (isHandle ? null : dtypeOf(attr("dtype")?.type)) ?? "float32";
  const shape = isHandle ? null : fixedShape(attr("shape")?.shape, where);
  const own = (known.name ?? nameOf(node)).replace(/\/(ReadVariableOp\/)?resource$/, "");
  return { name: own.slice(0, 200), dtype, shape, trainable: known.trainable };
}

const BACKWARD = /(^|\/)(gradient_tape|gradients(_\d+)?)(\/|$)/;
/** Nodes that no one asks for: savers, initializers, metrics' writes. */
const NO_RESULT = ["NoOp", "Const", "Assert", "Placeholder", "PlaceholderWithDefault", ...HANDLES];

/** A graph on its own: what nobody reads is its result. */
export function plainProgram(graph: GraphDef, where: string): Program {
  const all = (graph.node ?? []).flatMap(unfused);
  if (all.length === 0) throw noGraph(where, "nodes", "none");
  const forward = all.filter(
    ({ name = "" }) => !BACKWARD.test(name) && !/^(save|init)(_\d+)?(\/|$)/.test(name),
  );
  const nodes = nodesByName(forward, where);
  const read = new Set<string>();
  for (const { input = [] } of forward)
    for (const text of input) if (!text.startsWith("^")) read.add(parseReference(text).node);
  const ends = forward.filter(
    ({ name = "", op = "", input = [] }) =>
      !read.has(name) &&
      !NO_RESULT.includes(op) &&
      !op.startsWith("Assign") &&
      input.some((text) => !text.startsWith("^")),
  );
  const last = ends.at(-1);
  if (!last) throw noGraph(where, "a node whose result nothing else reads", "none");
  const isFrozen = !all.some(
    ({ op = "", attr }) => HANDLES.includes(op) || (op === "Placeholder" && isResource(attr)),
  );
  const notes: Diagnostic[] = [];
  const note = (code: string, message: string, severity: Diagnostic["severity"] = "info") =>
    notes.push({ code: `tensorflow-graph/${code}`, severity, message, where });
  if (forward.length < all.length && all.some(({ name = "" }) => BACKWARD.test(name)))
    note(
      "backward",
      "the file holds a backward pass of its own: it is left out, and the one that TensorFlow's gradient functions make counts",
    );
  if (ends.length > 1)
    note(
      "outputs",
      `${ends.length} nodes have results that nothing reads: ${JSON.stringify((last.name ?? "").slice(0, 80))}, the last, counts as the model's`,
    );
  if (isFrozen)
    note(
      "frozen",
      "the weights of this graph are constants: all of more than one number count as trained, and layers that were folded into them, such as batch norms, are missing",
      "warning",
    );
  return {
    nodes,
    functions: graph.library?.functions ?? [],
    outputs: [last.name ?? ""],
    inputs: new Map(),
    variables: (node, at) => variableAt(node, at, { trainable: !STATISTICS.test(nameOf(node)) }),
    isFrozen,
    notes,
  };
}

function isResource(attr: NodeDef["attr"]): boolean {
  return attr?.some(({ key, value }) => key === "dtype" && value?.type === RESOURCE) === true;
}
