/**
 * Packs configurations that `keras.applications.NAME(weights=None).to_json()` gave into catalogue/keras/, without what says
 * nothing of sizes, after seeing that the packed model is as large as recorded and plans the same step as its file.
 *
 * usage: npm run build && node tools/pack-keras.mjs CONFIG_DIR RESULTS_DIR [--catalogue DIR]
 *
 * RESULTS_DIR holds a NAME.json with `params_total` for each model, as TensorFlow counted it; others are left out.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { unpackKerasModel } from "../dist/importers/catalogue/keras.js";
import { estimate, readModel } from "../dist/index.js";
import { describeModel } from "./catalogue/families.mjs";

const { values, positionals } = parseArgs({
  options: { catalogue: { type: "string", default: "catalogue" } },
  allowPositionals: true,
});
const [configs, results] = positionals;
if (configs === undefined || results === undefined)
  throw new Error("usage: pack-keras.mjs CONFIG_DIR RESULTS_DIR [--catalogue DIR]");

/** Keys of a layer that no size depends on. */
const SAYS_NOTHING =
  /(_initializer|_regularizer|_constraint)$|^(registered_name|build_config|compile_config|seed)$/;
/** Height and width where a configuration leaves them open: keras.applications' default. */
const DEFAULT_IMAGE = 224;

/** @param {string} key @param {unknown} value */
function kept(key, value) {
  if (SAYS_NOTHING.test(key)) return undefined;
  // the module tells operations from layers
  return key === "module" && !String(value).startsWith("keras.src.ops") ? undefined : value;
}

/** Parameters at another image size; null where layers do not fit then. @param {Parameters<typeof estimate>[0]} model @param {readonly [number, number]} image */
function countAt(model, image) {
  try {
    return estimate(model, { batch: 2, image }).model.parameterCount;
  } catch {
    return null;
  }
}

const listPath = join(values.catalogue, "models.json");
const list = JSON.parse(readFileSync(listPath, "utf8"));
const folder = join(values.catalogue, "keras");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const models = Object.entries(list.models).filter(([name]) => !name.startsWith("keras/"));
let total = 0;
for (const file of readdirSync(configs).filter((each) => /^[A-Z]\w*\.json$/.test(each))) {
  if (!existsSync(join(results, file))) continue;
  const name = `keras/${file.slice(0, -".json".length)}`;
  const text = readFileSync(join(configs, file), "utf8");
  const config = JSON.parse(text, kept);
  const stated = config.config.layers[0].config.batch_shape;
  const image = /** @type {[number, number]} */ ([stated[1], stated[2]].map((size) => size ?? DEFAULT_IMAGE));
  const row = { name, parameterCount: 0, image, isImageFree: true, description: "", paper: null };
  const bytes = new TextEncoder().encode(JSON.stringify(config));
  const model = unpackKerasModel(bytes, row, name);
  const [packed, whole] = [model, await readModel(new TextEncoder().encode(text), { name: file })].map(
    (each) => estimate(each, { batch: 2, image }),
  );
  const recorded = JSON.parse(readFileSync(join(results, file), "utf8")).params_total;
  const { parameterCount } = /** @type {NonNullable<typeof packed>} */ (packed).model;
  if (parameterCount !== recorded)
    throw new Error(`${name}: ${parameterCount} parameters, ${recorded} recorded`);
  if (JSON.stringify(packed?.totals) !== JSON.stringify(whole?.totals))
    throw new Error(`${name}: another step`);
  // a head over flattened features depends on the image's size
  const larger = /** @type {const} */ ([image[0] * 2, image[1] * 2]);
  const isFree = countAt(model, larger) === parameterCount;
  const facts = { name: name.toLowerCase(), class: "keras.applications", task: "classification" };
  const { description, paper } = describeModel(/** @type {any} */ (facts), [2, 1000]); // any: no recorded shapes are asked for
  const packedFile = gzipSync(bytes, { level: 9 });
  writeFileSync(join(values.catalogue, `${name}.json.gz`), packedFile);
  models.push([name, [parameterCount, ...image, isFree ? 1 : 0, description, ...(paper ? [paper] : [])]]);
  total += packedFile.length;
}
const rows = models
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, row]) => `    ${JSON.stringify(name)}: ${JSON.stringify(row)}`);
writeFileSync(
  listPath,
  `{\n  "format": ${JSON.stringify(list.format)},\n  "models": {\n${rows.join(",\n")}\n  }\n}\n`,
);
console.log(`${rows.length} models, ${total} bytes packed now`);
