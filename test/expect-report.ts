/** Holds a report against the published schema, in which a member that no type names is a mistake. */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "vitest";

type Schema = Record<string, unknown>;

const published = JSON.parse(readFileSync("schemas/report.schema.json", "utf8")) as {
  $defs: Record<string, Schema>;
};
const ajv = new Ajv2020({ strict: false, allErrors: true, discriminator: false }).addSchema(
  closed(published) as object,
  "reports",
);

/** Names of types by what their reports say of themselves; `explain` says what `estimate` says, with more. */
const TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries(published.$defs).flatMap(([name, { properties }]) => {
    const { schema } = (properties ?? {}) as { schema?: { const?: string } };
    return schema?.const && name !== "ExplainReport" ? [[schema.const, name]] : [];
  }),
);

/** Whatever is no report of the published schema, such as a list, is let through. */
export function expectReport(value: unknown): void {
  if (typeof value !== "object" || value === null || !("schema" in value)) return;
  const type = "layers" in value ? "ExplainReport" : TYPES.get(String(value.schema));
  if (type === undefined || type === "MachineProfile") return;
  const isValid = ajv.getSchema(`reports#/$defs/${type}`);
  if (!isValid) throw new Error(`no schema of ${type}`);
  isValid(value);
  expect(isValid.errors ?? [], `${type} beside schemas/report.schema.json`).toEqual([]);
}

/** Published schemas let members through that a later version adds; here they would hide a mistake. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return "properties" in inner && "required" in inner && !("additionalProperties" in inner)
    ? { ...inner, additionalProperties: false }
    : inner;
}
