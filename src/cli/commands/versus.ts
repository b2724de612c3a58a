/** `plimsoll estimate A --vs B`, `--vs-setup FILE`, `--vs-set KEY=VALUE`: two answers side by side. */
import { checkFlags } from "../../check-options.js";
import type { ImportedModel, Options } from "../../index.js";
import { renderJson } from "../../present/json.js";
import { renderListCsv } from "../../present/csv.js";
import { renderVersus, renderVersusMarkdown, versusList } from "../../present/versus-text.js";
import { type Side, versus } from "../../versus.js";
import { settingOf } from "../../settings.js";
import { notComparable, notASetting } from "../complaints.js";
import { EXIT } from "../exit-codes.js";
import { type ModelFlags, readSetupFile, withModel } from "../model-command.js";
import { print, terminalWidth, wantsColor } from "../terminal.js";

export interface VersusFlags extends ModelFlags {
  readonly vs?: string;
  readonly vsSetup?: string;
  readonly vsSet?: readonly string[];
}

/** The other side has the same settings, but for what the file says and what is set on top of it. */
export async function runVersus(path: string, options: Options, flags: VersusFlags): Promise<number> {
  for (const flag of ["emit", "plot"] as const)
    if (flags[flag] !== undefined) throw notComparable(`--${flag}`);
  const file = flags.vsSetup === undefined ? {} : await readSetupFile(flags.vsSetup);
  const other: Options = { ...options, ...file, ...checkFlags(settingsIn(flags.vsSet ?? [])) };
  const compare = (a: ImportedModel, b: ImportedModel) =>
    versus({ model: a, options }, { model: b, options: other } satisfies Side);
  const { vs } = flags;
  const settled = await withModel(path, async (model) =>
    vs === undefined ? compare(model, model) : withModel(vs, (second) => compare(model, second)),
  );
  if (flags.json) await print(renderJson(settled));
  else if (flags.csv) await print(renderListCsv(versusList(settled)));
  else if (flags.markdown) await print(renderVersusMarkdown(settled));
  else
    await print(
      renderVersus(settled, {
        width: terminalWidth(),
        color: wantsColor(flags),
        quiet: flags.quiet === true,
      }),
    );
  const isOver = [settled.a, settled.b].some(({ machine }) => machine?.verdict === "does-not-fit");
  return isOver ? EXIT.doesNotFit : EXIT.done;
}

/** `precision=amp-bf16`; a switch needs no value. */
function settingsIn(texts: readonly string[]): Options {
  const entries = texts.map((text): [string, string] => {
    const [, key = "", value = "true"] = /^([\w-]+)(?:=(.+))?$/.exec(text) ?? [];
    const name = settingOf(key);
    if (!name) throw notASetting(text);
    return [name, value];
  });
  return Object.fromEntries(entries) as Options; // checked by the caller
}
