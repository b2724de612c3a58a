/** Complaints about settings, devices and files: what a person asked for and can ask differently. */
import { InputError } from "./base/complaint.js";
import { didYouMean } from "./base/did-you-mean.js";

export { InputError, printComplaint } from "./base/complaint.js";
export { didYouMean, nearest } from "./base/did-you-mean.js";

export function unknownSetting(where: string, key: string, known: readonly string[]): InputError {
  return new InputError({
    code: "setup/unknown",
    where,
    rule: "a setting must be one Plimsoll knows",
    expected: "a name from `plimsoll estimate --help`",
    got: JSON.stringify(key),
    hint: didYouMean(key, known, "run plimsoll estimate --help"),
  });
}

export function notAChoice(where: string, got: string, values: readonly string[]): InputError {
  return new InputError({
    code: "setup/choice",
    where,
    rule: "the value must be one of a fixed list",
    expected: values.join(" | "),
    got: JSON.stringify(got),
    hint: didYouMean(
      got,
      values,
      `write ${JSON.stringify(values[0] ?? "")}, or leave it out for the default`,
    ),
  });
}

export function notACount(where: string, got: string, low: number, high: number): InputError {
  return new InputError({
    code: "setup/count",
    where,
    rule: "the value must be a whole number in range",
    expected: `${low} to ${high.toLocaleString("en")}`,
    got,
    hint: "write plain digits, such as 32",
  });
}

export function notASwitch(where: string, got: string): InputError {
  return new InputError({
    code: "setup/switch",
    where,
    rule: "the value must be a switch",
    expected: "true | false",
    got,
    hint: "on the command line the flag alone switches it on",
  });
}

export function notText(where: string, got: string): InputError {
  return new InputError({
    code: "setup/text",
    where,
    rule: "the value must be text that is not empty",
    expected: "a word or a list of words",
    got,
    hint: "see plimsoll estimate --help for the form",
  });
}

export function notAShape(where: string, got: string): InputError {
  return new InputError({
    code: "setup/shape",
    where,
    rule: "a shape must name an input and its dims",
    expected: "NAME=8x3x224x224",
    got: JSON.stringify(got),
    hint: "dims are whole numbers joined by x; the first is the batch",
  });
}

export function notTensorflows(flag: string, got: string): InputError {
  return new InputError({
    code: "setup/tensorflow",
    where: flag,
    rule: "the setting must be one that is computed for TensorFlow",
    expected: "settings of a plain step: batch, precision, optimizer, loss, freeze, gpu, memory-growth",
    got,
    hint: "leave it out: it is PyTorch's, or not computed with --framework tensorflow yet",
  });
}

export function notJaxs(flag: string, got: string, hint: string): InputError {
  return new InputError({
    code: "setup/jax",
    where: flag,
    rule: "the setting must be one that a printed program leaves open",
    expected: "optimizer, freeze, mode, step, gpu, memory-growth, memory-fraction, no-donate",
    got,
    hint,
  });
}

const MADE_FOR: Readonly<Record<string, string>> = {
  jax: "print(jax.make_jaxpr(loss)(params, batch)) of the model in JAX is read with JAX's",
  pytorch: "export the PyTorch model with torch.export for PyTorch's",
  tensorflow: "model.to_json() of a Keras model is read with TensorFlow's",
};

export function frameworkDiffers(asked: string, own: string, source: string): InputError {
  return new InputError({
    code: "setup/framework",
    where: "--framework",
    rule: "a model must be computed with the framework it is made of",
    expected: own,
    got: asked,
    hint: `${source.slice(0, 60)} is made of ${own}'s operations; ${MADE_FOR[asked] ?? "ask for the one it is made of"}`,
  });
}

export function notASize(where: string, got: string): InputError {
  return new InputError({
    code: "setup/size",
    where,
    rule: "an image size must be a height and a width",
    expected: "HxW, such as 224x224",
    got,
    hint: "both are whole numbers of pixels, joined by x",
  });
}

export function noImageInput(inputs: readonly string[]): InputError {
  return new InputError({
    code: "setup/no-image",
    where: "--image",
    rule: "the model must have an image input",
    expected: "an input of shape batch x channels x height x width",
    got: inputs.join(", "),
    hint: "use --shape NAME=… for inputs of another kind",
  });
}

export function unknownInput(where: string, name: string, inputs: readonly string[]): InputError {
  return new InputError({
    code: "setup/input",
    where,
    rule: "a shape must name an input of the model",
    expected: inputs.map((input) => JSON.stringify(input)).join(", "),
    got: JSON.stringify(name),
    hint: didYouMean(name, inputs, `write ${inputs[0] ?? "NAME"}=…`),
  });
}

export function settingNotTaken(flag: string, source: string): InputError {
  return new InputError({
    code: "setup/not-taken",
    where: `--${flag}`,
    rule: "the setting must be one that the model has",
    expected: "a model made from a config.json",
    got: source,
    hint: "this file fixes its layers and sizes; --shape NAME=DIMS sets those that it leaves open",
  });
}

export function batchesDiffer(asked: number, shape: number, input: string): InputError {
  return new InputError({
    code: "setup/batch",
    where: "--batch and --shape",
    rule: "the batch must be the first dim of the input's shape",
    expected: `--batch ${shape}, as ${JSON.stringify(input)} has it`,
    got: `--batch ${asked}`,
    hint: "leave one of the two out",
  });
}

export function wrongCheckpointing(got: string): InputError {
  return new InputError({
    code: "setup/checkpointing",
    where: "--checkpointing",
    rule: "the value must say which blocks are computed again",
    expected: "none, full, selective, selective=K with K at least 2, or every=K with K at least 1",
    got: JSON.stringify(got),
    hint: "full is what gradient_checkpointing_enable() and set_grad_checkpointing() do",
  });
}

export function notYet(where: string, got: string, since: string, computes: readonly unknown[]): InputError {
  return new InputError({
    code: "setup/not-yet",
    where,
    rule: "the value must be one this release computes",
    expected: computes.length > 0 ? computes.join(" | ") : "the setting left out",
    got,
    hint: `planned for release ${since}; until then there would be no honest number`,
  });
}

export function contradiction(where: string, expected: string, got: string): InputError {
  return new InputError({
    code: "setup/contradiction",
    where,
    rule: "settings must not contradict each other",
    expected,
    got,
    hint: "leave one of the two out",
  });
}

export function unknownGpu(name: string, suggestions: readonly string[]): InputError {
  const near = suggestions.map((id) => JSON.stringify(id)).join(" or ");
  return new InputError({
    code: "setup/gpu",
    where: `--gpu ${JSON.stringify(name)}`,
    rule: "the GPU must be one Plimsoll knows",
    expected: 'a name from `plimsoll gpus`, such as a100 or "RTX 4090"',
    got: JSON.stringify(name),
    hint: near ? `did you mean ${near}?` : "run plimsoll gpus; NAME:40 overrides the memory of a known one",
  });
}

export function notAMargin(got: string): InputError {
  return new InputError({
    code: "fit/margin",
    where: "--margin",
    rule: "the margin must be a size or a share of the device",
    expected: "1GiB, 512MiB, or a percentage below 100 such as 5%",
    got: JSON.stringify(got),
    hint: "it stays free of what a process can use; --confidence leaves as much as the interval says",
  });
}

export function notAConfidence(got: string, known: readonly number[]): InputError {
  return new InputError({
    code: "fit/confidence",
    where: "--confidence",
    rule: "the confidence must be one that recorded steps tell of",
    expected: known.join(" | "),
    got: JSON.stringify(got),
    hint: "0.95 means: of 20 such steps 19 take no more",
  });
}

export function smallestRefused(axis: string, smallest: number, source: string): InputError {
  return new InputError({
    code: "fit/size",
    where: `--for ${axis}`,
    rule: "the model must take other sizes than its own",
    expected: `a model that can be computed at ${axis} ${smallest} or more`,
    got: source,
    hint: "an exported program fixes the sizes that were not exported as dynamic; --for batch works for most",
  });
}

export function needsGpu(): InputError {
  return new InputError({
    code: "advice/gpu",
    where: "plimsoll advise",
    rule: "advice must be for a device",
    expected: '--gpu NAME, such as a100 or "RTX 4090"',
    got: "no --gpu",
    hint: "run plimsoll gpus for names; plimsoll estimate needs none",
  });
}

export function needsCluster(expected: string, got: string): InputError {
  return new InputError({
    code: "plan/cluster",
    where: "plimsoll plan",
    rule: "a plan must be for a number of GPUs of one kind",
    expected,
    got,
    hint: "plimsoll plan MODEL --gpu h100 --gpus 64; run plimsoll gpus for names",
  });
}

export function notSearched(got: string): InputError {
  return new InputError({
    code: "plan/setting",
    where: got.split(" ")[0] ?? got,
    rule: "a plan must be of full training in bf16 with float32 masters and states",
    expected:
      "settings that plans share: sequence, optimizer, loss, attention, clip-grad, task; or hold: batch, accumulate, checkpointing, parallel, zero",
    got,
    hint: "leave it out here, and run plimsoll estimate with it on the plan's flags",
  });
}

export function notABandwidth(where: string, got: string): InputError {
  return new InputError({
    code: "plan/bandwidth",
    where,
    rule: "a bandwidth must be a number of gigabytes per second",
    expected: "more than 0, such as 50 for a 400 Gb/s adapter",
    got: JSON.stringify(got),
    hint: "gigabytes of 10^9 bytes that one GPU sends, one way; 8 gigabits are one gigabyte",
  });
}

export function engineMissing(engine: string, got: string, expected: string): InputError {
  return new InputError({
    code: "plan/engine",
    where: `--emit ${engine}`,
    rule: "the engine must be able to run the plan",
    expected,
    got,
    hint: "leave --emit out to see the plans of every engine",
  });
}

export function noLayout(got: string, expected: string, hint: string): InputError {
  return new InputError({
    code: "plan/no-setup",
    where: "plimsoll plan",
    rule: "the global batch, the mesh and the model must divide",
    expected,
    got,
    hint,
  });
}

export function nothingFrozen(glob: string, parameters: readonly string[]): InputError {
  const core = glob.replace(/^\*+|\*+$/g, "");
  return new InputError({
    code: "setup/freeze",
    where: `--freeze ${JSON.stringify(glob)}`,
    rule: "a glob must match a parameter",
    expected: `part of a name such as ${JSON.stringify(parameters[0] ?? "")}; * stands for anything`,
    got: "no match",
    hint: parameters.some((name) => name.includes(core))
      ? `did you mean ${JSON.stringify(`*${core}*`)}?`
      : didYouMean(glob, parameters, "plimsoll explain lists every parameter's layer"),
  });
}

export function tooLarge(where: string, batch: number): InputError {
  return new InputError({
    code: "setup/too-large",
    where,
    rule: "a step must stay below 8 PiB",
    expected: "a batch and shapes whose bytes can be counted exactly",
    got: `more, at batch ${batch.toLocaleString("en")}`,
    hint: "lower --batch or --shape",
  });
}

export function unknownFormat(
  where: string,
  what: "model" | "recording",
  got: string,
  readable: string,
  hint: string,
): InputError {
  return new InputError({
    code: `${what}/format`,
    where,
    rule: `the ${what} must be in a format this release reads`,
    expected: readable,
    got,
    hint,
  });
}

export function noModel(where: string, got: string): InputError {
  return new InputError({
    code: "model/recording",
    where,
    rule: "a step must be computed from a model",
    expected: "a model's file or name",
    got: `${got}: what was measured, not what runs`,
    hint: "plimsoll compare MODEL RECORDING sets a prediction beside it",
  });
}

export function noRecording(where: string, got: string): InputError {
  return new InputError({
    code: "recording/model",
    where,
    rule: "the second file must be a recording",
    expected: "a profiler trace, a memory snapshot, or what plimsoll watch wrote",
    got,
    hint: "the model comes first: plimsoll compare MODEL RECORDING",
  });
}

export function setupSyntax(
  file: string,
  at: { readonly line: number; readonly col: number } | undefined,
  problem: string,
): InputError {
  return new InputError({
    code: "setup/syntax",
    where: at ? `${file}:${at.line}:${at.col}` : file,
    rule: "a setup file must be YAML or JSON",
    expected: "one setting per line, such as `batch: 32`",
    got: problem,
    hint: "the keys are the flags without their dashes",
  });
}

export function setupOutline(file: string, got: string): InputError {
  return new InputError({
    code: "setup/outline",
    where: file,
    rule: "a setup file must map settings to values",
    expected: "lines such as `batch: 32`",
    got,
    hint: "the keys are the flags without their dashes",
  });
}

export function nothingMatches(command: string, pattern: string, names: Iterable<string>): InputError {
  return new InputError({
    code: "list/no-match",
    where: `plimsoll ${command} ${JSON.stringify(pattern)}`,
    rule: "a pattern must match something",
    expected: "part of a name",
    got: JSON.stringify(pattern),
    hint: didYouMean(pattern, names, `plimsoll ${command} without a pattern lists all`),
  });
}

export function handCount(name: string, got: string, expected: string): InputError {
  return new InputError({
    code: "by-hand/count",
    where: `--${name === "inputElements" ? "input" : name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    rule: "a hand calculation must have counts to start from",
    expected,
    got,
    hint: "plimsoll by-hand --activations 532752 --parameters 19072984 --input 180x50x1 --batch 128, or a model file",
  });
}

export function nothingMeasured(recording: string | null): InputError {
  return new InputError({
    code: "compare/nothing",
    where: recording ?? "plimsoll compare",
    rule: "something must be measured that is predicted, too",
    expected: "a recording with memory of a device, or a figure such as --measured-device-total 9.1GiB",
    got: recording === null ? "neither" : "neither allocated, reserved nor device memory",
    hint: "host memory alone cannot be compared: a step's GPU memory is what is predicted",
  });
}
