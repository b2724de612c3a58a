/** What is asked: a model and its settings; and the same as an address to share. */
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate";

export type Asked =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "text"; readonly name: string; readonly text: string }
  /** A file of this machine: it is in no address. */
  | { readonly kind: "file"; readonly name: string; readonly file: File };

/** By setting, what its field holds; fields that were not touched are not there. */
export type Settings = Readonly<Record<string, string>>;

export interface Question {
  readonly model: Asked;
  readonly settings: Settings;
}

export const FIRST: Question = {
  model: { kind: "name", name: "torchvision/resnet50" },
  settings: { batch: "32", gpu: "RTX-4090-24GB" },
};

/** Texts of more characters are not put into addresses: servers and messengers cut them. */
const LONGEST_TEXT = 100_000;
const LONGEST_ADDRESS = 8000;

/** `?model=torchvision/resnet50&batch=32`, or `?name=my.yaml&batch=32#s=…` with the text deflated. */
export function toAddress({ model, settings }: Question): string {
  const query = new URLSearchParams(settings);
  let hash = "";
  if (model.kind === "name") query.set("model", model.name);
  else {
    query.set("name", model.name);
    if (model.kind === "text" && model.text.length <= LONGEST_TEXT) hash = `#s=${packed(model.text)}`;
  }
  const address = `?${query.toString().replaceAll("%2F", "/")}${hash}`;
  return address.length <= LONGEST_ADDRESS ? address : `?${query}`;
}

/** The question of an address; null where it has none. Whatever stands there, it never throws. */
export function fromAddress(search: string, hash: string): Question | null {
  const query = new URLSearchParams(search);
  const settings: Record<string, string> = {};
  for (const [key, value] of query)
    if (key !== "model" && key !== "name" && value !== "") settings[key] = value;
  const name = query.get("model");
  if (name) return { model: { kind: "name", name }, settings };
  const text = hash.startsWith("#s=") ? unpacked(hash.slice(3)) : null;
  if (text === null) return null;
  return { model: { kind: "text", name: query.get("name") ?? "model.yaml", text }, settings };
}

function packed(text: string): string {
  const bytes = deflateSync(strToU8(text), { level: 9 });
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function unpacked(code: string): string | null {
  try {
    const binary = atob(code.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    // a short address must not unfold to gigabytes
    return strFromU8(inflateSync(bytes, { out: new Uint8Array(4 * LONGEST_TEXT) }));
  } catch {
    return null;
  }
}
