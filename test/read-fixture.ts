import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ImportedModel, readModel } from "../src/index.js";

const root = join(import.meta.dirname, "..");

/** LeNet as `torch.export.save` wrote it: 61,706 parameters, images of 1 x 28 x 28, a free batch. */
export const LENET = join(root, "test/fixtures/lenet.pt2");

/** A model under `test/fixtures` or `examples`. */
export function readFixture(path: string): Promise<ImportedModel> {
  const name = path.replace(/^.*[/\\]/, "");
  return readModel(new Uint8Array(readFileSync(join(root, path))), { name });
}
