/** What `estimate` and `explain` share: flags and a setup file → options, a path → a model, an answer → a format. */
import { checkFlags } from "../check-options.js";
import type { ImportedModel, Source } from "../index.js";
import { readModel } from "../read-model.js";
import { type Options, settingOf } from "../settings.js";
import { readSetup } from "../setup-file.js";
import { largeProfile, largeSetup, plotEnding, twoFormats } from "./complaints.js";
import { catalogueFiles } from "./catalogue-files.js";
import { isThere, namesLike, openSource } from "./file-source.js";
import { type OutputFlags, startProgress } from "./terminal.js";

/** Flags as commander names them: settings and output options side by side. */
export interface ModelFlags extends OutputFlags {
  readonly setup?: string;
  readonly emit?: "graph" | "tape" | "step" | "timeline";
  readonly plot?: string;
}

const FORMATS = ["json", "markdown", "csv", "emit"] as const;

/** Endings of files, those that are not read included; weights have tags after a dot, but longer ones. */
const FILE_NAME =
  /\.(pt2|pt|pth|ckpt|bin|onnx|keras|h5|hdf5|pb|safetensors|ya?ml|json|txt|zip|gz|pickle|py)$/i;

/** Bytes of a setup file: all settings, with comments, take a few thousand. */
const MOST_SETUP = 64 * 1024;

/** Settings of the setup file, overridden by flags. Throws InputError when an output flag makes no sense. */
export async function resolveFlags(flags: ModelFlags): Promise<Options> {
  const formats = FORMATS.filter((format) => flags[format] !== undefined);
  if (formats.length > 1) throw twoFormats(formats.map((format) => `--${format}`));
  if (flags.plot !== undefined && !/\.(svg|png)$/i.test(flags.plot)) throw plotEnding(flags.plot);
  const settings = Object.fromEntries(Object.entries(flags).filter(([name]) => settingOf(name)));
  const { profile } = settings as Options;
  const given = checkFlags({
    ...settings,
    ...(typeof profile === "string" && { profile: await readProfile(profile) }),
  } as Options);
  const { setup } = flags;
  if (setup === undefined) return given;
  const fromFile = await readSetupFile(setup);
  const { noOptimizer, optimizer, ...rest } = fromFile;
  // either of the two flags replaces both keys
  const own =
    given.optimizer === undefined
      ? { ...(noOptimizer && { noOptimizer }), ...(optimizer !== undefined && { optimizer }) }
      : {};
  return { ...rest, ...own, ...given };
}

/** The text of the file that `--profile` names. */
async function readProfile(path: string): Promise<string> {
  return withFile(path, async (source) => {
    if (source.size > MOST_SETUP) throw largeProfile(path, source.size, MOST_SETUP);
    return new TextDecoder().decode(await source.read(0, source.size));
  });
}

export async function readSetupFile(path: string): Promise<Options> {
  return withFile(path, async (source) => {
    if (source.size > MOST_SETUP) throw largeSetup(path, source.size, MOST_SETUP);
    return readSetup(new TextDecoder().decode(await source.read(0, source.size)), source.name);
  });
}

/** The answer of `work` to the model at `path`, or of that name in the catalogue: a file wins over a name. */
export async function withModel<T>(path: string, work: (model: ImportedModel) => T | Promise<T>): Promise<T> {
  const progress = startProgress(`computing ${path}`);
  try {
    if (await isName(path)) return await work(await readModel(path, { catalogue: catalogueFiles() }));
    return await withFile(path, async (source) => work(await readModel(source)));
  } finally {
    progress.stop();
  }
}

/** Whether nothing lies at `path`, and it does not read as a file's path either. */
async function isName(path: string): Promise<boolean> {
  if (!/^[a-z][\w-]*(\/[\w.-]+){0,2}$/i.test(path) || FILE_NAME.test(path)) return false;
  return !(await isThere(path)) && (await namesLike(path)).length === 0;
}

/** The answer of `work` to the file at `path`. */
export async function withFile<T>(path: string, work: (source: Source) => Promise<T>): Promise<T> {
  const { source, close } = await openSource(path);
  try {
    return await work(source);
  } finally {
    await close();
  }
}
