/** A setup file (YAML or JSON): the settings of the command line under the same names. */
import { checkOptions } from "./check-options.js";
import { setupOutline, setupSyntax } from "./complaints.js";
import type { Options } from "./settings.js";

/** `text` checked; complaints name the file and the key. */
export async function readSetup(text: string, name: string): Promise<Options> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error) throw setupSyntax(name, error.linePos?.[0], error.message.split("\n")[0] ?? "");
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (problem) {
    throw setupSyntax(name, undefined, problem instanceof Error ? problem.message : "an alias without end");
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw setupOutline(name, Array.isArray(value) ? "a list" : typeof value);
  return checkOptions(value as Readonly<Record<string, unknown>>, (key) => `${name} › ${key}`); // an object, as just seen
}
