/** A configuration as Keras 2 and 3 write it → layers, their calls, and what a model takes and returns. */
import {
  duplicateName,
  noConfig,
  noInput,
  quoted,
  subclassed,
  unknownTensor,
  wrongValue,
} from "./complaints.js";
import { isList, isObject, type Json, type JsonObject } from "./config.js";

/** A result of a layer's call. */
export interface TensorReference {
  readonly layer: string;
  readonly call: number;
  readonly result: number;
  /** As the file states it; the batch is null. */
  readonly shape?: readonly (number | null)[];
}

/** What a layer is called with: tensors, lists of them, and plain values. */
export type CallArgument =
  | TensorReference
  | { readonly list: readonly CallArgument[] }
  | { readonly plain: Json };

export interface LayerCallConfig {
  readonly args: readonly CallArgument[];
  readonly kwargs: Readonly<Record<string, CallArgument>>;
}

export interface LayerConfig {
  readonly name: string;
  readonly kind: string;
  /** A custom class registers under another name, or lives in another module. */
  readonly isOperation: boolean;
  readonly config: JsonObject;
  readonly at: string;
  readonly calls: readonly LayerCallConfig[];
  /** It is a model itself. */
  readonly inner: ModelConfig | null;
}

export interface ModelConfig {
  readonly name: string;
  readonly kind: string;
  readonly config: JsonObject;
  readonly layers: readonly LayerConfig[];
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
}

export function isReference(argument: CallArgument): argument is TensorReference {
  return "layer" in argument;
}

const MODELS = ["Sequential", "Functional", "Model"];

/** The model in a file's JSON: a configuration, or one wrapped by TensorFlow.js. */
export function readConfig(root: Json, where: string): ModelConfig {
  let value: Json | undefined = root;
  for (const key of ["modelTopology", "model_config"])
    if (isObject(value) && value[key] !== undefined) value = value[key];
  if (!isObject(value)) throw noConfig(where, Array.isArray(value) ? "a list" : quoted(value));
  if (typeof value.class_name !== "string" || !isObject(value.config))
    throw noConfig(where, `an object with ${quoted(Object.keys(value).slice(0, 4).join(", "))}`);
  return readModel(value, where);
}

function readModel(value: JsonObject, at: string): ModelConfig {
  const kind = value.class_name as string; // as: checked by whoever calls
  const config = value.config as JsonObject;
  if (!isList(config.layers)) throw subclassed(at, kind);
  const name = typeof config.name === "string" ? config.name.slice(0, MAX_NAME) : kind.toLowerCase();
  const layers = config.layers.map((layer, i) => readLayer(layer, `${at} › layers[${i}]`));
  const names = new Set<string>();
  for (const layer of layers) {
    if (names.has(layer.name)) throw duplicateName(layer.at, layer.name);
    names.add(layer.name);
  }
  if (kind === "Sequential" || config.input_layers === undefined)
    return { name, kind, config, ...chained(layers, at) };
  return {
    name,
    kind,
    config,
    layers,
    inputs: references(config.input_layers, `${at} › input_layers`),
    outputs: references(config.output_layers, `${at} › output_layers`),
  };
}

/** Characters of a name; Keras makes none longer. */
const MAX_NAME = 200;

function readLayer(value: Json, at: string): LayerConfig {
  if (!isObject(value) || typeof value.class_name !== "string")
    throw wrongValue(at, "a layer", "an object with class_name and config", value);
  const kind = value.class_name;
  const config = isObject(value.config) ? value.config : {};
  const given = value.name ?? config.name;
  if (typeof given !== "string" || given === "" || given.length > MAX_NAME)
    throw wrongValue(at, "name", "a short text", given);
  const place = `${at} (${given})`;
  const isModel = MODELS.includes(kind) && isList(config.layers);
  const nodes = value.inbound_nodes ?? [];
  if (!isList(nodes)) throw wrongValue(place, "inbound_nodes", "a list", nodes);
  const module = typeof value.module === "string" ? value.module : "";
  return {
    name: given,
    kind,
    isOperation: module.startsWith("keras.src.ops"),
    config,
    at: place,
    calls: nodes.map((node) => readCall(node, place)),
    inner: isModel ? readModel({ ...value, config }, place) : null,
  };
}

/** Keras 3: { args, kwargs } with tensors inside; Keras 2: [[layer, call, result, kwargs], …]. */
function readCall(node: Json, at: string): LayerCallConfig {
  if (isObject(node)) {
    const args = isList(node.args) ? node.args.map((item) => readArgument(item, at)) : [];
    const kwargs = isObject(node.kwargs) ? node.kwargs : {};
    return { args, kwargs: readArguments(kwargs, at) };
  }
  if (!isList(node)) throw wrongValue(at, "an inbound node", "arguments of a call", node);
  const single = typeof node[0] === "string" ? [node] : node;
  const tensors = single.map((item) => oldReference(item, at));
  const last = isList(single[0] as Json) ? (single[0] as readonly Json[])[3] : undefined;
  const kwargs = isObject(last) ? readArguments(last, at, true) : {};
  return { args: tensors.length === 1 ? tensors : [{ list: tensors }], kwargs };
}

function readArguments(values: JsonObject, at: string, old = false): Record<string, CallArgument> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      old && isList(value) && value.length >= 3 && typeof value[0] === "string" && Number.isInteger(value[1])
        ? oldReference(value, at)
        : readArgument(value, at),
    ]),
  );
}

function oldReference(value: Json | undefined, at: string): TensorReference {
  const [layer, call, result] = isList(value) ? value : [];
  return reference(layer, call, result, at);
}

function readArgument(value: Json, at: string): CallArgument {
  if (isList(value)) return { list: value.map((item) => readArgument(item, at)) };
  if (!isObject(value) || value.class_name !== "__keras_tensor__") return { plain: value };
  const history = isObject(value.config) ? value.config.keras_history : undefined;
  const [layer, call, result] = isList(history) ? history : [];
  const shape = isObject(value.config) ? value.config.shape : undefined;
  const found = reference(layer, call, result, at);
  return isShape(shape) ? { ...found, shape } : found;
}

function isShape(value: Json | undefined): value is readonly (number | null)[] {
  return (
    isList(value) &&
    value.length <= 8 &&
    value.every((size) => size === null || (Number.isSafeInteger(size) && (size as number) > 0))
  );
}

function reference(
  layer: Json | undefined,
  call: Json | undefined,
  result: Json | undefined,
  at: string,
): TensorReference {
  const isIndex = (value: Json | undefined) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof layer === "string" && isIndex(call) && isIndex(result))
    return { layer, call: call as number, result: result as number };
  throw unknownTensor(at, quoted([layer ?? null, call ?? null, result ?? null]));
}

/** [layer, call, result], or a list of those, or an object of those. */
function references(value: Json | undefined, at: string): TensorReference[] {
  if (isList(value) && typeof value[0] === "string") return [oldReference(value, at)];
  if (isList(value)) return value.flatMap((item) => references(item, at));
  if (isObject(value)) return Object.values(value).flatMap((item) => references(item, at));
  throw wrongValue(at, "inputs and outputs", "layers by name", value);
}

/** Layers that are called one after the other. */
function chained(
  list: readonly LayerConfig[],
  at: string,
): Pick<ModelConfig, "layers" | "inputs" | "outputs"> {
  const [first] = list;
  if (!first) throw noConfig(at, "a model without layers");
  const layers = first.kind === "InputLayer" ? [...list] : [inputOf(first, list, at), ...list];
  const linked = layers.map((layer, i): LayerConfig => {
    const before = layers[i - 1];
    const args = before ? [{ layer: before.name, call: 0, result: 0 }] : [];
    return { ...layer, calls: [{ args, kwargs: {} }] };
  });
  const whole = (layer: LayerConfig | undefined) => ({ layer: layer?.name ?? "", call: 0, result: 0 });
  return { layers: linked, inputs: [whole(linked[0])], outputs: [whole(linked.at(-1))] };
}

/** Keras 2 keeps the input's shape with the first layer. */
function inputOf(first: LayerConfig, list: readonly LayerConfig[], at: string): LayerConfig {
  const shape = first.config.batch_input_shape ?? inputShape(first.inner);
  if (!isList(shape)) throw noInput(at);
  const names = list.map(({ name }) => name);
  const name = names.includes("input") ? `${first.name}_input` : "input";
  const dtype = first.config.dtype ?? "float32";
  return {
    name,
    kind: "InputLayer",
    isOperation: false,
    config: { batch_shape: shape, dtype: first.kind === "Embedding" ? "int32" : dtype, name },
    at: `${at} › input`,
    calls: [],
    inner: null,
  };
}

function inputShape(inner: ModelConfig | null): Json | undefined {
  const layer = inner?.layers.find(({ kind }) => kind === "InputLayer");
  return layer?.config.batch_shape ?? layer?.config.batch_input_shape;
}
