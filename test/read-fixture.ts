import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ImportedModel, readModel } from "../src/index.js";

const root = join(import.meta.dirname, "..");

/** A model under `test/fixtures` or `examples`. LeNet is as `torch.export.save` wrote it, with a free batch. */
export function readFixture(path: string): Promise<ImportedModel> {
  const name = path.replace(/^.*[/\\]/, "");
  return readModel(new Uint8Array(readFileSync(join(root, path))), { name });
}
