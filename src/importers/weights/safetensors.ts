/**
 * safetensors header → parameters.
 *
 * Spec     https://huggingface.co/docs/safetensors: eight bytes of length, JSON, then the tensors' bytes
 * Reads    the header; no byte of a tensor
 */
import type { DType } from "../../base/dtype.js";
import { ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import type { ImportedModel } from "../model.js";
import { badHeader, badTensor, tooMany } from "./complaints.js";
import { checkTensor, type WeightTensor, weightsModel } from "./model.js";

/** The format's own limit is 100 MB; a header of 100,000 tensors has some 10 MB. */
const MAX_HEADER = 32 * MiB;
const MAX_TENSORS = 200_000;

const TYPES: Readonly<Record<string, DType>> = {
  BOOL: "bool",
  U8: "uint8",
  I8: "int8",
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
  F8_E8M0: "float8_e8m0fnu",
  I16: "int16",
  U16: "uint16",
  F16: "float16",
  BF16: "bfloat16",
  I32: "int32",
  U32: "uint32",
  F32: "float32",
  I64: "int64",
  U64: "uint64",
  F64: "float64",
  C64: "complex64",
};

export async function readSafetensors(source: Source): Promise<ImportedModel> {
  const { name } = source;
  const lead = await source.read(0, Math.min(8, source.size));
  if (lead.length < 8)
    throw badHeader(name, "eight bytes that say the header's length", `${source.size} bytes`);
  const length = Number(new DataView(lead.buffer, lead.byteOffset, 8).getBigUint64(0, true));
  if (length > source.size - 8 || length > MAX_HEADER)
    throw badHeader(
      name,
      `a header within ${Math.min(source.size - 8, MAX_HEADER)} bytes`,
      `${length} bytes`,
    );
  const header = parse(new TextDecoder().decode(await source.read(8, 8 + length)), name);
  const tensors: WeightTensor[] = [];
  for (const [key, value] of header) {
    if (key === "__metadata__") continue;
    if (tensors.length >= MAX_TENSORS) throw tooMany(name, "tensors", MAX_TENSORS);
    tensors.push(
      tensorOf(key, value, { where: `${name} › ${JSON.stringify(key)}`, room: source.size - 8 - length }),
    );
  }
  if (tensors.length === 0) throw badHeader(name, "at least one tensor", "none");
  return weightsModel(tensors, { source: name, format: "safetensors" });
}

/** Keys in the file's order, one that is written twice as often as it is. */
function parse(text: string, where: string): [string, unknown][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badHeader(where, "JSON", error instanceof Error ? error.message : "something else");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badHeader(where, "one JSON object", Array.isArray(value) ? "a list" : typeof value);
  return Object.entries(value);
}

function tensorOf(name: string, value: unknown, at: { where: string; room: number }): WeightTensor {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const type = typeof dtype === "string" && Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
  if (!type || !Array.isArray(shape))
    throw badTensor(at.where, "a dtype and a shape", JSON.stringify(value)?.slice(0, 80) ?? "nothing");
  checkTensor(at.where, shape, type);
  const [start, end] = Array.isArray(offsets) ? (offsets as unknown[]) : [];
  const size = elements(shape as number[]) * ITEM_SIZE[type];
  if (
    typeof start !== "number" ||
    typeof end !== "number" ||
    start < 0 ||
    end - start !== size ||
    end > at.room
  )
    throw badTensor(
      at.where,
      `${size} bytes within ${at.room}`,
      `offsets ${JSON.stringify(offsets) ?? "missing"}`,
    );
  return { name, shape: shape as number[], dtype: type }; // as: checked above
}
