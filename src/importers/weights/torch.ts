/**
 * PyTorch checkpoints (.pth, .pt, .bin, .ckpt) and TorchScript archives → parameters.
 *
 * Spec     torch/serialization.py and torch/_utils.py of torch 2.14: archives with data.pkl, and the older stream of pickles
 * Reads    the pickle that says which tensors there are; no byte of a tensor
 * Ignores  code of TorchScript archives; everything that loading would call
 */
import type { DType } from "../../base/dtype.js";
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import { Call, Dict, Global, Persistent, readPickle } from "../../decode/pickle.js";
import { readArchive } from "../../decode/zip.js";
import type { ImportedModel } from "../model.js";
import { badTensor, noTensors, tooMany } from "./complaints.js";
import { checkTensor, type WeightTensor, weightsModel } from "./model.js";

/** Of an older file, what may stand before the tensors' bytes; checkpoints' pickles have up to some MB. */
const MAX_PREFIX = 32 * MiB;
const MAX_TENSORS = 200_000;
/** Objects looked at, and how deep they lie in each other. */
const MAX_OBJECTS = 2_000_000;
const MAX_DEPTH = 200;

/** torch.storage's legacy classes. */
const STORAGES: Readonly<Record<string, DType>> = {
  BoolStorage: "bool",
  ByteStorage: "uint8",
  CharStorage: "int8",
  ShortStorage: "int16",
  IntStorage: "int32",
  LongStorage: "int64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  FloatStorage: "float32",
  DoubleStorage: "float64",
  ComplexFloatStorage: "complex64",
  ComplexDoubleStorage: "complex128",
  UntypedStorage: "uint8",
};

/** Where checkpoints keep the model's own tensors. */
const MODEL_KEYS = ["state_dict", "model_state_dict", "model", "module", "net", "network", "params", "ema"];

export async function readTorchWeights(source: Source): Promise<ImportedModel> {
  const head = await source.read(0, Math.min(4, source.size));
  const isZip = head[0] === 0x50 && head[1] === 0x4b;
  const { value, format, where } = isZip ? await fromArchive(source) : await fromStream(source);
  const root = modelIn(value);
  const tensors = new Walk(where).tensors(root.value);
  if (tensors.length === 0) throw noTensors(where, "a pickle without a tensor");
  return weightsModel(tensors, {
    source: source.name,
    format,
    ...(root.beside.length > 0 && { beside: root.beside.join(", ") }),
  });
}

interface Found {
  readonly value: unknown;
  readonly format: string;
  readonly where: string;
}

async function fromArchive(source: Source): Promise<Found> {
  const members = await readArchive(source);
  const member = members.find(({ name }) => /(^|\/)data\.pkl$/.test(name));
  if (!member) throw noTensors(source.name, `an archive of ${members.length} members without data.pkl`);
  const where = `${source.name} › ${member.name}`;
  const scripted = members.some(
    ({ name }) => /(^|\/)code\//.test(name) || /(^|\/)constants\.pkl$/.test(name),
  );
  const { value } = readPickle(await member.read(), where);
  return { value, format: scripted ? "torchscript" : "torch-weights", where };
}

/** Before torch 1.6: a number that marks the format, its version, the machine, the object, then storages. */
async function fromStream(source: Source): Promise<Found> {
  const bytes = await source.read(0, Math.min(source.size, MAX_PREFIX));
  let [at, value]: [number, unknown] = [0, undefined];
  const marked = bytes[0] === 0x80 && bytes[2] === 0x8a && bytes[3] === 0x0a;
  for (let i = 0; i < (marked ? 4 : 1); i++) ({ value, end: at } = readPickle(bytes, source.name, at));
  return { value, format: "torch-weights", where: source.name };
}

/** The part of a checkpoint that is the model, and what lies beside it. */
function modelIn(value: unknown): { value: unknown; beside: readonly string[] } {
  const entries = entriesOf(value);
  if (!entries || entries.some(([, item]) => isTensor(item))) return { value, beside: [] };
  for (const key of MODEL_KEYS) {
    const found = entries.find(([name]) => name === key)?.[1];
    if (!(entriesOf(found) || (found instanceof Call && found.state !== undefined))) continue;
    const beside = entries.map(([name]) => String(name).slice(0, 40)).filter((name) => name !== key);
    return { value: modelIn(found).value, beside: beside.slice(0, 12) };
  }
  return { value, beside: [] };
}

function entriesOf(value: unknown): readonly [unknown, unknown][] | undefined {
  if (value instanceof Dict) return value.entries;
  return value instanceof Call && value.name === "collections.OrderedDict" ? value.entries : undefined;
}

const isTensor = (value: unknown): value is Call =>
  value instanceof Call &&
  /^torch\._utils\._rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state)$/.test(value.name);

class Walk {
  private readonly where: string;
  private readonly seen = new Set<unknown>();
  private readonly found: WeightTensor[] = [];

  constructor(where: string) {
    this.where = where;
  }

  tensors(root: unknown): WeightTensor[] {
    const stack: { value: unknown; path: string; depth: number; buffer: boolean }[] = [
      { value: root, path: "", depth: 0, buffer: false },
    ];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { value, path, depth, buffer } = next;
      if (isTensor(value)) {
        this.add(value, path, buffer);
        continue;
      }
      if (typeof value !== "object" || value === null || this.seen.has(value) || depth > MAX_DEPTH) continue;
      this.seen.add(value);
      if (this.seen.size > MAX_OBJECTS) throw tooMany(this.where, "objects", MAX_OBJECTS);
      for (const [key, item] of [...childrenOf(value)].reverse()) {
        const part = HIDDEN.has(key) ? "" : key;
        const inner = part === "" ? path : path === "" ? part : `${path}.${part}`;
        stack.push({
          value: item,
          path: inner,
          depth: depth + 1,
          buffer: key === "_buffers" || (buffer && HIDDEN.has(key)) || buffer,
        });
      }
    }
    return this.found;
  }

  private add(call: Call, path: string, buffer: boolean): void {
    if (this.found.length >= MAX_TENSORS) throw tooMany(this.where, "tensors", MAX_TENSORS);
    const args = call.args as unknown[];
    if (/parameter/.test(call.name) && Array.isArray(args) && isTensor(args[0])) {
      this.add(args[0], path, buffer);
      const last = this.found.pop() as WeightTensor; // as: it was just added
      this.found.push({ ...last, role: "parameter" });
      return;
    }
    const where = `${this.where} › ${JSON.stringify(path)}`;
    const [storage, offset, size, , trains] = Array.isArray(args) ? args : [];
    const id = storage instanceof Persistent && Array.isArray(storage.id) ? (storage.id as unknown[]) : [];
    const kind = id[1] instanceof Global ? (id[1].name.split(".").at(-1) ?? "") : "";
    const typed =
      call.name.endsWith("_v3") && args[6] instanceof Global
        ? args[6].name.replace(/^torch\./, "")
        : undefined;
    const dtype = typed ?? (Object.hasOwn(STORAGES, kind) ? STORAGES[kind] : undefined);
    if (!dtype || !Array.isArray(size))
      throw badTensor(where, "a storage of a known type, and dims", kind || "none");
    checkTensor(where, size, dtype);
    this.found.push({
      name: path || "tensor",
      shape: size as number[], // as: checked above
      dtype: dtype as DType, // as: checked above
      ...(buffer ? { role: "buffer" as const } : trains === true ? { role: "parameter" as const } : {}),
      storage: `${String(id[2])}+${String(offset)}`,
    });
  }
}

/** Parts of a pickled module's state that are no part of a tensor's name. */
const HIDDEN: ReadonlySet<string> = new Set(["_parameters", "_buffers", "_modules", "state"]);

function* childrenOf(value: object): Iterable<[string, unknown]> {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield [String(i), item];
  } else if (value instanceof Dict) {
    for (const [key, item] of value.entries) yield [String(key).slice(0, 500), item];
  } else if (value instanceof Call) {
    for (const [key, item] of value.entries) yield [String(key).slice(0, 500), item];
    for (const [i, item] of value.items.entries()) yield [String(i), item];
    if (value.state !== undefined) yield ["state", value.state];
  }
}
