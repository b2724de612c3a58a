import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SETTING_ROWS } from "../settings.js";
import { setupSchema } from "./settings-schema.js";

/** Written anew with `UPDATE_SCHEMA=1 npx vitest run src/server/settings-schema.test.ts`, then formatted by biome. */
test("the shipped schema of a setup is that of the table", () => {
  const file = "schemas/setup.schema.json";
  if (process.env["UPDATE_SCHEMA"]) writeFileSync(file, JSON.stringify(setupSchema(), null, 2));
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(JSON.parse(JSON.stringify(setupSchema())));
});

test("every setting has its help", () => {
  const { properties } = setupSchema() as { properties: Record<string, { description?: string }> };
  for (const [name, { help }] of Object.entries(SETTING_ROWS))
    expect(properties[name]?.description).toBe(help);
});
