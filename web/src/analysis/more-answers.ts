/** What takes longer than an estimate, one row each; loaded when the first of them is asked. */
import {
  advise,
  byHandOf,
  checkFlags,
  compare,
  explain,
  fit,
  type ImportedModel,
  largestBatch,
  type Options,
  plotOf,
  readRecording,
} from "plimsoll";
import { renderPlot } from "plimsoll/present";
import { plainOf } from "./plain.js";
import type { More, MoreName } from "./protocol.js";

type Answer<N extends MoreName> = (
  model: ImportedModel,
  options: Options,
  recording: File | null,
) => More[N] | Promise<More[N]>;

export const MORE: { readonly [name in MoreName]: Answer<name> } = {
  largest: largestBatch,
  explained: (model, options) => {
    const report = explain(model, options);
    return { report: plainOf(report), rules: byHandOf(model, options, report).rules };
  },
  picture: (model, options) => {
    const { data, history } = plotOf(model, checkFlags(options));
    return { svg: renderPlot(data), data, history };
  },
  advice: (model, options) => plainOf(advise(model, checkFlags(options))),
  gpus: (model, { gpu: _, ...options }) => plainOf(fit(model, checkFlags(options))),
  compared: async (model, options, recording) =>
    plainOf(compare(model, recording && (await readRecording(recording)), options)),
};
