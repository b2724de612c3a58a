/** What one measurement tells of a machine, as a small file (plimsoll/profile@1) that later answers start from. */
import { InputError } from "./base/complaint.js";
import { bytes, MiB } from "./base/units.js";
import type { ContextMemory } from "./hardware/contexts.js";
import type { MachineProfile } from "./report/compare.js";

/** Far beyond any device. */
const MOST = 2 ** 46;
const FIELDS = ["schema", "gpu", "contextBytes", "workspaceBytes", "measuredWith"] as const;

/** `value`, an object or its JSON, once every field is checked. Throws InputError. */
export function checkProfile(value: unknown, where: string): MachineProfile {
  const given = typeof value === "string" ? parse(value, where) : value;
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw notAProfile(where, "something else");
  const fields = given as Readonly<Record<string, unknown>>;
  const { schema, gpu, contextBytes, workspaceBytes, measuredWith } = fields;
  if (schema !== "plimsoll/profile@1") throw notAProfile(where, `the schema ${show(schema)}`);
  const other = Object.keys(fields).find((key) => !FIELDS.some((field) => field === key));
  if (other !== undefined) throw notAProfile(where, `a field named ${show(other)}`);
  if (gpu !== null && (typeof gpu !== "string" || gpu === ""))
    throw notAProfile(where, `the gpu ${show(gpu)}`);
  if (typeof measuredWith !== "string") throw notAProfile(where, `the model ${show(measuredWith)}`);
  return {
    schema,
    gpu,
    contextBytes: sizeOf(contextBytes, "contextBytes", where),
    workspaceBytes: sizeOf(workspaceBytes, "workspaceBytes", where),
    measuredWith,
  };
}

/** The context as measured; how far it can be off still holds what other machines were seen with. */
export function measuredContext(assumed: ContextMemory, contextBytes: number): ContextMemory {
  return {
    ...assumed,
    bytes: bytes(contextBytes),
    lowBytes: Math.min(assumed.lowBytes, contextBytes),
    highBytes: Math.max(assumed.highBytes, contextBytes),
  };
}

/** `9.1GiB`, `9318MiB`, `9771050598`: bytes. Throws InputError. */
export function readSize(text: string, where: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*(|B|KiB|MiB|GiB|KB|MB|GB)$/i.exec(text.trim()) ?? [];
  const factors: Readonly<Record<string, number>> = {
    "": 1,
    b: 1,
    kib: 1024,
    mib: MiB,
    gib: 1024 * MiB,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
  };
  const size = Math.round(Number(digits) * (factors[unit.toLowerCase()] ?? Number.NaN));
  if (digits !== "" && size > 0 && size <= MOST) return size;
  throw new InputError({
    code: "compare/size",
    where,
    rule: "what was measured must be a size",
    expected: "9.1GiB, 9318MiB, or plain bytes",
    got: JSON.stringify(text.slice(0, 40)),
    hint: "nvidia-smi prints MiB; torch.cuda.max_memory_allocated() prints bytes",
  });
}

function sizeOf(value: unknown, field: string, where: string): number | null {
  if (value === null) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= MOST) return value;
  throw notAProfile(where, `${show(value)} under "${field}"`);
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text.slice(0, 64 * 1024));
  } catch {
    throw notAProfile(where, "no JSON");
  }
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 60);
}

function notAProfile(where: string, got: string): InputError {
  return new InputError({
    code: "profile/fields",
    where,
    rule: "a profile must be what compare --save-profile writes",
    expected: "plimsoll/profile@1 with gpu, contextBytes, workspaceBytes and measuredWith",
    got,
    hint: "plimsoll compare MODEL --measured-device-total 9.1GiB --save-profile FILE makes one",
  });
}
