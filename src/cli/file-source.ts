/** Files and standard input as sources. A file is read in ranges through its descriptor, never as a whole. */
import { access, type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Source } from "../index.js";
import { nearest } from "../complaints.js";
import { noSuchFile, tooMuchInput, unreadableFile } from "./complaints.js";

/** Standard input cannot be read in ranges: it is held whole, up to this many bytes. */
const MOST_INPUT = 1024 ** 3;

export interface OpenSource {
  readonly source: Source;
  close(): Promise<void>;
}

/** The file at `path`, or standard input for `-`. Throws InputError when there is nothing to read. */
export async function openSource(path: string): Promise<OpenSource> {
  if (path === "-") return { source: await readInput(), close: async () => undefined };
  const inside = await modelIn(path);
  if (inside !== null) return openSource(inside);
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    throw await explainOpen(path, error as NodeJS.ErrnoException); // node:fs rejects with these
  }
  const { size, isFile } = await file.stat().then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
  if (!isFile) {
    await file.close();
    throw unreadableFile(path, "a folder or a device");
  }
  return {
    source: { name: path, size, read: (start, end) => readRange(file, start, end) },
    close: () => file.close(),
  };
}

/** What a folder's model is described by: Hugging Face's tools, TensorFlow and its converter for browsers name it so. */
const DESCRIBED_BY = ["config.json", "saved_model.pb", "model.json"];

async function modelIn(path: string): Promise<string | null> {
  for (const name of DESCRIBED_BY) {
    const file = join(path, name);
    if (await isThere(file)) return file;
  }
  return null;
}

/** The bytes from `start` to `end`, in a buffer of their own; fewer when the file ends before. */
async function readRange(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(0, end - start));
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) return bytes.slice(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

async function readInput(): Promise<Source> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MOST_INPUT) throw tooMuchInput(MOST_INPUT);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return { name: "standard input", size, read: async (start, end) => bytes.slice(start, end) };
}

async function explainOpen(path: string, { code }: NodeJS.ErrnoException): Promise<Error> {
  if (code === "EISDIR") return unreadableFile(path, "a folder");
  if (code === "EACCES" || code === "EPERM") return unreadableFile(path, "a file that may not be read");
  return noSuchFile(path, await namesLike(path));
}

/** Whether a file or a folder lies at `path`. */
export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Files in the folder of `path` that are spelled nearly like it, nearest first. */
export async function namesLike(path: string): Promise<string[]> {
  const folder = dirname(path);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name !== basename(path));
  return nearest(
    path,
    names.map((name) => (folder === "." ? name : join(folder, name))),
  );
}
