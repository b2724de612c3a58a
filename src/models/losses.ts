/**
 * Losses that take hidden states and the head instead of logits, for heads that predict the next token.
 *
 * Each is called where transformers would compute logits and their loss; nothing returns logits.
 * Source  Liger Kernel 0.8.5, transformers/model/loss_utils.py LigerForCausalLMLoss; torchtitan (2026-08) and torchtune (2026-04),
 *         …/loss.py ChunkedLossWrapper, cross_entropy_loss.py LinearCrossEntropyLoss; torch.nn.functional.linear_cross_entropy
 */
import { elements } from "../base/shape.js";
import type { ValueId } from "../ir/graph.js";
import type { LinearLayer } from "./blocks/linear.js";
import type { Frame } from "./frame.js";

/** Hidden states [B, S, D] and labels [B, S] to a scalar. */
type LinearLoss = (f: Frame, hidden: ValueId, labels: ValueId, head: LinearLayer) => ValueId;

export interface LinearLossEntry {
  readonly title: string;
  readonly draw: LinearLoss;
  /** Capped logits are no obstacle: the kernel caps them. */
  readonly caps?: true;
}

export type LinearLossName = keyof typeof LINEAR_LOSSES;

/** By the name `--loss` takes. */
export const LINEAR_LOSSES = {
  chunked: {
    title: "torchtune's LinearCrossEntropyLoss: 8 chunks, all of them kept for backward",
    draw: chunked,
  },
  "chunked-backward": {
    title: "torchtitan's ChunkedLossWrapper: 8 chunks, each with its backward before the next",
    draw: opaque("chunked-backward"),
  },
  fused: {
    title: "Liger's fused linear cross-entropy: gradients made in forward, chunk by chunk",
    draw: liger,
    caps: true,
  },
  linear: {
    title: "torch.nn.functional.linear_cross_entropy with LinearCrossEntropyOptions()",
    draw: opaque("linear"),
  },
} as const satisfies Record<string, LinearLossEntry>;

/** Chunks of torchtune's loss when a recipe names no number. */
const CHUNKS = 8;

/** Labels of the next tokens: padded behind, cut in front. */
function shifted(f: Frame, labels: ValueId): ValueId {
  return f.call([labels], (g) => {
    const padded = g.set("labels", g.apply("pad", labels, { pad: [0, 1], value: -100 }));
    const [, length] = g.shape(padded) as readonly [number, number];
    return g.contiguous(g.slice(padded, -1, 1, length));
  });
}

/** Both the padded labels and those cut are variables of the function that calls the kernel. */
function liger(f: Frame, hidden: ValueId, labels: ValueId, { weight }: LinearLayer): ValueId {
  return f.call([hidden, labels], (g) => {
    const padded = g.set("argument 1", g.apply("pad", labels, { pad: [0, 1], value: -100 }));
    const [, length] = g.shape(padded) as readonly [number, number];
    const target = g.set("shift_labels", g.contiguous(g.slice(padded, -1, 1, length)));
    const input = g.set("argument 0", g.reshape(hidden, [-1, g.shape(hidden).at(-1) as number]));
    return g.op("linearLoss", { input, weight, bias: null, target: g.view(target, [-1]) }, { kind: "fused" });
  });
}

function opaque(kind: string): LinearLoss {
  return (f, hidden, labels, { weight }) => {
    const target = f.set("shift_labels", shifted(f, labels));
    return f.call([hidden, target], (g) => {
      const input = g.set("pred", g.reshape(hidden, [-1, g.shape(hidden).at(-1) as number]));
      return g.op("linearLoss", { input, weight, bias: null, target: g.view(target, [-1]) }, { kind });
    });
  };
}

/** Every label counts: what is masked would be cut out of hidden states before. */
function chunked(f: Frame, hidden: ValueId, labels: ValueId, head: LinearLayer): ValueId {
  const target = f.set("shift_labels", shifted(f, labels));
  return f.call([hidden, target], (g) => {
    const width = g.shape(hidden).at(-1) as number;
    const index = g.set("indices", g.arange(elements(g.shape(target))));
    const choose = (self: ValueId) => g.op("indexSelect", { self, index }, { dim: 0 });
    const states = g.set("outputs", choose(g.reshape(hidden, [-1, width])));
    const targets = g.set("targets", choose(g.view(target, [-1])));
    const split = (self: ValueId) => g.ops("tensorSplit", { self }, { sections: CHUNKS, dim: 0 });
    const pieces = split(targets);
    const total = g.set("total_loss", g.create([], "float32"));
    for (const [i, chunk] of split(states).entries()) {
      const piece = pieces[i] as ValueId; // as: both are as long
      const loss = g.call([chunk, piece], (h) => {
        const logits = h.set("logits", head(h, chunk));
        return h.op("crossEntropy", { self: h.to(logits, "float32"), target: piece }, { reduction: 2 });
      });
      g.set("loss", loss);
      g.op("add", { self: total, other: loss }, { inPlace: true });
    }
    return g.op("div", { self: total }, { other: 1 });
  });
}
