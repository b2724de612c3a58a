/** Activations of torch.nn, by their words here, in PyTorch's functional module and in Keras. */
import type { Attributes, ValueId } from "../../../ir/graph.js";
import { choice, count, dim, flag, fraction, number } from "../kinds.js";
import {
  type LayerCall,
  type LayerRow,
  type LayerTable,
  may,
  type OptionKind,
  type OptionRow,
} from "../row.js";

interface Activation {
  /** Class in torch.nn. */
  readonly kind: string;
  readonly op: string;
  readonly words?: readonly string[];
  /** The module has an `inplace` argument. */
  readonly inPlace?: true;
  readonly attributes?: Attributes;
  readonly options?: Readonly<Record<string, OptionRow>>;
  readonly help?: string;
}

const slope = may(number, "slope below zero; changes no memory", "alpha");
const alpha = may(number, "scale below zero; changes no memory");
const along = may(dim, "the dim that is normalized; default the channels of an image, else the last");

// biome-ignore format: one row per line
const ELEMENTWISE: Readonly<Record<string, Activation>> = {
  relu:         { kind: "ReLU",        op: "relu",       inPlace: true },
  relu6:        { kind: "ReLU6",       op: "hardtanh",   inPlace: true, attributes: { min_val: 0, max_val: 6 } }, // nn.ReLU6 is a Hardtanh
  leaky_relu:   { kind: "LeakyReLU",   op: "leakyRelu",  inPlace: true, words: ["leakyrelu"], options: { negative_slope: slope } },
  rrelu:        { kind: "RReLU",       op: "rrelu",      inPlace: true, attributes: { training: true } },
  elu:          { kind: "ELU",         op: "elu",        inPlace: true, options: { alpha } },
  selu:         { kind: "SELU",        op: "selu",       inPlace: true },
  celu:         { kind: "CELU",        op: "celu",       inPlace: true, options: { alpha } },
  gelu:         { kind: "GELU",        op: "gelu",       options: { approximate: may(choice("none", "tanh"), "none is exact; changes no memory") } },
  silu:         { kind: "SiLU",        op: "silu",       inPlace: true, words: ["swish"] },
  mish:         { kind: "Mish",        op: "mish",       inPlace: true },
  sigmoid:      { kind: "Sigmoid",     op: "sigmoid" },
  tanh:         { kind: "Tanh",        op: "tanh" },
  hardtanh:     { kind: "Hardtanh",    op: "hardtanh",   inPlace: true, words: ["hard_tanh"] },
  hardswish:    { kind: "Hardswish",   op: "hardswish",  inPlace: true, words: ["hard_swish", "hard_silu"] },
  hardsigmoid:  { kind: "Hardsigmoid", op: "hardsigmoid", inPlace: true, words: ["hard_sigmoid"] },
  hardshrink:   { kind: "Hardshrink",  op: "hardshrink", words: ["hard_shrink"] },
  softshrink:   { kind: "Softshrink",  op: "softshrink", words: ["soft_shrink"] },
  tanhshrink:   { kind: "Tanhshrink",  op: "tanhshrink", words: ["tanh_shrink"] },
  softplus:     { kind: "Softplus",    op: "softplus",   options: { beta: may(number, "steepness; changes no memory") } },
  logsigmoid:   { kind: "LogSigmoid",  op: "logSigmoid", words: ["log_sigmoid"] },
  threshold:    { kind: "Threshold",   op: "threshold",  inPlace: true, attributes: { threshold: 0, value: 0 } },
  exponential:  { kind: "Exp",         op: "exp",        words: ["exp"] },
  glu:          { kind: "GLU",         op: "glu",        options: { dim: may(dim, "the dim that is halved; default the last") }, help: "halves a dim: one half gates the other" },
};

const NORMALIZED = { softmax: "Softmax", softmin: "Softmin", log_softmax: "LogSoftmax" } as const;

/** Words that may follow `activation:`; `linear` and `none` do nothing. */
const WORDS: ReadonlyMap<string, (call: LayerCall, input: ValueId) => ValueId> = new Map([
  ...Object.entries(ELEMENTWISE).flatMap(([name, { op, attributes, words = [] }]) =>
    [name, ...words].map(
      (word) =>
        [word, (call: LayerCall, input: ValueId) => call.op(op, { self: input }, attributes ?? {})] as const,
    ),
  ),
  ["softsign", softsign] as const,
  ...Object.keys(NORMALIZED).map(
    (name) => [name, (call: LayerCall, input: ValueId) => normalize(call, name, input)] as const,
  ),
]);

const IDENTITY = ["linear", "none"];

/** `activation: relu`, as Keras layers have it. */
export const activation: OptionKind = (() => {
  const words = [...WORDS.keys(), ...IDENTITY];
  const kind = choice(...words);
  const isNull = (value: Parameters<OptionKind["read"]>[0]) =>
    value.kind === "scalar" && value.value === null;
  return {
    expected: "the name of an activation",
    schema: { enum: [...words, null] },
    read: (value, plan) => (isNull(value) ? "none" : kind.read(value, plan)),
  };
})();

/** `input` after the activation the layer's options name. */
export function activated(call: LayerCall, input: ValueId, otherwise = "none"): ValueId {
  const apply = WORDS.get(call.options.text("activation", otherwise));
  return apply ? apply(call, input) : input;
}

/** torch.nn.functional.softsign is Python: three operators. */
function softsign(call: LayerCall, input: ValueId): ValueId {
  const below = call.op("add", { self: call.op("abs", { self: input }) }, { other: 1 });
  return call.op("div", { self: input, other: below });
}

/** Along the channels of an image (rank 4 and more), else along the last dim. */
function normalize(call: LayerCall, name: string, input: ValueId): ValueId {
  const images = call.spec(input).shape.length >= 4;
  const attributes = { dim: call.options.number("dim", images ? 1 : -1) };
  if (name === "log_softmax") return call.op("logSoftmax", { self: input }, attributes);
  // F.softmin: the softmax of -x
  return call.op(
    "softmax",
    { self: name === "softmin" ? call.op("neg", { self: input }) : input },
    attributes,
  );
}

function elementwise({
  kind,
  op,
  words,
  inPlace,
  attributes = {},
  options = {},
  help,
}: Activation): LayerRow {
  return {
    kind,
    help: help ?? `torch.nn.${kind}, element by element`,
    ...(words && { words }),
    options: { ...options, ...(inPlace && { inplace: may(flag, "overwrites its input (default false)") }) },
    build: (call) => {
      const given: Record<string, number | string> = {};
      for (const name in options) {
        const value = call.options.number(name, undefined) ?? call.options.text(name, "");
        if (value !== "") given[name] = value;
      }
      const here = call.options.flag("inplace", false);
      return call.op(op, { self: call.input }, { ...attributes, ...given, ...(here && { inPlace: true }) });
    },
  };
}

const normalized = (name: keyof typeof NORMALIZED): LayerRow => ({
  kind: NORMALIZED[name],
  help: `torch.nn.${NORMALIZED[name]}; cross-entropy takes logits and needs none before it`,
  ...(name === "log_softmax" && { words: ["logsoftmax"] }),
  main: "dim",
  options: { dim: along },
  build: (call) => normalize(call, name, call.input),
});

const dropped = (kind: string, op: string, help: string, ...words: readonly string[]): LayerRow => ({
  kind,
  help,
  words,
  main: "p",
  options: { p: may(fraction, "share that is dropped (default 0.5)", "rate") },
  build: (call) => call.op(op, { input: call.input }, { p: call.options.number("p", 0.5), train: true }),
});

export const activations = {
  ...Object.fromEntries(Object.entries(ELEMENTWISE).map(([name, row]) => [name, elementwise(row)])),
  softmax: normalized("softmax"),
  softmin: normalized("softmin"),
  log_softmax: normalized("log_softmax"),
  softsign: {
    kind: "Softsign",
    help: "torch.nn.Softsign: x / (|x| + 1)",
    options: {},
    build: (call) => softsign(call, call.input),
  },
  prelu: {
    kind: "PReLU",
    help: "torch.nn.PReLU: a learned slope, one for all or one for each channel",
    main: "parameters",
    options: { parameters: may(count, "slopes: 1 (default) or the number of channels", "num_parameters") },
    build: (call) =>
      call.op("prelu", {
        self: call.input,
        weight: call.parameter("weight", [call.options.number("parameters", 1)]),
      }),
  },
  dropout: dropped("Dropout", "dropout", "torch.nn.Dropout: keeps a mask of one byte for each element"),
  spatial_dropout: dropped(
    "Dropout2d",
    "featureDropout",
    "torch.nn.Dropout2d: drops whole channels",
    "dropout1d",
    "dropout2d",
    "dropout3d",
  ),
  alpha_dropout: dropped("AlphaDropout", "alphaDropout", "torch.nn.AlphaDropout"),
  identity: {
    kind: "Identity",
    help: "torch.nn.Identity: its input",
    options: {},
    build: (call) => call.input,
  },
} satisfies LayerTable;
