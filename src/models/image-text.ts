/**
 * CLIP and SigLIP: images and texts compared with each other, their image classifiers, and their towers alone.
 *
 * Source  transformers 5.18, models/{clip,siglip}/modeling_*.py …Model, …ForImageClassification
 * `B` batch, `P` width of what is compared.
 */
import type { ValueId } from "../ir/graph.js";
import { dense } from "../ir/tensor.js";
import { linear } from "./blocks/linear.js";
import { badValue } from "./complaints.js";
import type { Config } from "./config.js";
import { DEFAULTS } from "./defaults.js";
import type { Family, FamilyRequest } from "./family.js";
import type { Frame } from "./frame.js";
import { input, textInputs } from "./heads.js";
import { type TowerRow, textTower, visionTower } from "./image-text-towers.js";
import { held, type ImageStates, imageClassifier, imageInputs, imageSize, requireSize } from "./images.js";
import type { DrawnModel, Module } from "./module.js";

type Run = ReturnType<DrawnModel["construct"]>;

/** The model of both towers. `name`: its model_type, which those of the towers begin with. */
export function imageTextFamily(row: TowerRow, name: string): Family {
  return {
    tasks: ["contrastive", "image-classification"],
    sequence: (config) => textOf(config, name).count("max_position_embeddings"),
    draw: (config, request) => {
      const vision = visionOf(config, name);
      requireSize(vision, imageSize(vision, request));
      if (request.task === "image-classification")
        return {
          kind: `${row.kind}ForImageClassification`,
          model: {
            inputs: imageInputs(vision, request, imageSize(vision, request)),
            construct: (root) => classifier(root, config, vision, { row, request }),
          },
        };
      const text = textOf(config, name);
      return {
        kind: `${row.kind}Model`,
        model: {
          inputs: pairInputs(vision, request),
          construct: (root) => comparison(root, config, { text, vision, row, request }),
        },
      };
    },
  };
}

export function textFamily(row: TowerRow): Family {
  return {
    tasks: ["base"],
    sequence: (config) => config.count("max_position_embeddings"),
    draw: (config, request) => ({
      kind: `${row.kind}TextModel`,
      model: {
        inputs: textInputs(request),
        construct: (root) => {
          const tower = textTower(root, config, row);
          return (f, inputs) => {
            const encoded = tower(f, input(inputs, "input_ids"), inputs.get("attention_mask") ?? null);
            return [held(f, "outputs", encoded).states];
          };
        },
      },
    }),
  };
}

export function visionFamily(row: TowerRow): Family {
  return {
    tasks: ["base"],
    sequence: () => null,
    draw: (config, request) => {
      const size = imageSize(config, request);
      requireSize(config, size);
      return {
        kind: `${row.kind}VisionModel`,
        model: {
          inputs: imageInputs(config, request, size),
          construct: (root) => {
            const tower = visionTower(root, config, row);
            return (f, inputs) => [held(f, "outputs", tower(f, input(inputs, "pixel_values"))).states];
          },
        },
      };
    },
  };
}

/** Older files have a second copy of a tower's configuration, which then counts. */
function towerConfig(config: Config, name: string, tower: "text" | "vision"): Config {
  const older = `${tower}_config_dict`;
  const key = config.has(older) ? older : `${tower}_config`;
  return config.inner(key, DEFAULTS[`${name}_${tower}_model`] ?? {});
}

const textOf = (config: Config, name: string): Config => towerConfig(config, name, "text");

/** Channels that the user asks for are those of the images. */
function visionOf(config: Config, name: string): Config {
  const channels = config.value("num_channels") ?? undefined;
  return towerConfig(config, name, "vision").with({ num_channels: channels });
}

function pairInputs(vision: Config, request: FamilyRequest): DrawnModel["inputs"] {
  const { batch, sequence, shapes } = request;
  const whole = (name: string, shape: readonly number[]) => ({
    name,
    spec: dense(shapes[name] ?? shape, "int64"),
  });
  return [
    whole("input_ids", [batch, sequence]),
    ...imageInputs(vision, request, imageSize(vision, request)),
    ...(shapes.attention_mask ? [whole("attention_mask", [])] : []),
  ];
}

interface Parts {
  readonly row: TowerRow;
  readonly request: FamilyRequest;
}

/** The mean of the patches' states is classified. */
function classifier(root: Module, config: Config, vision: Config, { row, request }: Parts): Run {
  const tower = visionTower(root.child("vision_model"), vision, row);
  const first = row.classToken ? 1 : 0;
  const base = {
    layer: tower,
    width: vision.count("hidden_size"),
    features: (f: Frame, { states }: ImageStates) => {
      const patches = first === 0 ? states : f.slice(states, 1, first, f.shape(states)[1] as number);
      return f.apply("mean", patches, { dim: [1] });
    },
  };
  return imageClassifier(root.child("classifier"), config, base, request.training);
}

function comparison(
  root: Module,
  config: Config,
  { text, vision, row, request }: Parts & { readonly text: Config; readonly vision: Config },
): Run {
  if (!row.classToken && !vision.flag("vision_use_head", true))
    throw badValue(vision.source, "vision_use_head", "true where images are compared with texts", false);
  const projected = row.kind === "CLIP";
  const scale = root.parameter("logit_scale", projected ? [] : [1]);
  const shift = projected ? null : root.parameter("logit_bias", [1]);
  const readText = textTower(root.child("text_model"), text, row);
  const readImage = visionTower(root.child("vision_model"), vision, row);
  const projection = (name: string, tower: Config) =>
    linear(root.child(name), tower.count("hidden_size"), config.count("projection_dim"), false);
  const projectImage = projected ? projection("visual_projection", vision) : null;
  const projectText = projected ? projection("text_projection", text) : null;
  return (f, inputs) => {
    const images = f.call([], (g) => {
      const made = held(g, "vision_outputs", readImage(g, input(inputs, "pixel_values")));
      return projectImage === null ? made : { ...made, pooled: projectImage(g, made.pooled) };
    });
    held(f, "vision_outputs", images);
    const texts = f.call([], (g) => {
      const mask = inputs.get("attention_mask") ?? null;
      const made = held(g, "text_outputs", readText(g, input(inputs, "input_ids"), mask));
      return projectText === null ? made : { ...made, pooled: projectText(g, made.pooled) };
    });
    held(f, "text_outputs", texts);
    const norm = projected ? writtenNorm : kernelNorm;
    const unit = (x: ValueId, name: string) => f.set(name, f.op("div", { self: x, other: norm(f, x) }));
    const imageUnits = unit(images.pooled, "image_embeds");
    const textUnits = unit(texts.pooled, "text_embeds");
    let logits = f.set("logits_per_text", f.matmul(textUnits, f.transpose(imageUnits, 0, 1)));
    logits = f.mul(logits, f.apply("exp", scale));
    if (shift !== null) logits = f.add(logits, shift);
    f.set("logits_per_text", logits);
    const turned = f.set("logits_per_image", f.transpose(logits, 0, 1));
    const loss = request.training ? [f.set("loss", (projected ? pairLoss : sigmoidLoss)(f, logits))] : [];
    const rest = [texts.states, texts.pooled, images.states, images.pooled];
    return [...loss, turned, logits, textUnits, imageUnits, ...rest];
  };
}

/** _get_vector_norm: √Σx², operator by operator. [B, P] to [B, 1] */
function writtenNorm(f: Frame, x: ValueId): ValueId {
  return f.call([x], (g) => {
    const squares = g.set("square_tensor", g.apply("pow", x, { exponent: 2 }));
    const sums = g.set("sum_tensor", g.apply("sum", squares, { dim: [-1], keepdim: true }));
    return g.set("normed_tensor", g.apply("pow", sums, { exponent: 0.5 }));
  });
}

function kernelNorm(f: Frame, x: ValueId): ValueId {
  return f.apply("vectorNorm", x, { ord: 2, dim: [-1], keepdim: true });
}

/** image_text_contrastive_loss: each text's image among all, and each image's text. [B, B] */
function pairLoss(f: Frame, similarity: ValueId): ValueId {
  return f.call([similarity], (g) => {
    const among = (logits: ValueId) =>
      g.call([logits], (h) =>
        h.op("crossEntropy", { self: logits, target: h.arange(h.shape(logits)[0] as number) }),
      );
    const caption = g.set("caption_loss", among(similarity));
    const image = g.set("image_loss", among(g.transpose(similarity, 0, 1)));
    return g.op("div", { self: g.add(caption, image) }, { other: 2 });
  });
}

/** SigLIP: every pair is right or wrong on its own. [B, B] */
function sigmoidLoss(f: Frame, logits: ValueId): ValueId {
  const size = f.shape(logits);
  const eye = f.set("eye", f.create(size, "float32"));
  const ones = f.apply("neg", f.op("create", { self: logits }));
  const signs = f.set("m1_diag1", f.add(ones, f.scale(eye, 2)));
  const likelihood = f.set("loglik", f.apply("logSigmoid", f.mul(signs, logits)));
  const lost = f.set("nll", f.apply("neg", f.apply("sum", likelihood, { dim: [-1] })));
  return f.apply("mean", lost);
}
