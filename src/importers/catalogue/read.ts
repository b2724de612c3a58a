/**
 * Name → model of the catalogue: the exported program as it was recorded, read by the importer of exported programs; of
 * keras.applications, the configuration.
 *
 * Format   packed-program.ts, one gzip file per model; `tools/pack-catalogue.mjs` writes them
 * Limits   the batch is free; another image size only where an export at a second size was seen to agree
 */
import { nearest } from "../../base/did-you-mean.js";
import { MiB } from "../../base/units.js";
import type { Bindings, ImportedModel } from "../model.js";
import { checkProgram } from "../torch-export/check-program.js";
import { parseJson } from "../torch-export/parse-json.js";
import { importProgram } from "../torch-export/read.js";
import { type CatalogueFiles, type CatalogueModel, readCatalogueList, readFile } from "./catalogue.js";
import { imageIsFixed, unknownModel } from "./complaints.js";
import { inflate } from "./inflate.js";
import { unpackProgram } from "./unpack-program.js";

/** Bytes of a model's file, inflated; the largest is some 300 KiB. */
const MAX_FILE = 4 * MiB;

/** Throws InputError with the nearest names when there is no such model. */
export async function readCatalogueModel(name: string, files: CatalogueFiles): Promise<ImportedModel> {
  const list = await readCatalogueList(files);
  const entry = list.find((each) => each.name === name);
  if (!entry) throw unknownModel(name, namesNear(name, list));
  if (name.startsWith("keras/"))
    return refusing(await (await import("./keras.js")).readKerasModel(entry, files), entry);
  const path = `${name}.json.gz`;
  const where = `catalogue › ${path}`;
  const bytes = await inflate(await readFile(files, path), where, MAX_FILE);
  return unpackModel(parseJson(bytes, where), entry, where);
}

/** What stands in a model's file → the model. `where` names the file in complaints. */
export function unpackModel(value: unknown, entry: CatalogueModel, where: string): ImportedModel {
  const program = checkProgram(unpackProgram(value, where), where);
  return refusing(importProgram(program, new Map(), entry.name), entry);
}

/** The model, which refuses image sizes that it cannot be asked for. */
function refusing(model: ImportedModel, entry: CatalogueModel): ImportedModel {
  if (entry.isImageFree) return model;
  return {
    ...model,
    bind: (bindings) => {
      refuseOtherImages(entry, bindings);
      return model.bind(bindings);
    },
  };
}

function refuseOtherImages({ name, image }: CatalogueModel, { image: asked, shapes = {} }: Bindings): void {
  const sizes = [
    asked,
    ...Object.values(shapes).map((shape) => (shape.length === 4 ? sidesOf(shape, name) : undefined)),
  ];
  for (const size of sizes)
    if (size && size.join("x") !== image.join("x")) throw imageIsFixed(name, image.join("x"), size.join("x"));
}

/** Height and width: Keras has its channels last. */
function sidesOf(shape: readonly number[], name: string): readonly number[] {
  return name.startsWith("keras/") ? shape.slice(1, 3) : shape.slice(2);
}

/**
 * What a person may have meant, best first: `resnet50` ends torchvision/resnet50 and timm/resnet50, and so does
 * timm/resnet50.a1_in1k, which names weights too; else names that are spelled alike, with their source or without it.
 */
function namesNear(name: string, list: readonly CatalogueModel[]): string[] {
  const names = list.map((each) => each.name);
  const asked = withoutSource(name.toLowerCase());
  const endings = [asked, asked.replace(/\..*$/, "")];
  const source = name.replace(/[^/]*$/, "");
  const rank = (each: string) =>
    source !== "" && each.startsWith(source) ? 0 : each.startsWith("torchvision/") ? 1 : 2;
  const same = names.filter((each) => endings.includes(withoutSource(each).toLowerCase()));
  if (same.length > 0) return same.sort((a, b) => rank(a) - rank(b));
  const alike = nearest(name, names);
  if (alike.length > 0) return alike;
  return nearest(asked, new Set(names.map(withoutSource))).flatMap((near) =>
    names.filter((each) => withoutSource(each) === near),
  );
}

function withoutSource(name: string): string {
  return name.replace(/^.*\//, "");
}
