/** What `estimate` and `explain` share: flags and a setup file → options, a path → a model, an answer → a format. */
import { checkFlags } from "../check-options.js";
import { notYet } from "../complaints.js";
import { type ImportedModel, readModel, type Source } from "../index.js";
import { type Options, settingOf } from "../settings.js";
import { readSetup } from "../setup-file.js";
import { largeSetup, twoFormats } from "./complaints.js";
import { openSource } from "./file-source.js";
import { type OutputFlags, startProgress } from "./terminal.js";

/** Flags as commander names them: settings and output options side by side. */
export interface ModelFlags extends OutputFlags {
  readonly setup?: string;
  readonly emit?: "graph" | "tape" | "step" | "timeline";
  readonly plot?: string;
}

const FORMATS = ["json", "markdown", "csv", "emit"] as const;

/** Bytes of a setup file: all settings, with comments, take a few thousand. */
const MOST_SETUP = 64 * 1024;

/** Settings of the setup file, overridden by flags. Throws InputError when an output flag makes no sense. */
export async function resolveFlags(flags: ModelFlags): Promise<Options> {
  const formats = FORMATS.filter((format) => flags[format] !== undefined);
  if (formats.length > 1) throw twoFormats(formats.map((format) => `--${format}`));
  if (flags.plot !== undefined) throw notYet("--plot", flags.plot, "0.2", []);
  const settings = Object.fromEntries(Object.entries(flags).filter(([name]) => settingOf(name)));
  const given = checkFlags(settings as Options);
  const { setup } = flags;
  if (setup === undefined) return given;
  const fromFile = await withFile(setup, async (source) => {
    if (source.size > MOST_SETUP) throw largeSetup(setup, source.size, MOST_SETUP);
    return readSetup(new TextDecoder().decode(await source.read(0, source.size)), source.name);
  });
  const { noOptimizer, optimizer, ...rest } = fromFile;
  // either of the two flags replaces both keys
  const own =
    given.optimizer === undefined
      ? { ...(noOptimizer && { noOptimizer }), ...(optimizer !== undefined && { optimizer }) }
      : {};
  return { ...rest, ...own, ...given };
}

/** The answer of `work` to the model at `path`. */
export async function withModel<T>(path: string, work: (model: ImportedModel) => T): Promise<T> {
  const progress = startProgress(`computing ${path}`);
  try {
    return await withFile(path, async (source) => work(await readModel(source)));
  } finally {
    progress.stop();
  }
}

async function withFile<T>(path: string, work: (source: Source) => Promise<T>): Promise<T> {
  const { source, close } = await openSource(path);
  try {
    return await work(source);
  } finally {
    await close();
  }
}
