/**
 * Training memory by hand: the rules people use, with the asker's numbers filled in, and what each one misses.
 *
 * Reads    counts anybody has: activations of one sample, parameters, input elements, batch, bytes of an element; of a
 *          transformer also its layers, width, heads and tokens
 * Ignores  the tensor- and sequence-parallel variants of Megatron's forms
 * Untrue   all of them, beside a walk through the step; that is the point of the table
 */
import { MiB } from "../base/units.js";

export interface HandCount {
  /** Elements of all layer outputs of one sample. */
  readonly activations: number;
  readonly parameters: number;
  /** Elements of one input sample: 9,000 for 180x50x1. */
  readonly inputElements: number;
  readonly batch: number;
  /** 4 for float32. */
  readonly bytesPerElement: number;
  /** Of `activations`, those of layers that own parameters; rules that need it are left out without it. */
  readonly parameterLayerActivations?: number;
  /** Rules about transformers are left out without them. */
  readonly transformer?: {
    readonly layers: number;
    /** Elements of a token. */
    readonly width: number;
    readonly heads: number;
    /** Tokens of a sample. */
    readonly tokens: number;
  };
}

export interface RuleOfThumb {
  readonly name: string;
  readonly source: string;
  readonly bytes: number;
  /** The rule with its numbers; the parts rounded as people round them, and then added. */
  readonly formula: string;
  readonly misses: readonly string[];
}

/** One part of a rule's sum. */
interface Term {
  readonly text: string;
  readonly bytes: number;
  /** Rounded by the rule itself at another place than the end, MiB. */
  readonly rounded?: number;
}

interface Rule {
  readonly name: string;
  readonly source: string;
  readonly terms: (count: HandCount) => readonly Term[] | undefined;
  readonly misses: readonly (string | ((count: HandCount) => string))[];
}

export function rulesOfThumb(count: HandCount): readonly RuleOfThumb[] {
  return RULES.flatMap(({ name, source, terms, misses }) => {
    const parts = terms(count);
    if (!parts) return [];
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    const sentences = misses.map((sentence) => (typeof sentence === "string" ? sentence : sentence(count)));
    return [{ name, source, bytes: Math.ceil(bytes), formula: formula(parts, bytes), misses: sentences }];
  });
}

const THREAD = "https://datascience.stackexchange.com/q/12649";
const NOTES = "https://cs231n.github.io/convolutional-networks/";

const grouped = (value: number) => String(value).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ",");
/** MiB to two digits, as the thread prints them. */
const hundredths = (bytes: number) => Math.round((bytes / MiB) * 100) / 100;

function formula(parts: readonly Term[], bytes: number): string {
  const rounded = parts.map((part) => part.rounded ?? hundredths(part.bytes));
  const total = rounded.reduce((sum, value) => sum + value, 0).toFixed(2);
  const exact = hundredths(bytes).toFixed(2);
  const sum = parts.length > 1 ? `${rounded.map((value) => value.toFixed(2)).join(" + ")} = ` : "";
  return `${parts.map(({ text }) => text).join(" + ")} = ${sum}${total} MiB${total === exact ? "" : ` (${exact} when rounded once)`}`;
}

/** `factors` multiplied, and bytes of an element. */
function product(bytesPerElement: number, ...factors: readonly number[]): Term {
  const shown = factors.filter((factor, i) => factor !== 1 || i === factors.length - 1);
  const bytes = factors.reduce((product, factor) => product * factor, bytesPerElement);
  return { text: `${shown.map(grouped).join(" x ")} x ${bytesPerElement} B`, bytes };
}

const miniBatch = ({ bytesPerElement, batch, inputElements }: HandCount) =>
  product(bytesPerElement, batch, inputElements);

const KORTHIKANTI = "Korthikanti et al. 2022, Reducing Activation Recomputation (arXiv:2205.05198)";
/** Bytes of one block per element of [tokens, batch, width], and per score of its attention, in 16 bits. */
const PER_ELEMENT = 34;
const PER_SCORE = 5;
const PER_BLOCK_INPUT = 2;

const perBlock = ({ batch, transformer }: HandCount, bytes: number): Term | undefined =>
  transformer && product(bytes, transformer.layers, transformer.tokens, batch, transformer.width);

const scores = ({ batch, transformer }: HandCount): Term | undefined =>
  transformer && product(PER_SCORE, transformer.layers, transformer.heads, transformer.tokens ** 2, batch);

const defined = (...terms: readonly (Term | undefined)[]): Term[] | undefined =>
  terms.every((term) => term !== undefined) ? (terms as Term[]) : undefined; // as: checked

const ONLY_BLOCKS =
  "activations of the blocks alone: parameters, gradients, states, embeddings and logits come on top";

const OUTSIDE =
  "no workspace of cuDNN and cuBLAS, no allocator slack, no CUDA context (hundreds of MiB on their own)";
const ADAM = "three copies are parameters, gradients and one state; Adam keeps two states, plain SGD none";
const ALL_GRADIENTS = "gradients of activations live for a layer or two, not all at once";
const OUTPUTS_ARE_NOT_SAVED =
  "backward does not read every output: a convolution's result dies after its ReLU, pooling keeps indices of 8 B each";
const NO_ACTIVATIONS =
  "no activations, whatever the batch: for images and long sequences they are most of the memory";

/** Add a rule here: every one with its source, and what a reader learns from its error. */
const RULES: readonly Rule[] = [
  {
    name: "CS231n notes, as the question reads them",
    source: `${NOTES}#comp, applied in ${THREAD}`,
    terms: (count) => [
      product(count.bytesPerElement, count.activations),
      product(count.bytesPerElement, 3, count.parameters),
      miniBatch(count),
    ],
    misses: [
      ({ batch, activations, bytesPerElement }) =>
        `activations are counted for one sample; backward keeps those of all ${grouped(batch)}: ${hundredths(batch * activations * bytesPerElement).toFixed(2)} MiB`,
      "the notes also count a gradient for every activation; the question leaves it out",
      ADAM,
      OUTSIDE,
    ],
  },
  {
    name: "the question's own correction",
    source: `${THREAD}: "I'd need more …"`,
    terms: (count) => [
      product(count.bytesPerElement, count.activations),
      product(count.bytesPerElement, 3, count.parameters),
      miniBatch(count),
      product(count.bytesPerElement, count.batch, count.activations),
    ],
    misses: [
      "right in size, wrong in reason: activations of the whole mini-batch are kept for backward, not a gradient for each image",
      "gradients of parameters are summed over the batch while they are computed: one copy, whatever the batch",
      OUTPUTS_ARE_NOT_SAVED,
      ADAM,
      OUTSIDE,
    ],
  },
  {
    name: "the thread's answer: activations twice, times the batch",
    source: `${THREAD}: "Total Memory: (4.06 * 128) + 218.27 + 4.39"`,
    terms: (count) => {
      const { bytesPerElement, batch, activations, parameters } = count;
      const term = product(bytesPerElement, batch, 2, activations);
      // the answer rounds the figure of one image to two digits and then multiplies it by the batch
      const rounded = batch * hundredths(2 * activations * bytesPerElement);
      return [{ ...term, rounded }, product(bytesPerElement, 3, parameters), miniBatch(count)];
    },
    misses: [
      ALL_GRADIENTS,
      OUTPUTS_ARE_NOT_SAVED,
      "it can land near the truth because two errors pull apart: too many activation gradients, nothing outside tensors",
      "one image's figure is rounded before it is multiplied by the batch",
      "dividing bytes by 1024^2 gives MiB; calling it GB is a slip of a factor of 1024, GiB takes 1024^3",
      ADAM,
      OUTSIDE,
    ],
  },
  {
    name: "backward is up to three times forward",
    source: `${THREAD} ("multiply memory X 3") and https://datascience.stackexchange.com/q/17286`,
    terms: ({ bytesPerElement, batch, activations, parameters, inputElements }) => [
      product(bytesPerElement, 3, batch, activations),
      product(bytesPerElement, 3, parameters),
      product(bytesPerElement, 3, batch, inputElements),
    ],
    misses: [
      "backward takes about twice the time of forward; memory does not follow time",
      ALL_GRADIENTS,
      "saved tensors shrink while gradients of parameters grow: the peak is early in backward, where few of the latter exist",
      OUTSIDE,
    ],
  },
  {
    name: "torchsummary, Estimated Total Size",
    source: 'https://github.com/sksq96/pytorch-summary, torchsummary.py ("x2 for gradients")',
    terms: (count) => [
      miniBatch(count),
      product(count.bytesPerElement, 2, count.batch, count.activations),
      product(count.bytesPerElement, count.parameters),
    ],
    misses: [
      "without batch_size= it counts one sample",
      "gradients of parameters and optimizer states are missing",
      "every module's output counts twice, an in-place ReLU's too, though it makes no tensor",
      ALL_GRADIENTS,
      OUTSIDE,
    ],
  },
  {
    name: "torchinfo, Estimated Total Size",
    source:
      'https://github.com/TylerYep/torchinfo, model_statistics.py ("x2 for gradients"); printed in units of 1000^2',
    terms: (count) => {
      const { parameterLayerActivations: outputs, bytesPerElement, batch, parameters } = count;
      return outputs === undefined
        ? undefined
        : [
            miniBatch(count),
            product(bytesPerElement, 2, batch, outputs),
            product(bytesPerElement, parameters),
          ];
    },
    misses: [
      "outputs of layers without parameters count nothing, though backward keeps what pooling, activations and dropout need",
      "gradients of parameters and optimizer states are missing",
      ALL_GRADIENTS,
      OUTSIDE,
    ],
  },
  {
    name: "Keras: sum of layer outputs and weights",
    source: "https://stackoverflow.com/q/43137288 (get_model_memory_usage)",
    terms: ({ bytesPerElement, batch, activations, parameters }) => [
      product(bytesPerElement, batch, activations),
      product(bytesPerElement, parameters),
    ],
    misses: [
      "that is a forward pass in which nothing is ever freed, not a training step",
      "gradients and optimizer states are missing, and the mini-batch where the input is no layer",
      "the first version in that thread multiplied the weights by the batch too",
      OUTSIDE,
    ],
  },
  {
    name: "accelerate estimate-memory, training with Adam",
    source:
      "https://github.com/huggingface/accelerate, commands/estimate.py (estimate_training_usage, float32)",
    terms: ({ bytesPerElement, parameters }) => [product(bytesPerElement, 4, parameters)],
    misses: [
      NO_ACTIVATIONS,
      "its own docstring says: for a batch size of 1",
      "the optimizer's temporaries are missing: foreach Adam needs one more copy for a moment",
      OUTSIDE,
    ],
  },
  {
    name: "16 bytes per parameter",
    source:
      "ZeRO, Rajbhandari et al. 2020, section 3.1 (arXiv:1910.02054): 2 + 2 + 12 B, mixed precision with Adam",
    terms: ({ parameters }) => [product(16, parameters)],
    misses: [
      NO_ACTIVATIONS,
      "the paper's half-precision parameters and gradients with float32 master copies; float32 training takes 16 B too, in other parts: 4 + 4 + 8",
      "the same paper names activations, temporary buffers and fragmentation as the rest",
      OUTSIDE,
    ],
  },
  {
    name: "18 bytes per parameter",
    source:
      "https://huggingface.co/docs/transformers/model_memory_anatomy: 6 B weights, 8 B AdamW states, 4 B gradients",
    terms: ({ parameters }) => [product(18, parameters)],
    misses: [
      NO_ACTIVATIONS,
      "a half-precision copy of every weight at once: PyTorch's autocast casts one layer at a time, and keeps the copies until forward ends",
      OUTSIDE,
    ],
  },
  {
    name: "34sbh + 5as²b for each block",
    source: `${KORTHIKANTI}, equation 1: no recomputation`,
    terms: (count) => defined(perBlock(count, PER_ELEMENT), scores(count)),
    misses: [
      "for blocks with GELU, LayerNorm and dropout in 16 bits whose attention keeps its scores; statistics of the norms, 16sb, are left out as the paper says",
      "with gated feed-forward layers, RMSNorm or rotary positions other tensors are kept",
      ONLY_BLOCKS,
    ],
  },
  {
    name: "34sbh for each block",
    source: `${KORTHIKANTI}, section 5: selective recomputation; flash attention keeps as much`,
    terms: (count) => defined(perBlock(count, PER_ELEMENT)),
    misses: ["flash attention also keeps 4asb, a sum per row of its scores", ONLY_BLOCKS],
  },
  {
    name: "2sbh for each block",
    source: `${KORTHIKANTI}, section 5: full recomputation keeps a block's input`,
    terms: (count) => defined(perBlock(count, PER_BLOCK_INPUT)),
    misses: ["while a block is computed again, all of its 34sbh + 5as²b are there for a moment", ONLY_BLOCKS],
  },
];
