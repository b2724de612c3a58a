import type { Source } from "../../base/source.js";
import { type ArchiveMember, readArchive } from "../../decode/zip.js";
import type { ImportedModel } from "../model.js";
import { missing, notAnExport, notJson, olderExport } from "./complaints.js";
import { lowerProgram } from "./lower.js";
import { startingSizes } from "./sizes.js";
import type { Program } from "./program.js";

/** Parameter names with the storage each is written to. */
export type WeightPaths = ReadonlyMap<string, string>;

export async function readTorchExport(source: Source): Promise<ImportedModel> {
  const members = await readArchive(source);
  const model = find(members, (name) => /(^|\/)models\/[^/]+\.json$/.test(name), "models/model.json");
  if (!model)
    throw members.some(({ name }) => name.endsWith("serialized_exported_program.json"))
      ? olderExport(source.name)
      : notAnExport(source.name, members.length);
  const program = checkProgram(await readJson(source, model), `${source.name} › ${model.name}`);
  const config = find(members, (name) => name.endsWith("weights_config.json"), "");
  const weights = config ? weightPaths(await readJson(source, config), members) : new Map<string, string>();
  return importProgram(program, weights, source.name);
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
  const where = `${source.name} › ${member.name}`;
  const text = new TextDecoder().decode(await member.read());
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notJson(where, error instanceof Error ? error.message : "no JSON");
  }
}

/** The outline every later step relies on. Throws InputError naming the first field that is not there. */
function checkProgram(value: unknown, where: string): Program {
  const program = value as Program;
  const module = program?.graph_module;
  const graph = module?.graph;
  const lists: [string, unknown][] = [
    ["graph_module.graph.nodes", graph?.nodes],
    ["graph_module.graph.inputs", graph?.inputs],
    ["graph_module.graph.outputs", graph?.outputs],
    ["graph_module.signature.input_specs", module?.signature?.input_specs],
    ["graph_module.signature.output_specs", module?.signature?.output_specs],
  ];
  for (const [field, list] of lists) if (!Array.isArray(list)) throw missing(where, field);
  if (typeof graph.tensor_values !== "object" || graph.tensor_values === null)
    throw missing(where, "graph_module.graph.tensor_values");
  graph.nodes.forEach((node, i) => {
    if (typeof node?.target !== "string" || !Array.isArray(node.inputs) || !Array.isArray(node.outputs))
      throw missing(`${where} › node #${i}`, "target, inputs and outputs");
  });
  return program;
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
