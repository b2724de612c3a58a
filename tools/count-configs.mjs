/**
 * Writes into catalogue/hf.json how many parameters each of its models has, as they are drawn.
 *
 * usage: npm run build && node tools/count-configs.mjs
 */
import { readFileSync, writeFileSync } from "node:fs";
import { estimate, readModel } from "../dist/index.js";

const file = "catalogue/hf.json";
/** @type {{ format: string, models: Record<string, { config: object, source: string, parameters?: number }> }} */
const { format, models } = JSON.parse(readFileSync(file, "utf8"));
for (const row of Object.values(models)) {
  const model = await readModel(new TextEncoder().encode(JSON.stringify(row.config)), {
    name: "config.json",
  });
  row.parameters = estimate(model, { sequence: 16, mode: "inference" }).model.parameterCount;
}
const lines = Object.entries(models).map(
  ([name, row]) => `  ${JSON.stringify(name)}: ${JSON.stringify(row)}`,
);
writeFileSync(file, `{\n "format": ${JSON.stringify(format)},\n "models": {\n${lines.join(",\n")}\n }\n}\n`);
