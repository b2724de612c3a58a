/** `plimsoll explain`: the receipt of every byte. */
import type { ExplainReport } from "../../index.js";
import { explain } from "../../estimate.js";
import { renderExplanation } from "../../present/explain-text.js";
import { renderExplanationMarkdown } from "../../present/markdown.js";
import { renderJson } from "../../present/json.js";
import { renderLayersCsv } from "../../present/csv.js";
import { formulaAlone } from "../complaints.js";
import { EXIT } from "../exit-codes.js";
import { type ModelFlags, resolveFlags, withModel } from "../model-command.js";
import type { FormulaFlags } from "./formula.js";
import { print, terminalWidth, wantsColor } from "../terminal.js";

export async function runExplain(path: string, flags: FormulaFlags): Promise<number> {
  const options = await resolveFlags(flags);
  if (flags.latex && !flags.formula) throw formulaAlone("--latex");
  if (flags.formula && flags.csv) throw formulaAlone("--csv");
  if (flags.formula) {
    await print(await (await import("./formula.js")).formulaText(path, options, flags));
    return EXIT.done;
  }
  const report = await withModel(path, async (model) => {
    if (flags.plot !== undefined)
      await (await import("../plot-file.js")).writePlot(model, options, flags.plot);
    return explain(model, options);
  });
  await print(render(report, flags));
  return report.machine?.verdict === "does-not-fit" ? EXIT.doesNotFit : EXIT.done;
}

function render(report: ExplainReport, flags: ModelFlags): string {
  if (flags.json) return renderJson(report);
  if (flags.csv) return renderLayersCsv(report);
  if (flags.markdown) return renderExplanationMarkdown(report);
  return renderExplanation(report, {
    width: terminalWidth(),
    color: wantsColor(flags),
    quiet: flags.quiet === true,
  });
}
