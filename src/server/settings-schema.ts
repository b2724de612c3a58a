/** The table of settings as a schema: for the HTTP body, MCP tools, and editors of setup files. */
import { z } from "zod";
import { type Setting, SETTING_ROWS } from "../settings.js";

function schemaOf(row: Setting): z.ZodType {
  switch (row.kind) {
    case "choice":
      return z.enum((row.values ?? []).filter((value) => row.computes?.includes(value) ?? true));
    case "count":
      return z.int().min(row.computes?.includes(0) ? 0 : 1);
    case "switch":
      return z.boolean();
    case "text":
      return z.string().min(1);
    case "list":
      return z.array(z.string());
    case "shapes":
      return z.record(z.string(), z.array(z.int().min(0)));
    case "size":
      return z.string().regex(/^\d+x\d+$/);
    case "profile":
      return z.record(z.string(), z.unknown());
  }
}

/** By setting; all may be left out. */
export const SETTINGS_SHAPE: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  Object.entries(SETTING_ROWS).map(([name, row]) => [name, schemaOf(row).describe(row.help).optional()]),
);

/** JSON Schema of a setup: what `--setup FILE` and the member `setup` of a request hold. */
export function setupSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(z.strictObject({ ...SETTINGS_SHAPE }), { io: "input" });
  return { $schema, title: "Plimsoll setup", ...schema };
}
