/** The catalogue's list: names, parameters, image sizes and descriptions, as `catalogue/models.json` has them. */
import { damaged, missingFile } from "./complaints.js";

/** Where the catalogue's files come from: a folder, a server. The core never opens one itself. */
export interface CatalogueFiles {
  /** The bytes of a file, by its path in the catalogue: `models.json`, `torchvision/resnet50.json.gz`. Rejects when it is not there. */
  read(path: string): Promise<Uint8Array>;
}

export interface CatalogueModel {
  readonly name: string;
  readonly parameterCount: number;
  /** Height and width the model was recorded at. */
  readonly image: readonly [number, number];
  /** Whether other sizes can be asked for. */
  readonly isImageFree: boolean;
  readonly description: string;
  /** Number of the paper on arXiv, `1512.03385`. */
  readonly paper: string | null;
}

/** A model of the catalogue or one that is known by its configuration, which has no image size. */
export type ListedModel = Omit<CatalogueModel, "image"> & { readonly image: CatalogueModel["image"] | null };

const LIST_FORMAT = "plimsoll/catalogue-list@1";
const LIST = "models.json";
/** A list of ten thousand models is smaller. */
const MAX_LIST = 2 * 1024 ** 2;

/** All models, in alphabetical order. Throws InputError when the list is not there or not a list. */
export async function readCatalogueList(files: CatalogueFiles): Promise<CatalogueModel[]> {
  const where = `catalogue › ${LIST}`;
  const bytes = await readFile(files, LIST);
  let value: unknown;
  try {
    value = bytes.length <= MAX_LIST ? JSON.parse(new TextDecoder().decode(bytes)) : null;
  } catch {
    throw damaged(where, "(JSON)");
  }
  const { format, models } = (value ?? {}) as { format?: unknown; models?: unknown }; // as: checked below
  if (format !== LIST_FORMAT || typeof models !== "object" || models === null) throw damaged(where, "models");
  return Object.entries(models).map(([name, row]) => checkRow(name, row, where));
}

/** A file's bytes; a complaint, whatever the reason, when they cannot be had. */
export async function readFile(files: CatalogueFiles, path: string): Promise<Uint8Array> {
  try {
    return await files.read(path);
  } catch (error) {
    throw missingFile(`catalogue › ${path}`, error instanceof Error ? error.message : "nothing");
  }
}

/** `source/name`, of letters, digits, dots, dashes and underscores: nothing that leaves a folder. */
export function isCatalogueName(name: string): boolean {
  return name.length <= 200 && /^[a-z][a-z0-9]*\/[A-Za-z0-9_][\w.-]*$/.test(name);
}

/** `hf/ORG/NAME`, as Hugging Face names a model. */
export function isConfigName(name: string): boolean {
  return name.length <= 200 && /^hf\/[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(name);
}

function checkRow(name: string, row: unknown, where: string): CatalogueModel {
  const [parameterCount, height, width, isFree, description, paper = null] = Array.isArray(row) ? row : [];
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (
    !isCatalogueName(name) ||
    !isCount(parameterCount) ||
    !isCount(height) ||
    !isCount(width) ||
    typeof description !== "string" ||
    /\p{Cc}/u.test(description) ||
    (paper !== null && !/^\d{4}\.\d{4,5}$/.test(String(paper)))
  )
    throw damaged(where, JSON.stringify(name.slice(0, 100)));
  return { name, parameterCount, image: [height, width], isImageFree: isFree === 1, description, paper };
}
