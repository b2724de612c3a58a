/**
 * Losses that transformers' heads compute themselves.
 *
 * Source  transformers 5.18, loss/loss_utils.py
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";

function crossEntropy(f: Frame, self: ValueId, target: ValueId): ValueId {
  return f.call([self, target], (g) => g.set("loss", g.op("crossEntropy", { self, target })));
}

/** ForCausalLMLoss: float32 logits against the next token's label. [B, S, V], [B, S] */
export function causalLoss(f: Frame, given: ValueId, labels: ValueId): ValueId {
  return f.call([given, labels], (g) => {
    const vocabulary = g.shape(given).at(-1) as number;
    const logits = g.set("argument 0", g.to(given, "float32"));
    const padded = g.set("argument 1", g.apply("pad", labels, { pad: [0, 1], value: -100 }));
    const [, length] = g.shape(padded) as readonly [number, number];
    const shifted = g.set("shift_labels", g.contiguous(g.slice(padded, -1, 1, length)));
    const rows = g.set("argument 0", g.view(logits, [-1, vocabulary]));
    return g.set("loss", crossEntropy(g, rows, g.view(shifted, [-1])));
  });
}

/** ForMaskedLMLoss: float32 logits against labels of the same tokens. */
export function tokenLoss(f: Frame, given: ValueId, labels: ValueId): ValueId {
  return f.call([given, labels], (g) => {
    const classes = g.shape(given).at(-1) as number;
    const logits = g.set("argument 0", g.to(given, "float32"));
    return g.set("loss", crossEntropy(g, g.view(logits, [-1, classes]), g.view(labels, [-1])));
  });
}

/** ForSequenceClassificationLoss with one label per sequence, in the logits' own type. [B, C], [B] */
export function classLoss(f: Frame, logits: ValueId, labels: ValueId): ValueId {
  const classes = f.shape(logits).at(-1) as number;
  return f.call([logits, labels], (g) =>
    crossEntropy(g, g.view(logits, [-1, classes]), g.view(labels, [-1])),
  );
}

/** ElectraForPreTraining's, as if no token were padding: binary cross-entropy of one score per token. [B, S], [B, S] */
export function replacedLoss(f: Frame, logits: ValueId, labels: ValueId): ValueId {
  const [batch, length] = f.shape(logits) as readonly [number, number];
  const self = f.view(logits, [batch, length]);
  const target = f.to(labels, "float32");
  return f.call([self, target], (g) => g.op("binaryCrossEntropyWithLogits", { self, target }));
}

/** ForQuestionAnsweringLoss: where an answer starts, and where it ends. [B, S], [B] */
export function spanLoss(
  f: Frame,
  logits: readonly [ValueId, ValueId],
  positions: readonly [ValueId, ValueId],
): ValueId {
  return f.call([...logits, ...positions], (g) => {
    const last = g.shape(logits[0])[1] as number;
    const targets = positions.map((id, i) =>
      g.set(`positions ${i}`, g.apply("clamp", id, { min: 0, max: last })),
    );
    const [start, end] = logits.map((each, i) =>
      g.set(`loss ${i}`, crossEntropy(g, each, targets[i] as ValueId)),
    ) as [ValueId, ValueId];
    return g.op("div", { self: g.add(start, end) }, { other: 2 });
  });
}
