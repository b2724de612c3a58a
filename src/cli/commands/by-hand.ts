/** `plimsoll by-hand`: every known rule of thumb side by side, each with what it misses. */
import { byHand, countByHand } from "../../by-hand.js";
import { handCount } from "../../complaints.js";
import { explain } from "../../estimate.js";
import { renderByHand } from "../../present/by-hand-text.js";
import { renderJson } from "../../present/json.js";
import { renderListCsv } from "../../present/csv.js";
import { EXIT } from "../exit-codes.js";
import { withModel } from "../model-command.js";
import { type OutputFlags, print, terminalWidth, wantsColor } from "../terminal.js";

export interface ByHandFlags extends OutputFlags {
  readonly activations?: string;
  readonly parameters?: string;
  readonly input?: string;
  readonly batch?: string;
  readonly bytesPerElement?: string;
}

export async function runByHand(path: string | undefined, flags: ByHandFlags): Promise<number> {
  const { report, answer } =
    path === undefined ? { report: fromFlags(flags), answer: undefined } : await fromModel(path, flags);
  if (flags.json) await print(renderJson({ ...report, ...(answer && { answer }) }));
  else if (flags.csv) {
    const rows = report.rules.map(({ name, bytes, source }) => [name, String(bytes), source]);
    await print(
      renderListCsv({
        columns: ["rule", "bytes", "source"].map((title) => ({ title, align: "left" })),
        rows,
      }),
    );
  } else {
    await print(
      renderByHand(report, {
        width: terminalWidth(),
        color: wantsColor(flags),
        quiet: flags.quiet === true,
        ...(answer && { answer }),
      }),
    );
  }
  return EXIT.done;
}

function fromFlags(flags: ByHandFlags) {
  const { input } = flags;
  if (input === undefined || !/^\d+(x\d+)*$/.test(input))
    throw handCount("inputElements", input ?? "nothing", "the dims of one sample, such as 180x50x1");
  return byHand({
    activations: number("activations", flags.activations),
    parameters: number("parameters", flags.parameters),
    inputElements: input.split("x").reduce((product, dim) => product * Number(dim), 1),
    batch: number("batch", flags.batch ?? "1"),
    ...(flags.bytesPerElement !== undefined && {
      bytesPerElement: number("bytesPerElement", flags.bytesPerElement),
    }),
  });
}

function fromModel(path: string, flags: ByHandFlags) {
  const options = flags.batch === undefined ? {} : { batch: number("batch", flags.batch) };
  return withModel(path, (model) => {
    const estimate = explain(model, options);
    const { allocatedBytes, deviceTotalBytes } = estimate.peak;
    return {
      report: byHand(countByHand(model, options, estimate)),
      answer: { name: model.name, allocatedBytes, deviceTotalBytes },
    };
  });
}

function number(name: string, text: string | undefined): number {
  if (text !== undefined && /^[\d_,]+$/.test(text)) return Number(text.replace(/[_,]/g, ""));
  throw handCount(name, text ?? "nothing", "a whole number, such as 19072984");
}
