/** Name → model of keras.applications: its configuration as `to_json()` gives it, packed, read by the importer of Keras files. */
import { MiB } from "../../base/units.js";
import { kerasModel } from "../keras/read.js";
import type { ImportedModel } from "../model.js";
import { type CatalogueFiles, type CatalogueModel, readFile } from "./catalogue.js";
import { inflate } from "./inflate.js";

/** Bytes of a model's file, inflated; the largest is some 600 KiB. */
const MAX_FILE = 4 * MiB;

export async function readKerasModel(entry: CatalogueModel, files: CatalogueFiles): Promise<ImportedModel> {
  const path = `${entry.name}.json.gz`;
  const where = `catalogue › ${path}`;
  return unpackKerasModel(await inflate(await readFile(files, path), where, MAX_FILE), entry, where);
}

/** What stands in a model's file → the model, at the image size of the list where its configuration leaves it open. */
export function unpackKerasModel(bytes: Uint8Array, entry: CatalogueModel, where: string): ImportedModel {
  const model = kerasModel(bytes, where, entry.name);
  return { ...model, bind: (bindings) => model.bind({ image: entry.image, ...bindings }) };
}
