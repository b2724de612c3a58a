/** The parts of an ONNX file that describe shapes, by field number: onnx.proto of ONNX 1.23 (IR version 3 to 13). */
import type { Payload, Schema } from "../../decode/protobuf.js";

export interface TensorProto {
  readonly name?: string;
  readonly dims?: readonly number[];
  readonly dataType?: number;
  readonly ints?: readonly number[];
  readonly longs?: readonly number[];
  readonly floats?: readonly number[];
  readonly raw?: Payload;
  readonly location?: number;
}

export interface AttributeProto {
  readonly name?: string;
  readonly refersTo?: string;
  readonly f?: number;
  readonly i?: number;
  readonly s?: string;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly strings?: readonly string[];
}

export interface NodeProto {
  readonly name?: string;
  readonly opType?: string;
  readonly domain?: string;
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly attribute?: readonly AttributeProto[];
  readonly notes?: readonly { readonly key?: string; readonly value?: string }[];
}

export interface ValueInfoProto {
  readonly name?: string;
  readonly type?: { readonly tensor?: { readonly elemType?: number; readonly shape?: ShapeProto } };
}

export interface ShapeProto {
  readonly dim?: readonly { readonly value?: number; readonly symbol?: string }[];
}

export interface GraphProto {
  readonly name?: string;
  readonly node?: readonly NodeProto[];
  readonly initializer?: readonly TensorProto[];
  readonly sparse?: readonly unknown[];
  readonly input?: readonly ValueInfoProto[];
  readonly output?: readonly ValueInfoProto[];
  readonly valueInfo?: readonly ValueInfoProto[];
}

export interface FunctionProto {
  readonly name?: string;
  readonly domain?: string;
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly node?: readonly NodeProto[];
  readonly attributeProto?: readonly AttributeProto[];
}

export interface ModelProto {
  readonly irVersion?: number;
  readonly producer?: string;
  readonly graph?: GraphProto;
  readonly opsets?: readonly { readonly domain?: string; readonly version?: number }[];
  readonly functions?: readonly FunctionProto[];
}

const many = (schema: () => Schema, most?: number) =>
  ({ of: schema, repeated: true, ...(most !== undefined && { most }) }) as const;

/** Operators of a graph, also with functions and loops written out; exports of language models have some 10^4. */
export const MAX_NODES = 40_000;
const one = (schema: () => Schema) => ({ of: schema }) as const;

const TENSOR: Schema = {
  1: ["dims", "ints"],
  2: ["dataType", "int"],
  4: ["floats", "floats"],
  5: ["ints", "ints"],
  7: ["longs", "ints"],
  8: ["name", "text"],
  9: ["raw", "payload"],
  14: ["location", "int"],
};
const ATTRIBUTE: Schema = {
  1: ["name", "text"],
  2: ["f", "float"],
  3: ["i", "int"],
  4: ["s", "text"],
  5: ["t", one(() => TENSOR)],
  6: ["g", one(() => GRAPH)],
  7: ["floats", "floats"],
  8: ["ints", "ints"],
  9: ["strings", "texts"],
  21: ["refersTo", "text"],
};
const NOTE: Schema = { 1: ["key", "text"], 2: ["value", "text"] };
const NODE: Schema = {
  1: ["input", "texts"],
  2: ["output", "texts"],
  3: ["name", "text"],
  4: ["opType", "text"],
  5: ["attribute", many(() => ATTRIBUTE)],
  7: ["domain", "text"],
  9: ["notes", many(() => NOTE)],
};
const DIM: Schema = { 1: ["value", "int"], 2: ["symbol", "text"] };
const SHAPE: Schema = { 1: ["dim", many(() => DIM)] };
const TENSOR_TYPE: Schema = { 1: ["elemType", "int"], 2: ["shape", one(() => SHAPE)] };
const TYPE: Schema = { 1: ["tensor", one(() => TENSOR_TYPE)] };
const VALUE_INFO: Schema = { 1: ["name", "text"], 2: ["type", one(() => TYPE)] };
const GRAPH: Schema = {
  1: ["node", many(() => NODE, MAX_NODES)],
  2: ["name", "text"],
  5: ["initializer", many(() => TENSOR)],
  11: ["input", many(() => VALUE_INFO)],
  12: ["output", many(() => VALUE_INFO)],
  13: ["valueInfo", many(() => VALUE_INFO)],
  15: ["sparse", many(() => ({}))],
};
const OPSET: Schema = { 1: ["domain", "text"], 2: ["version", "int"] };
const FUNCTION: Schema = {
  1: ["name", "text"],
  4: ["input", "texts"],
  5: ["output", "texts"],
  7: ["node", many(() => NODE)],
  10: ["domain", "text"],
  11: ["attributeProto", many(() => ATTRIBUTE)],
};
export const MODEL: Schema = {
  1: ["irVersion", "int"],
  2: ["producer", "text"],
  7: ["graph", one(() => GRAPH)],
  8: ["opsets", many(() => OPSET)],
  25: ["functions", many(() => FUNCTION)],
};

export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute?.find((one) => one.name === name);
}
