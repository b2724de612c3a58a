/**
 * Heads that transformers puts on a base model, with the losses they compute when labels are given.
 *
 * Source  transformers 5.18: models/llama/modeling_llama.py LlamaForCausalLM, modeling_layers.py GenericFor…
 */
import type { ValueId } from "../ir/graph.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { linear, linearWith } from "./blocks/linear.js";
import { causalLoss, classLoss, spanLoss, tokenLoss } from "./blocks/loss.js";
import type { Config } from "./config.js";
import { lossNeedsPlainLogits } from "./complaints.js";
import { LINEAR_LOSSES, type LinearLossEntry, type LinearLossName } from "./losses.js";
import type { DrawnModel, Layer, Module } from "./module.js";
import type { Family, FamilyRequest, Task } from "./family.js";

/** A base model: token ids and a padding mask to hidden states [B, S, W]. */
export interface Base {
  readonly layer: Layer<[ValueId, ValueId | null]>;
  /** The weight that a tied head shares. [V, W] */
  readonly embeddings: ValueId;
  readonly width: number;
}

/** A decoder-only language model: what its heads are put on. */
export interface LanguageModel {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** The base model's name inside a head. */
  readonly prefix: string;
  readonly construct: (m: Module, config: Config) => Base;
  readonly headBias?: boolean;
  /** What the class that predicts tokens is called behind the family's name. */
  readonly causal?: string;
  /** Logits are float32, from states in the head's own type. */
  readonly wideLogits?: boolean;
  /** Logits are multiplied with `logit_scale`. */
  readonly scalesLogits?: boolean;
  /** Name of the head that predicts tokens. */
  readonly headName?: string;
}

const TASKS: readonly Task[] = [
  "causal-lm",
  "sequence-classification",
  "token-classification",
  "question-answering",
  "base",
];

/** Every head a decoder-only model comes with. */
export function languageFamily(model: LanguageModel): Family {
  return {
    tasks: TASKS,
    draw: (config, request) => ({
      kind: `${model.kind}${(request.task === "causal-lm" && model.causal) || (CLASS_NAMES[request.task] ?? "Model")}`,
      model: { inputs: textInputs(request), construct: (root) => construct(root, config, model, request) },
    }),
  };
}

/** What a class of each task is called behind the family's name. */
export const CLASS_NAMES: Readonly<Partial<Record<Task, string>>> = {
  "causal-lm": "ForCausalLM",
  "masked-lm": "ForMaskedLM",
  pretraining: "ForPreTraining",
  "sequence-classification": "ForSequenceClassification",
  "token-classification": "ForTokenClassification",
  "question-answering": "ForQuestionAnswering",
  seq2seq: "ForConditionalGeneration",
};

/** Token ids, labels as the task has them, and a padding mask if the loop passes one, in the order loops make them. */
export function textInputs({ task, batch, sequence, training, shapes }: FamilyRequest): DrawnModel["inputs"] {
  const whole = (name: string, shape: readonly number[]): { name: string; spec: TensorSpec } => ({
    name,
    spec: dense(shapes[name] ?? shape, "int64"),
  });
  const ids = whole("input_ids", [batch, sequence]);
  const labels =
    task === "base" || !training
      ? []
      : task === "question-answering"
        ? [whole("start_positions", [batch]), whole("end_positions", [batch])]
        : [whole("labels", task === "sequence-classification" ? [batch] : [batch, sequence])];
  const mask = shapes.attention_mask ? [whole("attention_mask", [])] : [];
  return [ids, ...labels, ...mask];
}

type Run = ReturnType<DrawnModel["construct"]>;

function construct(
  root: Module,
  config: Config,
  model: LanguageModel,
  { task, training, loss }: FamilyRequest,
): Run {
  if (task === "base") {
    const base = model.construct(root, config);
    return (caller, inputs) => [
      base.layer(caller, input(inputs, "input_ids"), inputs.get("attention_mask") ?? null),
    ];
  }
  const base = model.construct(root.child(model.prefix), config);
  const states: Layer<[ReadonlyMap<string, ValueId>]> = (caller, inputs) =>
    base.layer(caller, input(inputs, "input_ids"), inputs.get("attention_mask") ?? null);
  if (task === "causal-lm") return causalHead(root, config, model, { base, states, training, loss });
  const classes = task === "question-answering" ? 2 : config.classes();
  const score = linear(
    root.child(task === "question-answering" ? "qa_outputs" : "score"),
    base.width,
    classes,
    task !== "sequence-classification",
  );
  if (task === "sequence-classification") return lastTokenHead(states, score, training);
  return (f, inputs) => {
    let logits = f.set("hidden_states", states(f, inputs));
    if (task === "token-classification") logits = f.dropout(logits, config.number("classifier_dropout", 0.1));
    logits = f.set("logits", score(f, logits));
    if (task === "question-answering") return questionLoss(f, logits, inputs, training);
    return training ? [f.set("loss", tokenLoss(f, logits, input(inputs, "labels"))), logits] : [logits];
  };
}

export function input(inputs: ReadonlyMap<string, ValueId>, name: string): ValueId {
  return inputs.get(name) as ValueId; // as: the family declared it
}

/** Start and end logits are the two columns of one product; the loss is over both. */
export function questionLoss(
  f: Parameters<Run>[0],
  logits: ValueId,
  inputs: ReadonlyMap<string, ValueId>,
  training: boolean,
): ValueId[] {
  const [start, end] = f.ops("split", { self: logits }, { split_size: 1, dim: -1 }) as [ValueId, ValueId];
  const column = (each: ValueId, name: string) =>
    f.set(name, f.contiguous(f.op("squeeze", { self: each }, { dim: -1 })));
  const both = [column(start, "start_logits"), column(end, "end_logits")] as const;
  if (!training) return [...both];
  const loss = spanLoss(f, both, [input(inputs, "start_positions"), input(inputs, "end_positions")]);
  return [f.set("loss", loss), ...both];
}

interface Stacked {
  readonly base: Base;
  readonly states: Layer<[ReadonlyMap<string, ValueId>]>;
  readonly training: boolean;
  readonly loss: LinearLossName | undefined;
}

function causalHead(
  root: Module,
  config: Config,
  model: LanguageModel,
  { base, states, training, loss }: Stacked,
): Run {
  const vocabulary = config.count("vocab_size");
  const m = root.child(model.headName ?? "lm_head");
  const head = config.flag("tie_word_embeddings", true)
    ? linearWith(m, base.embeddings, model.headBias ? vocabulary : null)
    : linear(m, base.width, vocabulary, model.headBias === true);
  if (training && loss !== undefined) {
    const { draw }: LinearLossEntry = LINEAR_LOSSES[loss];
    checkLoss(loss, config, model);
    return (f, inputs) => {
      const hidden = f.set("hidden_states", states(f, inputs));
      return [f.set("loss", draw(f, hidden, input(inputs, "labels"), head))];
    };
  }
  return (f, inputs) => {
    const hidden = f.set("hidden_states", states(f, inputs));
    let logits = model.wideLogits
      ? f.set("logits", f.to(head(f, f.toTypeOf(hidden, head.weight)), "float32"))
      : f.set("logits", head(f, hidden));
    if (model.scalesLogits && config.has("logit_scale")) logits = f.set("logits", f.scale(logits, 1));
    if (config.has("logits_scaling")) logits = f.set("logits", f.op("div", { self: logits }, { other: 1 }));
    if (config.has("final_logit_softcapping")) {
      const cap = config.number("final_logit_softcapping");
      logits = f.set("logits", f.op("div", { self: logits }, { other: cap }));
      logits = f.set("logits", f.apply("tanh", logits));
      logits = f.set("logits", f.scale(logits, cap));
    }
    return training ? [f.set("loss", causalLoss(f, logits, input(inputs, "labels"))), logits] : [logits];
  };
}

/** What lies between the product and the loss has to be nothing, or what the kernel does itself. */
function checkLoss(loss: LinearLossName, config: Config, { headBias, wideLogits }: LanguageModel): void {
  const { caps }: LinearLossEntry = LINEAR_LOSSES[loss];
  const between = [
    headBias && "a bias",
    wideLogits && "a head in another type",
    config.has("logits_scaling") && "logits_scaling",
    !caps && config.has("final_logit_softcapping") && "final_logit_softcapping",
  ].find((each) => each);
  if (between) throw lossNeedsPlainLogits(config.source, loss, between);
}

/** GenericForSequenceClassification: the logits of the last token that is no padding. */
function lastTokenHead(states: Stacked["states"], score: Layer, training: boolean): Run {
  return (f, inputs) => {
    const ids = input(inputs, "input_ids");
    const hidden = f.set("hidden_states", states(f, inputs));
    const logits = f.set("logits", score(f, hidden));
    const [batch, length] = f.shape(ids) as readonly [number, number];
    const seen = f.set("non_pad_mask", f.to(f.op("ne", { self: ids }, { other: 0 }), "int32"));
    const places = f.set("token_indices", f.arange(length, "int32"));
    const last = f.set("last_non_pad_token", f.op("argmax", { self: f.mul(places, seen) }, { dim: -1 }));
    const pooled = f.set("pooled_logits", f.op("index", { self: logits, indices: [f.arange(batch), last] }));
    return training ? [f.set("loss", classLoss(f, pooled, input(inputs, "labels"))), pooled] : [pooled];
  };
}
