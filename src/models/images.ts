/**
 * Models that take images: their inputs, the sizes they can have, and the head that classifies.
 *
 * Source  transformers 5.18, models/*\/modeling_*.py …ForImageClassification; loss/loss_utils.py
 */
import type { ValueId } from "../ir/graph.js";
import { dense } from "../ir/tensor.js";
import { linear } from "./blocks/linear.js";
import { classLoss } from "./blocks/loss.js";
import { wrongImageSize } from "./complaints.js";
import type { Config } from "./config.js";
import type { Family, FamilyRequest, Task } from "./family.js";
import type { Frame } from "./frame.js";
import { input } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";

/** Height and width. */
export type Size = readonly [number, number];

/** What a base model returns in one object. */
export interface ImageStates {
  /** The last hidden states. */
  readonly states: ValueId;
  /** One vector for the whole, where the model makes it. */
  readonly pooled?: ValueId;
}

/** An image model without a head, and what its classifier reads. */
export interface ImageBase {
  /** Takes images [B, C, H, W]. */
  readonly layer: Layer<[ValueId], ImageStates>;
  /** What the classifier's product takes. [B, F] */
  readonly features: (f: Frame, made: ImageStates) => ValueId;
  readonly width: number;
}

/** Features of a model whose pooled output is classified as it is. */
export function pooledOf(_: Frame, { states, pooled }: ImageStates): ValueId {
  return pooled ?? states;
}

/** Binds an object to a variable: all it has lives as long. */
export function held<S extends ImageStates>(f: Frame, name: string, made: S): S {
  f.set(name, made.states);
  if (made.pooled !== undefined) f.set(`${name}.pooler_output`, made.pooled);
  return made;
}

export interface ImageModel {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** The base model's name inside the classifier. */
  readonly prefix: string;
  /** Name of the classifier's product. */
  readonly head?: string;
  readonly construct: (m: Module, config: Config, request: ImageRequest) => ImageBase;
}

export interface ImageRequest {
  readonly size: Size;
  /** A class of its own, or the base of a classifier. */
  readonly alone: boolean;
}

/** What image processors of these families make where a configuration has no size of its own. */
const USUAL: Size = [224, 224];

const TASKS: readonly Task[] = ["image-classification", "base"];

export function imageFamily(model: ImageModel): Family {
  return {
    tasks: TASKS,
    sequence: () => null,
    draw: (config, request) => {
      const size = imageSize(config, request);
      return {
        kind: `${model.kind}${request.task === "base" ? "Model" : "ForImageClassification"}`,
        model: {
          inputs: imageInputs(config, request, size),
          construct: (root) => construct(root, config, model, request),
        },
      };
    },
  };
}

/** The size that is asked for, else the configuration's. */
export function imageSize(config: Config, request: FamilyRequest): Size {
  const shape = request.shapes.pixel_values;
  if (shape?.length === 4) return shape.slice(2) as unknown as Size; // as: four dims
  return request.image ?? (config.has("image_size") ? config.pair("image_size") : USUAL);
}

/** Refuses images of another size than the table of positions is for. */
export function requireSize(config: Config, size: Size): void {
  const [height, width] = config.pair("image_size");
  if (size[0] !== height || size[1] !== width) throw wrongImageSize(config.source, size, [height, width]);
}

export function imageInputs(
  config: Config,
  { task, batch, training, shapes }: FamilyRequest,
  size: Size,
): DrawnModel["inputs"] {
  const channels = config.count("num_channels");
  const pixels = shapes.pixel_values ?? [batch, channels, ...size];
  const labels = task === "image-classification" && training;
  return [
    { name: "pixel_values", spec: dense(pixels, "float32") },
    ...(labels ? [{ name: "labels", spec: dense(shapes.labels ?? [batch], "int64") }] : []),
  ];
}

type Run = ReturnType<DrawnModel["construct"]>;

function construct(root: Module, config: Config, model: ImageModel, request: FamilyRequest): Run {
  const size = imageSize(config, request);
  if (request.task === "base") {
    const base = model.construct(root, config, { size, alone: true });
    return (f, inputs) => [held(f, "outputs", base.layer(f, input(inputs, "pixel_values"))).states];
  }
  const base = model.construct(root.child(model.prefix), config, { size, alone: false });
  return imageClassifier(root.child(model.head ?? "classifier"), config, base, request.training);
}

/** One product over the features, with a loss when labels are given. */
export function imageClassifier(m: Module, config: Config, base: ImageBase, training: boolean): Run {
  const classify = linear(m, base.width, config.classes());
  return (f, inputs) => {
    const made = held(f, "outputs", base.layer(f, input(inputs, "pixel_values")));
    const features = f.set("pooled_output", base.features(f, made));
    const logits = f.set("logits", classify(f, features));
    return training ? [f.set("loss", classLoss(f, logits, input(inputs, "labels"))), logits] : [logits];
  };
}
