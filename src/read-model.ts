/** Bytes or a name → model: the format is recognized by content, its reader is loaded on demand. */
import { blobSource, bytesSource, type Source } from "./base/source.js";
import { noModel, noRecording, unknownFormat } from "./complaints.js";
import { readPieces } from "./decode/byte-stream.js";
import type { CatalogueFiles } from "./importers/catalogue/catalogue.js";
import { noCatalogue } from "./importers/catalogue/complaints.js";
import type { ImportedModel } from "./importers/model.js";
import type { ImportedRecording } from "./importers/recording.js";
import {
  HEAD_BYTES,
  type Imported,
  IMPORTERS,
  type ImporterEntry,
  recognizeFormat,
} from "./importers/registry.js";

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
  const imported = await read(sourceOf(input, options.name), "model");
  if (imported.kind === "model") return imported;
  throw noModel(imported.source, article(IMPORTERS[imported.format as keyof typeof IMPORTERS].title)); // as: a reader names its entry
}

/**
 * What was measured of a run, in a file's bytes, a `Blob` or `File`, or any `Source`: a trace of torch.profiler, a memory
 * snapshot of PyTorch, a recording of `plimsoll watch`; plain or gzipped.
 * Throws `InputError` when it is none of these, or the file is damaged.
 */
export async function readRecording(
  input: Uint8Array | Blob | Source,
  options: Pick<ReadModelOptions, "name"> = {},
): Promise<ImportedRecording> {
  const imported = await read(sourceOf(input, options.name), "recording");
  if (imported.kind === "recording") return imported;
  throw noRecording(imported.source, "a model");
}

async function read(source: Source, wanted: Imported["kind"]): Promise<Imported> {
  const bytes = await headOf(source);
  const found = recognizeFormat({ name: source.name, bytes });
  if (found) return (await found.entry.load())(source);
  const readable = entries().filter((entry) => (entry.holds ?? "model") === wanted);
  throw unknownFormat(
    source.name,
    wanted,
    describe(bytes),
    readable.map(({ title, extensions }) => `${title} (${extensions[0]})`).join(" or "),
    wanted === "model"
      ? `export the model from PyTorch: ${IMPORTERS["torch-export"].made}`
      : `record one: ${IMPORTERS["profiler-trace"].made}`,
  );
}

/** The first bytes, of what is inside where the file is gzipped. */
async function headOf(source: Source): Promise<Uint8Array> {
  const start = await source.read(0, Math.min(HEAD_BYTES, source.size));
  if (start[0] !== 0x1f || start[1] !== 0x8b) return start;
  let head = new Uint8Array(0);
  await readPieces(source, (piece) => {
    const both = new Uint8Array(head.length + piece.length);
    both.set(head);
    both.set(piece, head.length);
    head = both;
    return head.length < HEAD_BYTES;
  });
  return head.slice(0, HEAD_BYTES);
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
