/** `plimsoll explain --formula`: the peak's formula, derived term by term. */
import { deriveFormula } from "../../derive-formula.js";
import type { Options } from "../../index.js";
import {
  renderDerivation,
  renderDerivationLatex,
  renderDerivationMarkdown,
} from "../../present/derivation.js";
import { renderJson } from "../../present/json.js";
import { type ModelFlags, withModel } from "../model-command.js";
import { terminalWidth, wantsColor } from "../terminal.js";

export interface FormulaFlags extends ModelFlags {
  readonly formula?: boolean;
  readonly latex?: boolean;
}

export async function formulaText(path: string, options: Options, flags: FormulaFlags): Promise<string> {
  const report = await withModel(path, (model) => deriveFormula(model, options));
  if (flags.json) return renderJson(report);
  if (flags.latex) return renderDerivationLatex(report);
  if (flags.markdown) return renderDerivationMarkdown(report);
  return renderDerivation(report, { width: terminalWidth(), color: wantsColor(flags) });
}
