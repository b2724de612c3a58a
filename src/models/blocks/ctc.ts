/**
 * The loss of connectionist temporal classification, with its lengths, as the heads compute it.
 *
 * Source  transformers 5.18, models/wav2vec2/modeling_wav2vec2.py Wav2Vec2ForCTC.forward; torch 2.14,
 *         aten/src/ATen/native/LossCTC.cpp ctc_loss
 * Untrue  every label is taken to count (none is -100), and the scratch memory of choosing them is left out
 * `B` batch, `N` samples, `T` frames, `L` letters, `V` vocabulary.
 */
import type { ValueId } from "../../ir/graph.js";
import { badValue } from "../complaints.js";
import type { Config } from "../config.js";
import type { Frame } from "../frame.js";

export interface Transcribed {
  /** [B, N] */
  readonly sound: ValueId;
  /** [B, T, V] */
  readonly logits: ValueId;
  /** [B, L] */
  readonly labels: ValueId;
}

/** In float32; variables are those of the class's forward. */
export function ctcLoss(f: Frame, config: Config, { sound, logits, labels }: Transcribed): ValueId {
  const reduction = config.text("ctc_loss_reduction");
  if (reduction !== "sum" && reduction !== "mean")
    throw badValue(config.source, "ctc_loss_reduction", "sum or mean", reduction);
  const [batch, letters] = f.shape(labels) as readonly [number, number];
  const ones = f.set("attention_mask", f.op("create", { self: sound }, { dtype: "int64", spelledOut: true }));
  f.set("input_lengths", frames(f, config, f.apply("sum", ones, { dim: [-1] })));
  const counted = f.set("labels_mask", f.op("ge", { self: labels }, { other: 0 }));
  const lengths = f.set("target_lengths", f.apply("sum", counted, { dim: [-1] }));
  const targets = f.set("flattened_targets", f.create([batch * letters], "int64"));
  const rows = f.apply("logSoftmax", logits, { dim: -1, dtype: "float32" });
  const log_probs = f.set("log_probs", f.transpose(rows, 0, 1));
  return f.call([log_probs, targets], (g) => {
    let losses = g.set("res", g.op("ctcLoss", { log_probs, targets }, { max_target_length: letters }));
    if (config.flag("ctc_zero_infinity")) {
      const zero = g.create([], "float32");
      const infinite = g.op("eq", { self: losses }, { other: 1 });
      losses = g.set("res", g.op("where", { condition: infinite, self: zero, other: losses }));
    }
    if (reduction === "sum") return g.apply("sum", losses);
    const least = g.set("target_lengths_t", g.apply("clamp", g.to(lengths, "float32"), { min: 1 }));
    return g.apply("mean", g.op("div", { self: losses, other: least }));
  });
}

/** `_get_feat_extract_output_lengths`: one formula per convolution, on the device. [B] */
function frames(f: Frame, config: Config, samples: ValueId): ValueId {
  return f.call([samples], (g) =>
    config.counts("conv_kernel").reduce((length) => {
      const next = g.call([length], (h) => {
        const divided = h.op(
          "floorDivide",
          { self: h.op("sub", { self: length }, { other: 1 }) },
          { other: 1 },
        );
        return h.op("add", { self: divided }, { other: 1 });
      });
      return g.set("input_lengths", next);
    }, samples),
  );
}
