/** Known models that are made from a configuration: architecture numbers and where they come from, as `catalogue/hf.json` has them. */
import type { ImportedModel } from "../model.js";
import { configModel } from "../hf-config/read.js";
import { type CatalogueFiles, isConfigName, type ListedModel, readFile } from "./catalogue.js";
import { damaged, unknownModel } from "./complaints.js";
import { nearest } from "../../base/did-you-mean.js";

const FORMAT = "plimsoll/catalogue-configs@1";
const FILE = "hf.json";
/** A thousand configurations are smaller. */
const MAX_FILE = 2 * 1024 ** 2;

interface ConfigRow {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Where the numbers come from. */
  readonly source: string;
  readonly parameters: number;
}

/** The model of that name. Throws InputError with the nearest names when there is none. */
export async function readConfigModel(name: string, files: CatalogueFiles): Promise<ImportedModel> {
  const rows = await readConfigs(files);
  const row = rows.find((each) => each.name === name);
  if (!row) throw unknownModel(name, near(name, rows));
  return { ...(await configModel(row.config, name)), name: name.replace(/^.*\//, "") };
}

/** All of them as rows of the catalogue. */
export async function listConfigModels(files: CatalogueFiles): Promise<ListedModel[]> {
  return (await readConfigs(files)).map(({ name, config, parameters }) => ({
    name,
    parameterCount: parameters,
    image: null,
    isImageFree: false,
    description: describe(config),
    paper: null,
  }));
}

function describe(config: ConfigRow["config"]): string {
  const layers = config.num_hidden_layers ?? config.n_layer ?? config.n_layers;
  const width = config.hidden_size ?? config.n_embd ?? config.dim;
  return `${config.model_type}: ${layers} layers, ${width} wide`;
}

/** `llama-3.1-8b` means hf/meta-llama/Llama-3.1-8B. */
function near(name: string, rows: readonly ConfigRow[]): string[] {
  const names = rows.map((row) => row.name);
  const last = (text: string) => text.replace(/^.*\//, "").toLowerCase();
  const same = names.filter((each) => last(each) === last(name));
  return same.length > 0 ? same : nearest(name, names);
}

async function readConfigs(files: CatalogueFiles): Promise<ConfigRow[]> {
  const where = `catalogue › ${FILE}`;
  const bytes = await readFile(files, FILE);
  let value: unknown;
  try {
    value = bytes.length <= MAX_FILE ? JSON.parse(new TextDecoder().decode(bytes)) : null;
  } catch {
    throw damaged(where, "(JSON)");
  }
  const { format, models } = (value ?? {}) as { format?: unknown; models?: unknown }; // as: checked below
  if (format !== FORMAT || typeof models !== "object" || models === null) throw damaged(where, "models");
  return Object.entries(models).map(([name, row]) => checkRow(name, row, where));
}

function checkRow(name: string, row: unknown, where: string): ConfigRow {
  const { config, source, parameters } = (row ?? {}) as Partial<Record<keyof ConfigRow, unknown>>; // as: checked below
  if (
    !isConfigName(name) ||
    typeof config !== "object" ||
    config === null ||
    typeof source !== "string" ||
    !Number.isSafeInteger(parameters)
  )
    throw damaged(where, JSON.stringify(name.slice(0, 100)));
  return { name, config: config as ConfigRow["config"], source, parameters: parameters as number };
}
