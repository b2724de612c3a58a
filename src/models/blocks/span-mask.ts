/**
 * SpecAugment: spans of frames are replaced by a learned vector while a model trains.
 *
 * Source  transformers 5.18, models/wav2vec2/modeling_wav2vec2.py _mask_hidden_states, _compute_mask_indices
 * Untrue  spans are taken not to overlap; masks over features are left out
 * `B` batch, `T` frames, `W` width.
 */
import type { Diagnostic } from "../../base/complaint.js";
import type { ValueId } from "../../ir/graph.js";
import type { Config } from "../config.js";
import type { Frame } from "../frame.js";
import type { Module } from "../module.js";

/** The vector is there if any mask can be; it is used where `apply_spec_augment` does not forbid it. */
export function spanMask(m: Module, config: Config): (f: Frame, states: ValueId) => ValueId {
  const [share, other] = [config.number("mask_time_prob"), config.number("mask_feature_prob")];
  const width = config.count("hidden_size");
  const vector = share > 0 || other > 0 ? m.parameter("masked_spec_embed", [width]) : null;
  const length = config.count("mask_time_length");
  const least = config.number("mask_time_min_masks");
  return (f, states) => {
    if (!vector || !f.run.training || share <= 0 || !config.flag("apply_spec_augment", true)) return states;
    return f.call([states], (g) => {
      const [batch, frames] = g.shape(states) as readonly [number, number, number];
      const spans = Math.max(Math.round((share * frames) / length), least);
      const hidden = batch * Math.min(spans * length, frames);
      const mask = g.set("mask_time_indices", g.create([batch, frames], "bool"));
      const rows = g.expand(g.unsqueeze(g.toTypeOf(vector, states), 0), [hidden, width]);
      return g.op("indexPut", { self: states, indices: [mask], values: rows }, { inPlace: true });
    });
  };
}

/** Says that the masks of a step are a guess. */
export function hidesSpans(config: Config, training: boolean): Diagnostic[] {
  const applies = config.flag("apply_spec_augment", true) && config.number("mask_time_prob") > 0;
  if (!training || !applies) return [];
  const message = "SpecAugment hides spans at random: as many frames as mask_time_prob says are counted";
  return [{ code: "config/spec-augment", severity: "info", message, where: config.source }];
}
