/**
 * What encoder-decoder models share around their two stacks: inputs, the decoder's tokens, and the loss.
 *
 * Source  transformers 5.18: models/t5/modeling_t5.py _shift_right; bart/modeling_bart.py shift_tokens_right
 */
import type { ValueId } from "../../ir/graph.js";
import { dense } from "../../ir/tensor.js";
import type { FamilyRequest } from "../family.js";
import type { Frame } from "../frame.js";
import type { DrawnModel } from "../module.js";

/** Tokens of the target: those of `labels` where its shape is given, else as many as the source has. */
export function targetLabels(
  { batch, shapes }: FamilyRequest,
  otherwise: number,
): DrawnModel["inputs"][number] {
  return { name: "labels", spec: dense(shapes.labels ?? [batch, otherwise], "int64") };
}

/** The source's tokens, the target's (the decoder reads them shifted, so they are there without training too), a padding mask. */
export function seq2seqInputs(request: FamilyRequest): DrawnModel["inputs"] {
  const { batch, sequence, shapes } = request;
  const ids = { name: "input_ids", spec: dense(shapes.input_ids ?? [batch, sequence], "int64") };
  const mask = shapes.attention_mask;
  return [
    ids,
    targetLabels(request, sequence),
    ...(mask ? [{ name: "attention_mask", spec: dense(mask, "int64") }] : []),
  ];
}

/** The target behind a start token: what the decoder has seen before it says each token. [B, T] */
export function shiftedRight(f: Frame, tokens: ValueId): ValueId {
  return f.call([tokens], (g) => {
    const [, length] = g.shape(tokens) as readonly [number, number];
    const shifted = g.set("shifted_input_ids", g.create(g.shape(tokens), "int64"));
    const earlier = g.apply("clone", g.slice(tokens, -1, 0, length - 1));
    g.op("copy", { self: g.slice(shifted, -1, 1, length), src: earlier }, { inPlace: true });
    g.op("fill", { self: g.op("select", { self: shifted }, { dim: -1, index: 0 }) }, { inPlace: true });
    const ignored = g.op("eq", { self: shifted }, { other: -100 });
    g.op("maskedFill", { self: shifted, mask: ignored }, { inPlace: true });
    return shifted;
  });
}

/** MBart's: the target's last token, which names its language, comes around to the front. [B, T] */
export function shiftedAround(f: Frame, tokens: ValueId): ValueId {
  return f.call([tokens], (g) => {
    const [, length] = g.shape(tokens) as readonly [number, number];
    const shifted = g.set("prev_output_tokens", g.apply("clone", tokens));
    const ignored = g.op("eq", { self: shifted }, { other: -100 });
    g.op("maskedFill", { self: shifted, mask: ignored }, { inPlace: true });
    const counted = g.apply("sum", g.op("ne", { self: shifted }, { other: 1 }), { dim: [1] });
    const at = g.set("index_of_eos", g.unsqueeze(g.op("sub", { self: counted }, { other: 1 }), -1));
    const last = g.op("squeeze", { self: g.op("gather", { self: shifted, index: at }, { dim: 1 }) });
    g.set("decoder_start_tokens", last);
    const earlier = g.apply("clone", g.slice(shifted, -1, 0, length - 1));
    g.op("copy", { self: g.slice(shifted, -1, 1, length), src: earlier }, { inPlace: true });
    const first = g.op("select", { self: shifted }, { dim: -1, index: 0 });
    g.op("copy", { self: first, src: last }, { inPlace: true });
    return shifted;
  });
}

/** CrossEntropyLoss over every token, in the logits' own type. [B, T, V], [B, T] */
export function targetLoss(f: Frame, logits: ValueId, labels: ValueId): ValueId {
  const rows = f.view(logits, [-1, f.shape(logits).at(-1) as number]);
  return f.op("crossEntropy", { self: rows, target: f.view(labels, [-1]) });
}
