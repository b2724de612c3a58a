/** `plimsoll estimate`: the number, the breakdown, the verdict. */
import { usualRule } from "../../by-hand.js";
import { emitStage } from "../../emit.js";
import type { EstimateReport, ImportedModel, Options } from "../../index.js";
import { estimate, explain } from "../../estimate.js";
import { renderEstimateCsv } from "../../present/csv.js";
import { renderEstimateMarkdown } from "../../present/markdown.js";
import { renderJson } from "../../present/json.js";
import { renderText } from "../../present/text.js";
import { sequenceFormOf } from "../../sequence-form.js";
import { largestBatch } from "../../search.js";
import { EXIT } from "../exit-codes.js";
import { type ModelFlags, resolveFlags, withModel } from "../model-command.js";
import type { VersusFlags } from "./versus.js";
import { print, terminalWidth, wantsColor } from "../terminal.js";

const LONGEST_PATH = 30;

export async function runEstimate(path: string, flags: VersusFlags): Promise<number> {
  const options = await resolveFlags(flags);
  if (flags.vs !== undefined || flags.vsSetup !== undefined || flags.vsSet !== undefined)
    return (await import("./versus.js")).runVersus(path, options, flags);
  const { text, code } = await withModel(path, async (model) => {
    if (flags.plot !== undefined)
      await (await import("../plot-file.js")).writePlot(model, options, flags.plot);
    return answer(model, path, options, flags);
  });
  await print(text);
  return code;
}

interface Answer {
  readonly text: string;
  readonly code: number;
}

function answer(model: ImportedModel, path: string, options: Options, flags: ModelFlags): Answer {
  if (flags.emit) return { text: emitStage(model, options, flags.emit), code: EXIT.done };
  if (!flags.json && !flags.csv && !flags.markdown) return inText(model, path, options, flags);
  const report = estimate(model, options);
  const render = flags.json ? renderJson : flags.csv ? renderEstimateCsv : renderEstimateMarkdown;
  return { text: render(report), code: codeOf(report) };
}

function inText(model: ImportedModel, path: string, options: Options, flags: ModelFlags): Answer {
  const report = explain(model, options);
  const largest = largestBatch(model, options);
  const byHand = usualRule(model, options, report);
  const inSequence = report.setup.sequence === null ? null : sequenceFormOf(model, options);
  const text = renderText(report, {
    width: terminalWidth(),
    color: wantsColor(flags),
    quiet: flags.quiet === true,
    ...(largest && { largestBatch: largest }),
    ...(inSequence && { inSequence }),
    ...(byHand && { byHand }),
    next: nextSteps(path, report),
  });
  return { text, code: codeOf(report) };
}

/** Commands to copy; a long path of a file is shortened, because nobody types it anyway. */
function nextSteps(path: string, { machine }: EstimateReport): string[] {
  const isShort = path.length <= LONGEST_PATH || !/\.\w+$/.test(path);
  const file = isShort ? path : `…/${path.replace(/^.*[/\\]/, "")}`;
  return [
    `plimsoll explain ${file} shows every byte`,
    ...(machine ? [] : ["--gpu NAME says whether it fits"]),
  ];
}

export function codeOf({ machine }: EstimateReport): number {
  return machine?.verdict === "does-not-fit" ? EXIT.doesNotFit : EXIT.done;
}
