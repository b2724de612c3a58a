/** Request → question: a query, a JSON body, a form, or a model's bytes. */
import { badJson, badMember, tooLargeBody, wrongMediaType } from "./complaints.js";
import type { JobModel } from "./job.js";

/** The question without its operation. */
export interface Asked {
  readonly model: JobModel;
  readonly settings: Readonly<Record<string, unknown>>;
}

type Members = Readonly<Record<string, unknown>>;

/** Settings that may be repeated in a query. */
const REPEATED: ReadonlySet<string> = new Set(["freeze", "shape"]);

/** Reads the request; a body of more than `most` bytes is refused before it is held. */
export async function readQuestion(request: Request, most: number): Promise<Asked> {
  const { pathname, searchParams } = new URL(request.url);
  const query = settingsOfQuery(searchParams);
  if (request.method === "GET") return { model: named(pathname, searchParams.get("model")), settings: query };
  const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
  const bytes = await readBody(request, pathname, most);
  switch (type.trim().toLowerCase()) {
    case "application/json":
      return ofMembers(parseObject(bytes, pathname), query, pathname);
    case "multipart/form-data":
      return ofForm(await formOf(request, bytes, pathname), query, pathname);
    case "application/octet-stream":
      return { model: { kind: "file", name: searchParams.get("name") ?? "model", bytes }, settings: query };
    default:
      throw wrongMediaType(pathname, type);
  }
}

function settingsOfQuery(query: URLSearchParams): Members {
  const settings: Record<string, unknown> = {};
  for (const key of new Set(query.keys())) {
    if (key === "model" || key === "name") continue;
    const values = query.getAll(key);
    settings[key] = REPEATED.has(key) ? values : values.at(-1);
  }
  return settings;
}

async function readBody(request: Request, path: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get("content-length") ?? 0) > most) throw tooLargeBody(path, most);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    size += chunk.length;
    if (size > most) throw tooLargeBody(path, most);
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function parseObject(bytes: Uint8Array, path: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (problem) {
    throw badJson(path, problem instanceof SyntaxError ? problem.message : "bytes that are not UTF-8");
  }
  if (!isObject(value)) throw badJson(path, Array.isArray(value) ? "a list" : typeof value);
  return value;
}

/** `{ model, setup }`; `model` is a name, or a file with its content as text or as JSON. */
function ofMembers(members: Members, query: Members, path: string): Asked {
  for (const key of Object.keys(members))
    if (key !== "model" && key !== "setup") throw badMember(path, key, "model | setup", key);
  const { model, setup = {} } = members;
  if (!isObject(setup)) throw badMember(path, "setup", "an object of settings", typeof setup);
  const settings = { ...query, ...setup };
  if (!isObject(model)) return { model: named(path, model), settings };
  const { name = "model", content } = model;
  if (typeof name !== "string") throw badMember(path, "model › name", "text", typeof name);
  if (typeof content !== "string" && !isObject(content))
    throw badMember(path, "model › content", "a file's text, or its JSON", typeof content);
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { model: { kind: "file", name, bytes: new TextEncoder().encode(text) }, settings };
}

async function formOf(request: Request, body: Uint8Array<ArrayBuffer>, path: string): Promise<FormData> {
  try {
    return await new Response(body, { headers: request.headers }).formData();
  } catch (problem) {
    throw badJson(path, problem instanceof Error ? problem.message : "no form");
  }
}

/** Field `model`: a file or a name; field `setup`: JSON. */
async function ofForm(form: FormData, query: Members, path: string): Promise<Asked> {
  const given = form.get("model");
  const setup = form.get("setup");
  const settings =
    typeof setup === "string" ? { ...query, ...parseObject(new TextEncoder().encode(setup), path) } : query;
  if (given === null || typeof given === "string") return { model: named(path, given), settings };
  return {
    model: { kind: "file", name: given.name, bytes: new Uint8Array(await given.arrayBuffer()) },
    settings,
  };
}

function named(path: string, name: unknown): JobModel {
  if (typeof name === "string" && name !== "") return { kind: "name", name };
  throw badMember(
    path,
    "model",
    "a name of GET /v1/models, or a file: {name, content}",
    name === null || name === undefined ? "nothing" : typeof name,
  );
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
