/** What is asked about → model. The last one stays read: sliders ask about it again and again. */
import { type ImportedModel, readModel } from "plimsoll";
import type { Asked } from "../question.js";

let known: { readonly key: string; readonly model: ImportedModel } | null = null;

export async function modelOf(asked: Asked, base: string): Promise<ImportedModel> {
  const key =
    asked.kind === "file"
      ? `${asked.name} ${asked.file.size} ${asked.file.lastModified}`
      : JSON.stringify(asked);
  if (known?.key === key) return known.model;
  const model = await read(asked, base);
  known = { key, model };
  return model;
}

function read(asked: Asked, base: string): Promise<ImportedModel> {
  if (asked.kind === "file") return readModel(asked.file, { name: asked.name });
  if (asked.kind === "text") return readModel(new TextEncoder().encode(asked.text), { name: asked.name });
  return readModel(asked.name, { catalogue: { read: (path) => fetched(`${base}catalogue/${path}`) } });
}

async function fetched(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} for ${url}`);
  return new Uint8Array(await response.arrayBuffer());
}
