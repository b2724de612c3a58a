/** Bytes or a name → model: the format is recognized by content, its reader is loaded on demand. */
import { blobSource, bytesSource, type Source } from "./base/source.js";
import { unknownFormat } from "./complaints.js";
import type { CatalogueFiles } from "./importers/catalogue/catalogue.js";
import { noCatalogue } from "./importers/catalogue/complaints.js";
import type { ImportedModel } from "./importers/model.js";
import { HEAD_BYTES, IMPORTERS, type ImporterEntry, recognizeFormat } from "./importers/registry.js";

export interface ReadModelOptions {
  /** What to call the model's file in answers and complaints; needed for bytes and blobs without a name. */
  readonly name?: string;
  /** Where the files of the catalogue come from; needed for a name. */
  readonly catalogue?: CatalogueFiles;
}

/**
 * The model in a file's bytes, a `Blob` or `File`, or any `Source` that reads ranges; or, for a string, the model of that
 * name in the catalogue: `torchvision/resnet50`, `hf/meta-llama/Llama-3.1-8B`. Weights are never read.
 * Throws `InputError` when the format is not one this release reads, the file is damaged, or the name is unknown.
 */
export async function readModel(
  input: Uint8Array | Blob | Source | string,
  options: ReadModelOptions = {},
): Promise<ImportedModel> {
  if (typeof input === "string") {
    if (!options.catalogue) throw noCatalogue(input);
    if (input.startsWith("hf/"))
      return (await import("./importers/catalogue/configs.js")).readConfigModel(input, options.catalogue);
    return (await import("./importers/catalogue/read.js")).readCatalogueModel(input, options.catalogue);
  }
  const source = sourceOf(input, options.name);
  const bytes = await source.read(0, Math.min(HEAD_BYTES, source.size));
  const found = recognizeFormat({ name: source.name, bytes });
  const load = found?.entry.load;
  if (load) return (await load())(source);
  const readable = entries().filter((entry) => entry.load);
  throw unknownFormat(
    source.name,
    found ? `a file that looks like ${article(found.entry.title)}` : describe(bytes),
    readable.map(({ title, extensions }) => `${title} (${extensions[0]})`).join(" or "),
    `export the model from PyTorch: ${IMPORTERS["torch-export"].made}`,
  );
}

function sourceOf(input: Uint8Array | Blob | Source, name: string | undefined): Source {
  if (input instanceof Uint8Array) return bytesSource(name ?? "model", input);
  if (input instanceof Blob) return blobSource(name ?? (input as { name?: string }).name ?? "model", input); // File has a name
  return name === undefined ? input : { ...input, name, read: (start, end) => input.read(start, end) };
}

function entries(): readonly ImporterEntry[] {
  return Object.values(IMPORTERS);
}

function article(title: string): string {
  return `${/^[aeiou]/i.test(title) ? "an" : "a"} ${title}`;
}

function describe(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const start = new TextDecoder().decode(bytes.subarray(0, 24));
  return `bytes that start with ${JSON.stringify(start)}`;
}
