/**
 * Keras models → an ImportedModel: `model.to_json()`, a `.keras` archive, the configuration inside an `.h5` file, or a
 * TensorFlow.js layers model. Weights are never read.
 */
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import { rootAttribute } from "../../decode/hdf5.js";
import { readArchive } from "../../decode/zip.js";
import type { ImportedModel } from "../model.js";
import { fileTooLarge, hdf5, noConfig } from "./complaints.js";
import { isList, parseConfig } from "./config.js";
import { drawModel } from "./draw.js";
import { type ModelConfig, readConfig } from "./schema.js";

/** The largest application's configuration has 3 MB. */
const MAX_TEXT = 64 * MiB;

export async function readKeras(source: Source): Promise<ImportedModel> {
  const { where, bytes } = await configText(source);
  return kerasModel(bytes, where, source.name);
}

/** The model of a configuration's text. */
export function kerasModel(bytes: Uint8Array, where: string, source: string): ImportedModel {
  const model = readConfig(parseConfig(bytes, where), where);
  return {
    kind: "model",
    name: model.name,
    source,
    format: "keras",
    framework: "tensorflow",
    batch: fileBatch(model),
    takes: ["sequence"],
    bind: (bindings) => drawModel(model, where, bindings),
  };
}

async function configText(source: Source): Promise<{ where: string; bytes: Uint8Array }> {
  const head = await source.read(0, Math.min(8, source.size));
  if (head[0] === 0x50 && head[1] === 0x4b) {
    const member = (await readArchive(source)).find(({ name }) => name === "config.json");
    if (!member) throw noConfig(source.name, "an archive without config.json");
    return { where: `${source.name} › config.json`, bytes: await member.read() };
  }
  if (head[0] === 0x89 && head[1] === 0x48) {
    const found = await rootAttribute(source, "model_config");
    if ("problem" in found) throw hdf5(source.name, found.problem);
    return { where: `${source.name} › model_config`, bytes: found.bytes };
  }
  if (source.size > MAX_TEXT) throw fileTooLarge(source.name, source.size, MAX_TEXT);
  return { where: source.name, bytes: await source.read(0, source.size) };
}

/** The batch the file was made with: the input's first size, one where it is open. */
function fileBatch(model: ModelConfig): number {
  const input = model.layers.find(({ kind }) => kind === "InputLayer");
  const shape = input?.config.batch_shape ?? input?.config.batch_input_shape;
  const first = isList(shape) ? shape[0] : null;
  return typeof first === "number" && Number.isSafeInteger(first) && first > 0 ? first : 1;
}
