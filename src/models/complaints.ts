/** Every complaint about a model's configuration, by code. */
import { InputError } from "../base/complaint.js";

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

export function badValue(source: string, key: string, expected: string, value: unknown): InputError {
  return new InputError({
    code: "config/value",
    where: `${source} › ${key}`,
    rule: `${key} must be a value the model can have`,
    expected,
    got: shown(value),
    hint: "config.json as published with the model's weights has such a value",
  });
}

export function unknownFamily(source: string, modelType: string, near: readonly string[]): InputError {
  const quoted = near.slice(0, 3).map((each) => JSON.stringify(each));
  return new InputError({
    code: "config/family",
    where: `${source} › model_type`,
    rule: "the model must be of a family that Plimsoll knows",
    expected: "a model_type of `plimsoll formats`, such as llama, bert, t5 or vit",
    got: shown(modelType),
    hint:
      quoted.length > 0
        ? `the nearest family by name is ${quoted.join(" or ")}: change model_type to it if the layers are the same`
        : 'export the model from PyTorch instead: torch.export.save(torch.export.export(model, (example,)), "model.pt2")',
  });
}

export function missingFamily(source: string): InputError {
  return new InputError({
    code: "config/no-family",
    where: source,
    rule: "a configuration must say which family it is of",
    expected: 'a key "model_type", such as "llama"',
    got: "none",
    hint: "take config.json as it is published beside the model's weights",
  });
}

export function unknownTask(source: string, task: string, known: readonly string[]): InputError {
  return new InputError({
    code: "config/task",
    where: `${source} › --task`,
    rule: "the family must have the head that is asked for",
    expected: known.join(", "),
    got: shown(task),
    hint: "leave --task out to take the head that config.json names",
  });
}

export function unknownActivation(
  source: string,
  key: string,
  name: string,
  known: readonly string[],
): InputError {
  return new InputError({
    code: "config/activation",
    where: `${source} › ${key}`,
    rule: "the activation must be one of transformers' ACT2FN",
    expected: known.join(", "),
    got: shown(name),
    hint: "names are written as in config.json of published models: silu, gelu, gelu_new, relu, …",
  });
}

export function sequenceTooLong(source: string, sequence: number, most: number, key: string): InputError {
  return new InputError({
    code: "config/sequence",
    where: `${source} › --sequence`,
    rule: "positions beyond the table of learned ones do not exist",
    expected: `at most ${most} (${key})`,
    got: String(sequence),
    hint: `ask for a shorter sequence, or change ${key} in config.json`,
  });
}

export function wrongImageSize(
  source: string,
  [height, width]: readonly [number, number],
  [rows, columns]: readonly [number, number],
): InputError {
  return new InputError({
    code: "config/image",
    where: `${source} › --image`,
    rule: "images must have the size that the table of learned positions is for",
    expected: `${rows}x${columns} (image_size)`,
    got: `${height}x${width}`,
    hint: "leave --image out, or change image_size in config.json: the table then gets another length",
  });
}

export function noTensorPlan(source: string, type: string, known: readonly string[]): InputError {
  return new InputError({
    code: "config/tensor-plan",
    where: source,
    rule: "to share out its matrices, a family must say which layers are split and how",
    expected: known.join(" | "),
    got: JSON.stringify(type),
    hint: "leave tp out of --parallel: fsdp works for every model",
  });
}

export function soundTooShort(source: string, samples: number, least: number): InputError {
  return new InputError({
    code: "config/sequence",
    where: `${source} › --sequence`,
    rule: "a sound must be long enough for one frame of features",
    expected: `at least ${least} samples`,
    got: String(samples),
    hint: "--sequence counts samples of the sound: 16000 a second for most models",
  });
}

export function lossNeedsNextToken(source: string, loss: string, task: string): InputError {
  return new InputError({
    code: "config/loss-task",
    where: `${source} › --loss`,
    rule: "a loss over hidden states needs a head that predicts the next token",
    expected: "--task causal-lm, in a family that has this head",
    got: `--loss ${loss} with ${task}`,
    hint: "leave --loss out: this head computes its own loss",
  });
}

export function lossNeedsPlainLogits(source: string, loss: string, between: string): InputError {
  return new InputError({
    code: "config/loss-logits",
    where: `${source} › --loss`,
    rule: "nothing may lie between the head's product and its loss",
    expected: "logits that are one product of hidden states and a weight",
    got: `--loss ${loss} with ${between}`,
    hint: "leave --loss out, or write --loss cross-entropy",
  });
}
