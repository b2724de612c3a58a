/** `plimsoll fit`: the largest size that fits, on one device or on each. */
import type { FitOptions, FitReport } from "../../index.js";
import { fit } from "../../fit.js";
import { fitList, renderFit, renderFitMarkdown } from "../../present/fit-text.js";
import { renderJson } from "../../present/json.js";
import { renderListCsv } from "../../present/csv.js";
import { EXIT } from "../exit-codes.js";
import { type ModelFlags, resolveFlags, withModel } from "../model-command.js";
import { print, terminalWidth, wantsColor } from "../terminal.js";

export interface FitFlags extends ModelFlags {
  readonly for?: "batch" | "sequence" | "image";
  readonly margin?: string;
  readonly confidence?: string;
}

export async function runFit(path: string, flags: FitFlags): Promise<number> {
  const options: FitOptions = {
    ...(await resolveFlags(flags)),
    ...(flags.for !== undefined && { for: flags.for }),
    ...(flags.margin !== undefined && { margin: flags.margin }),
    ...(flags.confidence !== undefined && { confidence: flags.confidence }),
  };
  const report = await withModel(path, (model) => fit(model, options));
  await print(render(report, flags));
  return report.nearestMiss ? EXIT.doesNotFit : EXIT.done;
}

function render(report: FitReport, flags: FitFlags): string {
  if (flags.json) return renderJson(report);
  if (flags.csv) return renderListCsv(fitList(report));
  if (flags.markdown) return renderFitMarkdown(report);
  return renderFit(report, {
    width: terminalWidth(),
    color: wantsColor(flags),
    quiet: flags.quiet === true,
  });
}
