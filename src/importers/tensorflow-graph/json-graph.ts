/**
 * Graph models of TensorFlow.js: a GraphDef in protocol buffers' JSON, beside a manifest of weights that are never read.
 * Enumerations are names, 64-bit numbers texts, bytes base64. The converter moves the numbers of all constants to the weights.
 */
import { InputError } from "../../base/complaint.js";
import { isList, isObject, type Json, type JsonObject, parseConfig } from "../keras/config.js";
import { noGraph, notJson, wrongValue } from "./complaints.js";
import {
  MAX_NODES,
  type AttrValue,
  type GraphDef,
  type NodeDef,
  type ShapeProto,
  type TensorProto,
} from "./schema.js";
import { payload } from "./tensor.js";

export function graphFromJson(bytes: Uint8Array, where: string): GraphDef {
  const root = parsed(bytes, where);
  const topology = isObject(root) ? (root.modelTopology ?? root) : root;
  if (!isObject(topology) || !isList(topology.node))
    throw noGraph(
      where,
      "modelTopology with a list of nodes",
      isObject(root) ? "an object without one" : "no object",
    );
  if (topology.node.length > MAX_NODES)
    throw noGraph(where, `at most ${MAX_NODES} nodes`, `${topology.node.length}`);
  return { node: topology.node.map((value, i) => nodeOf(value, `${where} › node[${i}]`)) };
}

function parsed(bytes: Uint8Array, where: string): Json {
  try {
    return parseConfig(bytes, where);
  } catch (error) {
    if (error instanceof InputError) throw notJson(where, error.complaint.got);
    throw error;
  }
}

function nodeOf(value: Json, where: string): NodeDef {
  if (!isObject(value)) throw wrongValue(where, "a node", "an object with name and op", value);
  const { name, op, input = [], attr = {} } = value;
  if (typeof name !== "string" || typeof op !== "string")
    throw wrongValue(where, "a node", "an object with name and op", Object.keys(value).slice(0, 4));
  if (!isList(input) || input.some((item) => typeof item !== "string"))
    throw wrongValue(where, "input", "a list of names", null);
  if (!isObject(attr)) throw wrongValue(where, "attr", "an object", null);
  const place = `${where} (${name.slice(0, 60)})`;
  return {
    name,
    op,
    input: input as readonly string[],
    attr: Object.entries(attr).map(([key, item]) => ({ key, value: attrOf(item, place) })),
  };
}

const DTYPE_NAMES = [
  "INVALID", "FLOAT", "DOUBLE", "INT32", "UINT8", "INT16", "INT8", "STRING", "COMPLEX64", "INT64", "BOOL", "QINT8", "QUINT8",
  "QINT32", "BFLOAT16", "QINT16", "QUINT16", "UINT16", "COMPLEX128", "HALF", "RESOURCE", "VARIANT", "UINT32", "UINT64",
]; // biome-ignore format: by number, types.proto

function typeOf(value: Json | undefined): number | undefined {
  if (typeof value === "number") return value;
  const at = typeof value === "string" ? DTYPE_NAMES.indexOf(value.replace(/^DT_/, "")) : -1;
  return at < 0 ? undefined : at;
}

function numberOf(value: Json | undefined): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?\d{1,19}$/.test(value) ? Number(value) : undefined;
}

function attrOf(value: Json, where: string): AttrValue {
  if (!isObject(value)) throw wrongValue(where, "an attribute", "an object", value);
  const { s, i, f, b, type, shape, tensor, list, func } = value;
  return {
    ...(typeof s === "string" && { s: fromBase64(s) }),
    ...(i !== undefined && { i: numberOf(i) ?? Number.NaN }),
    ...(typeof f === "number" && { f }),
    ...(typeof b === "boolean" && { b: Number(b) }),
    ...(type !== undefined && { type: typeOf(type) ?? 0 }),
    ...(isObject(shape) && { shape: shapeOf(shape, where) }),
    ...(isObject(tensor) && { tensor: tensorOf(tensor, where) }),
    ...(isObject(func) && typeof func.name === "string" && { func: { name: func.name } }),
    ...(isObject(list) && {
      list: {
        ...(isList(list.i) && { i: list.i.map((item) => numberOf(item) ?? Number.NaN) }),
        ...(isList(list.shape) && {
          shape: list.shape.map((item) => (isObject(item) ? shapeOf(item, where) : { unknownRank: 1 })),
        }),
        ...(isList(list.s) && {
          s: list.s.map((item) => (typeof item === "string" ? fromBase64(item) : "")),
        }),
      },
    }),
  };
}

function shapeOf(value: JsonObject, where: string): ShapeProto {
  const { dim = [], unknownRank } = value;
  if (!isList(dim)) throw wrongValue(where, "dim", "a list of sizes", null);
  return {
    dim: dim.map((item) => ({
      size: isObject(item) ? (numberOf(item.size) ?? (item.size === undefined ? 0 : Number.NaN)) : Number.NaN,
    })),
    ...(unknownRank === true && { unknownRank: 1 }),
  };
}

function tensorOf(value: JsonObject, where: string): TensorProto {
  const numbers = (list: Json | undefined) =>
    isList(list) ? list.map((item) => numberOf(item) ?? Number(item)) : undefined;
  const { dtype, tensorShape, tensorContent, floatVal, intVal, int64Val, boolVal } = value;
  const [floats, ints, longs, bools] = [floatVal, intVal, int64Val, boolVal].map(numbers);
  const isHere = [tensorContent, floatVal, intVal, int64Val, boolVal].some((field) => field !== undefined);
  return {
    ...(!isHere && { isElsewhere: true as const }),
    ...(dtype !== undefined && { dtype: typeOf(dtype) ?? 0 }),
    ...(isObject(tensorShape) && { shape: shapeOf(tensorShape, where) }),
    ...(typeof tensorContent === "string" && { content: payload(bytesOf(tensorContent)) }),
    ...(floats && { floats }),
    ...(ints && { ints }),
    ...(longs && { longs }),
    ...(bools && { bools }),
  };
}

/** Constants of a shape have a few numbers; longer ones are weights. */
const MAX_BASE64 = 65_536;

function bytesOf(text: string): Uint8Array {
  if (text.length > MAX_BASE64 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 === 1)
    return new Uint8Array(0);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function fromBase64(text: string): string {
  return new TextDecoder().decode(bytesOf(text));
}
