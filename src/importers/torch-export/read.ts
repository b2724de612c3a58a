import type { Source } from "../../base/source.js";
import { type ArchiveMember, readArchive } from "../../decode/zip.js";
import type { ImportedModel } from "../model.js";
import { checkProgram } from "./check-program.js";
import { notAnExport, olderExport } from "./complaints.js";
import { lowerProgram } from "./lower.js";
import { parseJson } from "./parse-json.js";
import { startingSizes } from "./sizes.js";
import type { Program } from "./program.js";

/** Parameter names with the storage each is written to. */
export type WeightPaths = ReadonlyMap<string, string>;

export async function readTorchExport(source: Source): Promise<ImportedModel> {
  const { program, weights } = await readProgram(source);
  return importProgram(program, weights, source.name);
}

/** The program in an archive, checked, and where its weights lie. */
export async function readProgram(source: Source): Promise<{ program: Program; weights: WeightPaths }> {
  const members = await readArchive(source);
  const model = find(members, (name) => /(^|\/)models\/[^/]+\.json$/.test(name), "models/model.json");
  if (!model)
    throw members.some(({ name }) => name.endsWith("serialized_exported_program.json"))
      ? olderExport(source.name)
      : notAnExport(source.name, members.length);
  const program = checkProgram(await readJson(source, model), `${source.name} › ${model.name}`);
  const config = find(members, (name) => name.endsWith("weights_config.json"), "");
  const weights = config ? weightPaths(await readJson(source, config), members) : new Map<string, string>();
  return { program, weights };
}

/** A program that is already in memory, as the recorded operator cases are. */
export function importProgram(program: Program, weights: WeightPaths, source: string): ImportedModel {
  const name = source.replace(/^.*[/\\]/, "").replace(/\.pt2$/, "");
  const { batch } = startingSizes(program, source);
  return {
    kind: "model",
    name,
    source,
    format: "torch-export",
    batch,
    bind: (bindings) => lowerProgram(program, weights, { name, source, bindings }),
  };
}

function find(
  members: readonly ArchiveMember[],
  accepts: (name: string) => boolean,
  favourite: string,
): ArchiveMember | undefined {
  const fitting = members.filter(({ name }) => accepts(name));
  return fitting.find(({ name }) => favourite !== "" && name.endsWith(favourite)) ?? fitting[0];
}

async function readJson(source: Source, member: ArchiveMember): Promise<unknown> {
  return parseJson(await member.read(), `${source.name} › ${member.name}`);
}

/** Tied weights share a file; archives without weights share one empty file for all, which says nothing. */
function weightPaths(value: unknown, members: readonly ArchiveMember[]): Map<string, string> {
  const config = (value as { config?: Record<string, { path_name?: unknown }> })?.config ?? {};
  const empty = new Set(
    members.filter(({ size }) => size === 0).map(({ name }) => name.replace(/^.*\//, "")),
  );
  const paths = new Map<string, string>();
  for (const [name, entry] of Object.entries(config)) {
    if (typeof entry?.path_name === "string" && !empty.has(entry.path_name)) paths.set(name, entry.path_name);
  }
  return paths;
}
