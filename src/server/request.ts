/** Request → question: a query, a JSON body, a form, or the bytes of a model or of what was measured. */
import { badJson, badMember, tooLargeBody, wrongMediaType } from "./complaints.js";
import { readFileMember } from "./file-member.js";
import type { Job, JobFile, JobModel } from "./job.js";

/** The question without its operation. */
export type Asked = Omit<Job, "operation">;

type Members = Readonly<Record<string, unknown>>;

/** Where the question came, what its query says, and whether what was measured may come with it. */
interface Frame {
  readonly path: string;
  readonly query: Members;
  readonly takesRecording: boolean;
}

/** Settings that may be repeated in a query. */
const REPEATED: ReadonlySet<string> = new Set(["freeze", "shape"]);

/** Reads the request; a body of more than `most` bytes is refused before it is held. */
export async function readQuestion(request: Request, most: number, takesRecording: boolean): Promise<Asked> {
  const { pathname: path, searchParams } = new URL(request.url);
  const frame: Frame = { path, query: settingsOfQuery(searchParams), takesRecording };
  const model = searchParams.get("model");
  const recording = null;
  if (request.method === "GET") return { model: named(path, model), recording, settings: frame.query };
  const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
  const bytes = await readBody(request, path, most);
  switch (type.trim().toLowerCase()) {
    case "application/json":
      return ofMembers(parseObject(bytes, path), frame);
    case "multipart/form-data":
      return ofForm(await formOf(request, bytes, path), frame);
    case "application/octet-stream": {
      const file = { name: searchParams.get("name") ?? (takesRecording ? "recording" : "model"), bytes };
      return takesRecording
        ? { model: named(path, model), recording: file, settings: frame.query }
        : { model: { kind: "file", ...file }, recording, settings: frame.query };
    }
    default:
      throw wrongMediaType(path, type);
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

/** `{ model, setup, recording }`; `model` is a name or a file, `recording` a file. */
function ofMembers(members: Members, { path, query, takesRecording }: Frame): Asked {
  const known = takesRecording ? ["model", "recording", "setup"] : ["model", "setup"];
  for (const key of Object.keys(members))
    if (!known.includes(key)) throw badMember(path, key, known.join(" | "), key);
  const { model, recording, setup = {} } = members;
  if (!isObject(setup)) throw badMember(path, "setup", "an object of settings", typeof setup);
  return {
    model: isObject(model) ? { kind: "file", ...readFileMember(model, "model", path) } : named(path, model),
    recording: recording === undefined || recording === null ? null : recordingOf(recording, path),
    settings: { ...query, ...setup },
  };
}

function recordingOf(recording: unknown, path: string): JobFile {
  if (isObject(recording)) return readFileMember(recording, "recording", path);
  throw badMember(path, "recording", "a file: {name, content} or {name, base64}", typeof recording);
}

async function formOf(request: Request, body: Uint8Array<ArrayBuffer>, path: string): Promise<FormData> {
  try {
    return await new Response(body, { headers: request.headers }).formData();
  } catch (problem) {
    throw badJson(path, problem instanceof Error ? problem.message : "no form");
  }
}

/** Field `model`: a file or a name; field `recording`: a file; field `setup`: JSON. */
async function ofForm(form: FormData, { path, query, takesRecording }: Frame): Promise<Asked> {
  const [model, recording, setup] = [form.get("model"), form.get("recording"), form.get("setup")];
  if (recording !== null && !takesRecording) throw badMember(path, "recording", "model | setup", "recording");
  if (typeof recording === "string") throw badMember(path, "recording", "a file", "text");
  const settings =
    typeof setup === "string" ? { ...query, ...parseObject(new TextEncoder().encode(setup), path) } : query;
  return {
    model:
      model === null || typeof model === "string"
        ? named(path, model)
        : { kind: "file", ...(await fileOf(model)) },
    recording: recording && (await fileOf(recording)),
    settings,
  };
}

async function fileOf(file: File): Promise<JobFile> {
  return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
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
