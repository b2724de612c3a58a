/** The catalogue that lies in the package, beside dist/. */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { CatalogueFiles } from "../index.js";

/** From dist/cli/main.js, from a chunk of it, and from src/cli. */
const FOLDERS = ["../../catalogue/", "../../../catalogue/"];
/** No file of the catalogue is larger, inflated; the reader has a limit of its own. */
const MOST_BYTES = 8 * 1024 ** 2;

export function catalogueFiles(): CatalogueFiles {
  return {
    read: async (path) => {
      const bytes = await readFirst(path);
      // a stream would do, but takes 10 ms to start
      return path.endsWith(".gz") ? inflated(bytes) : bytes;
    },
  };
}

async function readFirst(path: string): Promise<Uint8Array> {
  let failure: unknown;
  for (const folder of FOLDERS) {
    try {
      return await readFile(new URL(folder + path, import.meta.url));
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** As the file is when it cannot be inflated: the reader says what is wrong with it. */
function inflated(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES });
  } catch {
    return bytes;
  }
}
