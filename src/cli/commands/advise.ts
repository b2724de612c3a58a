/** `plimsoll advise`: ranked changes, and those that make the step fit together. */
import type { AdviceReport } from "../../index.js";
import { advise } from "../../advise.js";
import { adviceList, renderAdvice, renderAdviceMarkdown } from "../../present/advice-text.js";
import { renderJson } from "../../present/json.js";
import { renderListCsv } from "../../present/csv.js";
import { EXIT } from "../exit-codes.js";
import { type ModelFlags, resolveFlags, withModel } from "../model-command.js";
import { print, terminalWidth, wantsColor } from "../terminal.js";

/** 1 when it does not fit as asked and no combination of changes does. */
export async function runAdvise(path: string, flags: ModelFlags): Promise<number> {
  const options = await resolveFlags(flags);
  const report = await withModel(path, (model) => advise(model, options));
  await print(render(report, flags));
  return report.now.fits || report.plan?.fits ? EXIT.done : EXIT.doesNotFit;
}

function render(report: AdviceReport, flags: ModelFlags): string {
  if (flags.json) return renderJson(report);
  if (flags.csv) return renderListCsv(adviceList(report));
  if (flags.markdown) return renderAdviceMarkdown(report);
  return renderAdvice(report, {
    width: terminalWidth(),
    color: wantsColor(flags),
    quiet: flags.quiet === true,
  });
}
