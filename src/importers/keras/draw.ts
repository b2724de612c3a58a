/** A model's layers at chosen sizes → the graph of TensorFlow operations that its call runs, with the loss behind it. */
import type { Diagnostic } from "../../base/complaint.js";
import { type DType, isFloating } from "../../base/dtype.js";
import type { Graph, ScopeId, ValueId } from "../../ir/graph.js";
import { dense } from "../../ir/tensor.js";
import type { Bindings } from "../model.js";
import { Drawing, Instance, LayerCall, type Policy, policyOf } from "./call.js";
import {
  notComputed,
  openShape,
  tooManyCalls,
  unknownLayer,
  unknownTensor,
  wrongValue,
} from "./complaints.js";
import { isList, type Json, nameOf } from "./config.js";
import { LAYERS, OPERATIONS } from "./layers/table.js";
import { drawLoss } from "./loss.js";
import {
  type CallArgument,
  isReference,
  type LayerCallConfig,
  type LayerConfig,
  type ModelConfig,
  type TensorReference,
} from "./schema.js";
import { callOrder, type PlannedCall, tensorsOf } from "./topology.js";

/** Models inside models. */
const MAX_NESTING = 32;

/** Calls of models inside models, all together. */
const MAX_MODEL_CALLS = 2_000;

const ROOT: ScopeId = 0;

export interface Drawn {
  readonly graph: Graph;
  readonly diagnostics: readonly Diagnostic[];
}

export function drawModel(model: ModelConfig, where: string, bindings: Bindings): Drawn {
  const training = bindings.mode !== "inference";
  const policy = policyFor(bindings.precision);
  const batch = bindings.batch ?? 1;
  const drawing = new Drawing(model.name, { batch, training, policy });
  const drawer = new Drawer(drawing, bindings);
  const inputs = drawer.inputs(model);
  const outputs = drawer.call(model, inputs, drawer.root(model, where), ROOT, 0);
  const graph = drawing.builder.finish(
    training && bindings.loss !== "none" ? [drawLoss(drawing, outputs, where)] : outputs,
    drawing.residents,
  );
  return { graph, diagnostics: drawing.diagnostics };
}

/** `--precision` in Keras' words. */
function policyFor(precision: string | undefined): Policy | null {
  switch (precision) {
    case "amp-fp16":
      return { compute: "float16", variable: "float32" };
    case "amp-bf16":
      return { compute: "bfloat16", variable: "float32" };
    case "fp16":
      return { compute: "float16", variable: "float16" };
    case "bf16":
      return { compute: "bfloat16", variable: "bfloat16" };
    default:
      return null;
  }
}

class Drawer {
  private readonly drawing: Drawing;
  private readonly bindings: Bindings;
  private modelCalls = 0;
  private readonly orders = new Map<ModelConfig, readonly PlannedCall[]>();

  constructor(drawing: Drawing, bindings: Bindings) {
    this.drawing = drawing;
    this.bindings = bindings;
  }

  root(model: ModelConfig, at: string): Instance {
    const layer: LayerConfig = {
      name: model.name,
      kind: model.kind,
      isOperation: false,
      config: model.config,
      at,
      calls: [],
      inner: model,
    };
    return new Instance(layer, "", policyOf(layer, this.drawing.options.policy), true);
  }

  /** The mini-batch, in the order the model takes it. */
  inputs(model: ModelConfig): ValueId[] {
    const { builder } = this.drawing;
    return model.inputs.map((reference) => {
      const layer = model.layers.find(({ name }) => name === reference.layer);
      if (!layer)
        throw unknownTensor(model.name, `the input ${JSON.stringify(reference.layer.slice(0, 60))}`);
      const shape = this.inputShape(layer);
      const dtype = inputType(layer);
      return builder.value(layer.name, "input", dense(shape, dtype));
    });
  }

  private inputShape(layer: LayerConfig): readonly number[] {
    const { shapes, image, sequence, batch = 1 } = this.bindings;
    const given = shapes?.[layer.name];
    if (given) return given;
    const stated = layer.config.batch_shape ?? layer.config.batch_input_shape ?? layer.config.shape;
    if (!isList(stated as Json) || (stated as readonly Json[]).length > 8)
      throw wrongValue(layer.at, "batch_shape", "a list of at most 8 sizes", stated);
    const sizes = (stated as readonly Json[]).map((size, dim) => {
      if (dim === 0) return batch;
      if (image && (stated as readonly Json[]).length === 4 && (dim === 1 || dim === 2))
        return image[dim - 1];
      if (size === null && dim === 1 && sequence) return sequence;
      return size;
    });
    if (sizes.some((size) => size === null))
      throw openShape(layer.at, layer.name, `[${sizes.map((size) => size ?? "?")}]`);
    if (sizes.some((size) => !Number.isSafeInteger(size) || (size as number) < 1))
      throw wrongValue(layer.at, "batch_shape", "whole sizes above zero", stated);
    return sizes as number[];
  }

  /** Runs the layers in order; what the model returns. */
  call(
    model: ModelConfig,
    given: readonly ValueId[],
    instance: Instance,
    scope: ScopeId,
    depth: number,
  ): ValueId[] {
    if (depth > MAX_NESTING)
      throw notComputed(
        instance.layer.at,
        "the nesting of models",
        `at most ${MAX_NESTING} models inside each other`,
      );
    this.modelCalls += 1;
    if (this.modelCalls > MAX_MODEL_CALLS) throw tooManyCalls(instance.layer.at, MAX_MODEL_CALLS);
    const values = new Map<string, readonly ValueId[]>();
    // a model casts what it is given to the type it computes in, as every layer does
    const inputs = given.map((id) => this.autocast(instance, scope, id));
    model.inputs.forEach(({ layer, call }, i) => {
      const value = inputs[i];
      if (value !== undefined) values.set(`${layer}/${call}`, [value]);
    });
    for (const planned of this.orderOf(model)) {
      const key = `${planned.layer.name}/${planned.index}`;
      if (!values.has(key)) values.set(key, this.callLayer(planned, values, instance, scope, depth));
    }
    return model.outputs.map((reference) => resultOf(reference, values, instance.layer.at));
  }

  /** A model that is called often is ordered once. */
  private orderOf(model: ModelConfig): readonly PlannedCall[] {
    const order = this.orders.get(model) ?? callOrder(model);
    this.orders.set(model, order);
    return order;
  }

  private autocast(instance: Instance, scope: ScopeId, id: ValueId): ValueId {
    const { builder } = this.drawing;
    const { dtype } = builder.spec(id);
    const { compute } = instance.policy;
    if (!isFloating(dtype) || dtype === compute) return id;
    const { at, kind } = instance.layer;
    return this.drawing.op(at, kind, scope, "Cast", [id], { dtype: compute })[0] as ValueId;
  }

  private callLayer(
    { layer, call, index }: PlannedCall,
    values: ReadonlyMap<string, readonly ValueId[]>,
    owner: Instance,
    outer: ScopeId,
    depth: number,
  ): readonly ValueId[] {
    const { drawing } = this;
    const path = owner.path === "" ? layer.name : `${owner.path}/${layer.name}`;
    const known =
      owner.children.get(layer.name) ??
      new Instance(layer, path, policyOf(layer, drawing.options.policy), owner.trainable);
    owner.children.set(layer.name, known);
    const scope = drawing.builder.scope(path, layer.kind, outer);
    const tensors = this.arguments(call, values, layer);
    const inputs = layer.isOperation ? tensors : tensors.map((id) => this.autocast(known, scope, id));
    if (layer.kind === "InputLayer") throw unknownTensor(layer.at, "an input that nothing is given to");
    if (layer.inner) return this.call(layer.inner, inputs, known, scope, depth + 1);
    const rows = layer.isOperation ? OPERATIONS : LAYERS;
    const row = Object.hasOwn(rows, layer.kind) ? rows[layer.kind] : undefined;
    const layerCall = new LayerCall(drawing, known, scope, inputs, call.kwargs);
    const result = row
      ? row(layerCall)
      : this.custom(layerCall, statedShape(owner.layer.inner, layer, index));
    return typeof result === "number" ? [result] : result;
  }

  /** A layer whose operations are in somebody's code: what it returns is known where another layer says so. */
  private custom(call: LayerCall, shape: readonly (number | null)[] | undefined): ValueId {
    const { layer } = call.instance;
    const [batch] = call.inputs.length > 0 ? call.shape() : [];
    if (batch === undefined || !shape || shape.slice(1).includes(null))
      throw unknownLayer(layer.at, layer.kind, Object.keys(LAYERS));
    const sizes = shape.map((size) => size ?? batch);
    call.note(
      "custom-layer",
      "warning",
      `${layer.kind.slice(0, 60)} ${layer.name.slice(0, 60)} is no layer that is known: it is counted as one that keeps its inputs and its result and owns no weights; what its code keeps and owns beyond that is missing`,
    );
    return call.op("CustomLayer", call.inputs, { shape: sizes });
  }

  private arguments(
    { args, kwargs }: LayerCallConfig,
    values: ReadonlyMap<string, readonly ValueId[]>,
    layer: LayerConfig,
  ): ValueId[] {
    const walk = (argument: CallArgument): ValueId[] => {
      if (isReference(argument)) return [resultOf(argument, values, layer.at)];
      return "list" in argument ? argument.list.flatMap(walk) : [];
    };
    const named = ["query", "value", "key"].map((key) => kwargs[key]).filter((item) => item !== undefined);
    return [...args, ...named].flatMap(walk);
  }
}

/** The shape of a layer's result, as a layer that is called with it has it. */
function statedShape(
  model: ModelConfig | null,
  { name }: LayerConfig,
  index: number,
): readonly (number | null)[] | undefined {
  for (const { calls } of model?.layers ?? [])
    for (const call of calls)
      for (const { layer, call: at, result, shape } of tensorsOf(call))
        if (layer === name && at === index && result === 0 && shape) return shape;
  return undefined;
}

function resultOf(
  { layer, call, result }: TensorReference,
  values: ReadonlyMap<string, readonly ValueId[]>,
  at: string,
): ValueId {
  const found = values.get(`${layer}/${call}`)?.[result];
  if (found === undefined)
    throw unknownTensor(at, `result ${result} of call ${call} of ${JSON.stringify(layer.slice(0, 60))}`);
  return found;
}

const INPUT_TYPES: readonly DType[] = ["float32", "float16", "bfloat16", "int32", "int64", "uint8", "bool"];

function inputType(layer: LayerConfig): DType {
  const name = nameOf(layer.config.dtype) ?? "float32";
  const type = INPUT_TYPES.find((dtype) => dtype === name);
  if (name.startsWith("mixed")) return "float32";
  if (!type) throw wrongValue(layer.at, "dtype", `one of ${INPUT_TYPES.join(", ")}`, name);
  return type;
}
