/**
 * Families of encoders: a base model, and the classes that put a head on it.
 *
 * Source  transformers 5.18, models/FAMILY/modeling_FAMILY.py …ForMaskedLM, …ForSequenceClassification, …
 */
import type { ValueId } from "../ir/graph.js";
import { classLoss } from "./blocks/loss.js";
import type { Config } from "./config.js";
import type { Family, FamilyRequest, Task } from "./family.js";
import type { Frame } from "./frame.js";
import { CLASS_NAMES, input, questionLoss, textInputs } from "./heads.js";
import type { DrawnModel, Layer, Module } from "./module.js";

/** What a base model returns. */
export interface Encoded {
  /** [B, S, W] */
  readonly states: ValueId;
  /** The first token's state behind a pooler. [B, W] */
  readonly pooled: ValueId | null;
}

/** A base model: token ids and a padding mask to hidden states. */
export type Encoder = Layer<[ValueId, ValueId | null], Encoded>;

/** What a base model and its head know of each other. */
export interface Shared {
  /** Width of the hidden states. */
  readonly width: number;
  /** The base model has a pooler. */
  readonly pooler: boolean;
  /** The embeddings' weight, which a tied head has too: whichever is constructed first declares it. [V, W] */
  words: ValueId | null;
}

/** Constructs what belongs to a head; its layer runs in the frame of the class's forward and returns logits. */
export type EncoderHead = (root: Module, config: Config, shared: Shared) => HeadLayer;

/** Takes what the base model returns, and the padding mask if the loop passes one. */
export type HeadLayer = Layer<[Encoded, ValueId | null]>;

export type HeadTask =
  | "masked-lm"
  | "pretraining"
  | "sequence-classification"
  | "token-classification"
  | "question-answering";

/** Of logits and labels, called in the frame of the class's forward. */
export type Loss = (f: Frame, logits: ValueId, labels: ValueId, config: Config) => ValueId;

export interface EncoderModel {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** The base model's name inside a head. */
  readonly prefix: string;
  /** Key of the hidden states' width. */
  readonly width?: string;
  readonly construct: (m: Module, config: Config, shared: Shared) => Encoder;
  /** Classes whose base model has a pooler. */
  readonly pooled: readonly Task[];
  /** In the order of preference. */
  readonly heads: Readonly<Partial<Record<HeadTask, EncoderHead>>>;
  /** Heads are defined before the base model. */
  readonly headFirst?: boolean;
  /** Losses that are not the cross-entropy of the logits as they are. */
  readonly losses?: Readonly<Partial<Record<HeadTask, Loss>>>;
}

export function encoderFamily(model: EncoderModel): Family {
  const tasks = [...(Object.keys(model.heads) as HeadTask[]), "base"] as const;
  return {
    tasks,
    draw: (config, request) => ({
      kind: `${model.kind}${CLASS_NAMES[request.task] ?? "Model"}`,
      model: { inputs: textInputs(request), construct: (root) => construct(root, config, model, request) },
    }),
  };
}

function construct(
  root: Module,
  config: Config,
  model: EncoderModel,
  { task, training }: FamilyRequest,
): ReturnType<DrawnModel["construct"]> {
  const { encode, head } = modules(root, config, model, task);
  return (caller, inputs) =>
    caller.call([], (f) => {
      const ids = input(inputs, "input_ids");
      const padding = inputs.get("attention_mask") ?? null;
      const encoded = encode(f, ids, padding);
      f.set("outputs.last_hidden_state", encoded.states);
      if (encoded.pooled !== null) f.set("outputs.pooler_output", encoded.pooled);
      if (!head) return encoded.pooled === null ? [encoded.states] : [encoded.states, encoded.pooled];
      const logits = f.set("logits", head(f, encoded, padding));
      if (task === "question-answering") return questionLoss(f, logits, inputs, training);
      if (!training) return [logits];
      const loss = model.losses?.[task as HeadTask] ?? classLoss; // as: the base model has no labels
      return [f.set("loss", loss(f, logits, input(inputs, "labels"), config)), logits];
    });
}

/** The class's modules, in the order of their definition. */
function modules(
  root: Module,
  config: Config,
  model: EncoderModel,
  task: Task,
): { readonly encode: Encoder; readonly head: HeadLayer | undefined } {
  const shared: Shared = {
    width: config.count(model.width ?? "hidden_size"),
    pooler: model.pooled.includes(task),
    words: null,
  };
  const make = model.heads[task as HeadTask]; // as: the base model has no entry
  const early = model.headFirst ? make?.(root, config, shared) : undefined;
  const encode = model.construct(make ? root.child(model.prefix) : root, config, shared);
  return { encode, head: early ?? make?.(root, config, shared) };
}
