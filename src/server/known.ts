/** Lists of what is known, by name. */
import { type CatalogueFiles, listModels } from "../index.js";
import { listFormats, listGpus, listOptimizers } from "../tables.js";

export type Known = Readonly<Record<string, (pattern: string, catalogue: CatalogueFiles) => unknown>>;

export const KNOWN: Known = {
  models: (pattern, catalogue) => listModels(catalogue, pattern),
  gpus: (pattern) => listGpus(pattern),
  optimizers: () => listOptimizers(),
  formats: () => listFormats(),
};
