/** `explain --formula`: the peak's formula with every term it is made of. */
import { checkFlags } from "./check-options.js";
import { closedForm, linearize } from "./closed-form.js";
import type { ImportedModel } from "./importers/model.js";
import { type Derivation, termsOf } from "./report/derivation.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import { formInSequence } from "./sequence-form.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";

export function deriveFormula(model: ImportedModel, options: Options): Derivation {
  const { resolved } = worstRank(model, resolveSetup(checkFlags(options), model));
  const { setup, report } = resolved;
  const { tape, step } = runPipeline(model, resolved);
  const planned = { step, batch: setup.batch };
  const { pieces, bound } = closedForm(model, resolved, planned);
  const linear = linearize(model, resolved, planned);
  // where another batch makes other tensors, every block counts as it is
  const asked =
    linear && linear.planned.step === step
      ? linear.lines
      : step.blocks.map(({ bytes }) => ({ fixed: bytes, perBatch: 0 }));
  const { batch, step: which } = setup;
  const { terms, moment } = termsOf({ tape, step, lines: asked, which, batch, sequence: report.sequence });
  return {
    schema: "plimsoll/formula@1",
    model: { name: model.name, source: model.source },
    setup: report,
    moment,
    pieces,
    bound,
    sequence: formInSequence(model, resolved),
    terms,
    totalBytes: Math.round(terms.reduce((sum, { bytes }) => sum + bytes, 0)),
  };
}
