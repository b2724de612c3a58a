/** Models for the comparisons: exported programs that lie beside the recordings, and those of the catalogue. */
import { existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readModel } from "../../dist/index.js";

/** @import { ImportedModel, Models } from "./types.js" */

/**
 * @param {string} exported folder of SOURCE__NAME.pt2
 * @param {string} catalogue folder of models.json; need not be there
 * @returns {Models}
 */
export function openModels(exported, catalogue) {
  /** @type {Map<string, Promise<ImportedModel>>} */
  const read = new Map();
  /** @type {(key: string, load: () => Promise<ImportedModel>) => Promise<ImportedModel>} */
  const once = (key, load) => {
    const found = read.get(key) ?? load();
    read.set(key, found);
    return found;
  };
  const list = join(catalogue, "models.json");
  /** @type {Record<string, unknown>} */
  const names = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")).models : {};
  const configs = join(catalogue, "hf.json");
  /** @type {Record<string, { config: unknown }>} */
  const listed = existsSync(configs) ? JSON.parse(readFileSync(configs, "utf8")).models : {};
  const files = {
    /** @type {(path: string) => Promise<Uint8Array>} */
    read: async (path) => {
      const bytes = readFileSync(join(catalogue, path));
      return path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
    },
  };
  /** @type {Models["file"]} */
  const file = (path) => once(path, () => readModel(source(path)));
  /** @type {Models["config"]} */
  const config = (text) =>
    once(text, () => readModel(new TextEncoder().encode(text), { name: "config.json" }));
  /** @type {Models["catalogued"]} */
  const catalogued = async (name) => {
    const found = listed[name];
    if (found) return config(JSON.stringify(found.config));
    return Object.hasOwn(names, name) ? once(name, () => readModel(name, { catalogue: files })) : null;
  };
  return {
    file,
    spec: (text) => once(text, () => readModel(new TextEncoder().encode(text), { name: "model.yaml" })),
    config,
    catalogued,
    named: (name) => {
      const path = join(exported, `${name.replace("/", "__")}.pt2`);
      return existsSync(path) ? file(path) : catalogued(name);
    },
  };
}

/**
 * A file as a Source, read by ranges.
 * @param {string} path
 */
function source(path) {
  const descriptor = openSync(path, "r");
  const { size } = statSync(path);
  return {
    name: basename(path),
    size,
    /** @type {(start: number, end: number) => Promise<Uint8Array>} */
    read: async (start, end) => {
      const bytes = new Uint8Array(end - start);
      readSync(descriptor, bytes, 0, bytes.length, start);
      return bytes;
    },
  };
}
