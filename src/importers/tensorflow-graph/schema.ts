/**
 * The parts of TensorFlow's graph files that describe shapes, by field number: saved_model.proto, graph.proto, node_def.proto,
 * attr_value.proto, function.proto, saved_object_graph.proto of TensorFlow 2.21.
 */
import type { Payload, Schema } from "../../decode/protobuf.js";

export interface ShapeProto {
  readonly dim?: readonly { readonly size?: number }[];
  readonly unknownRank?: number;
}

export interface TensorProto {
  readonly dtype?: number;
  readonly shape?: ShapeProto;
  readonly content?: Payload;
  readonly floats?: readonly number[];
  readonly doubles?: Payload;
  readonly ints?: readonly number[];
  readonly longs?: readonly number[];
  readonly bools?: readonly number[];
  /** Its numbers lie in another file. */
  readonly isElsewhere?: true;
}

export interface AttrList {
  readonly s?: readonly string[];
  readonly i?: readonly number[];
  readonly type?: readonly number[];
  readonly shape?: readonly ShapeProto[];
  readonly func?: readonly FunctionName[];
}

export interface FunctionName {
  readonly name?: string;
}

export interface AttrValue {
  readonly list?: AttrList;
  readonly s?: string;
  readonly i?: number;
  readonly f?: number;
  readonly b?: number;
  readonly type?: number;
  readonly shape?: ShapeProto;
  readonly tensor?: TensorProto;
  readonly func?: FunctionName;
}

export interface NodeDef {
  readonly name?: string;
  readonly op?: string;
  readonly input?: readonly string[];
  readonly attr?: readonly { readonly key?: string; readonly value?: AttrValue }[];
}

export interface ArgDef {
  readonly name?: string;
  readonly type?: number;
  readonly numberAttr?: string;
  readonly typeListAttr?: string;
}

export interface FunctionDef {
  readonly signature?: {
    readonly name?: string;
    readonly inputs?: readonly ArgDef[];
    readonly outputs?: readonly ArgDef[];
  };
  readonly node?: readonly NodeDef[];
  readonly ret?: readonly { readonly key?: string; readonly value?: string }[];
}

export interface GraphDef {
  readonly node?: readonly NodeDef[];
  readonly library?: { readonly functions?: readonly FunctionDef[] };
}

export interface TensorInfo {
  readonly name?: string;
  readonly dtype?: number;
  readonly shape?: ShapeProto;
}

export interface SignatureDef {
  readonly inputs?: readonly { readonly key?: string; readonly value?: TensorInfo }[];
  readonly outputs?: readonly { readonly key?: string; readonly value?: TensorInfo }[];
}

export interface SavedVariable {
  readonly dtype?: number;
  readonly shape?: ShapeProto;
  readonly trainable?: number;
  readonly name?: string;
}

export interface MetaGraphDef {
  readonly info?: { readonly tags?: readonly string[] };
  readonly graph?: GraphDef;
  readonly signatures?: readonly { readonly key?: string; readonly value?: SignatureDef }[];
  readonly collections?: readonly {
    readonly key?: string;
    readonly value?: { readonly bytes?: { readonly values?: readonly VariableDef[] } };
  }[];
  readonly objects?: {
    readonly nodes?: readonly { readonly variable?: SavedVariable }[];
    readonly functions?: readonly {
      readonly key?: string;
      readonly value?: { readonly boundInputs?: readonly number[] };
    }[];
  };
}

/** As TensorFlow 1 lists variables; decoded out of a collection's bytes. */
export interface VariableDef {
  readonly name?: string;
}

export interface SavedModel {
  readonly version?: number;
  readonly graphs?: readonly MetaGraphDef[];
}

/** Nodes of one graph or function; the largest of keras.applications has some 20,000. */
export const MAX_NODES = 40_000;

const many = (schema: () => Schema, most?: number) =>
  ({ of: schema, repeated: true, ...(most !== undefined && { most }) }) as const;
const one = (schema: () => Schema) => ({ of: schema }) as const;
const entry = (value: () => Schema): Schema => ({ 1: ["key", "text"], 2: ["value", one(value)] });

const SHAPE: Schema = { 2: ["dim", many(() => ({ 1: ["size", "int"] }))], 3: ["unknownRank", "int"] };
const TENSOR: Schema = {
  1: ["dtype", "int"],
  2: ["shape", one(() => SHAPE)],
  4: ["content", "payload"],
  5: ["floats", "floats"],
  6: ["doubles", "payload"],
  7: ["ints", "ints"],
  10: ["longs", "ints"],
  11: ["bools", "ints"],
};
const FUNCTION_NAME: Schema = { 1: ["name", "text"] };
const LIST: Schema = {
  2: ["s", "texts"],
  3: ["i", "ints"],
  6: ["type", "ints"],
  7: ["shape", many(() => SHAPE)],
  9: ["func", many(() => FUNCTION_NAME)],
};
const ATTR: Schema = {
  1: ["list", one(() => LIST)],
  2: ["s", "text"],
  3: ["i", "int"],
  4: ["f", "float"],
  5: ["b", "int"],
  6: ["type", "int"],
  7: ["shape", one(() => SHAPE)],
  8: ["tensor", one(() => TENSOR)],
  10: ["func", one(() => FUNCTION_NAME)],
};
const ATTR_ENTRY = entry(() => ATTR);
const NODE: Schema = {
  1: ["name", "text"],
  2: ["op", "text"],
  3: ["input", "texts"],
  5: ["attr", many(() => ATTR_ENTRY)],
};
const ARG: Schema = {
  1: ["name", "text"],
  3: ["type", "int"],
  5: ["numberAttr", "text"],
  6: ["typeListAttr", "text"],
};
const SIGNATURE: Schema = {
  1: ["name", "text"],
  2: ["inputs", many(() => ARG)],
  3: ["outputs", many(() => ARG)],
};
const RET: Schema = { 1: ["key", "text"], 2: ["value", "text"] };
const FUNCTION: Schema = {
  1: ["signature", one(() => SIGNATURE)],
  3: ["node", many(() => NODE, MAX_NODES)],
  4: ["ret", many(() => RET)],
};
const LIBRARY: Schema = { 1: ["functions", many(() => FUNCTION)] };
export const GRAPH: Schema = { 1: ["node", many(() => NODE, MAX_NODES)], 2: ["library", one(() => LIBRARY)] };

const TENSOR_INFO: Schema = { 1: ["name", "text"], 2: ["dtype", "int"], 3: ["shape", one(() => SHAPE)] };
const TENSOR_ENTRY = entry(() => TENSOR_INFO);
const SIGNATURE_DEF: Schema = {
  1: ["inputs", many(() => TENSOR_ENTRY)],
  2: ["outputs", many(() => TENSOR_ENTRY)],
};
const SIGNATURE_ENTRY = entry(() => SIGNATURE_DEF);
const VARIABLE: Schema = {
  1: ["dtype", "int"],
  2: ["shape", one(() => SHAPE)],
  3: ["trainable", "int"],
  6: ["name", "text"],
};
const OBJECT: Schema = { 7: ["variable", one(() => VARIABLE)] };
const CONCRETE_ENTRY = entry(() => ({ 2: ["boundInputs", "ints"] }));
const OBJECTS: Schema = { 1: ["nodes", many(() => OBJECT)], 2: ["functions", many(() => CONCRETE_ENTRY)] };
/** VariableDef, which lies in the bytes of a list. */
const VARIABLE_DEF: Schema = { 1: ["name", "text"] };
const COLLECTION_ENTRY = entry(() => ({
  2: ["bytes", one(() => ({ 1: ["values", many(() => VARIABLE_DEF)] }))],
}));
const META_GRAPH: Schema = {
  1: ["info", one(() => ({ 4: ["tags", "texts"] }))],
  2: ["graph", one(() => GRAPH)],
  4: ["collections", many(() => COLLECTION_ENTRY)],
  5: ["signatures", many(() => SIGNATURE_ENTRY)],
  7: ["objects", one(() => OBJECTS)],
};
export const SAVED_MODEL: Schema = { 1: ["version", "int"], 2: ["graphs", many(() => META_GRAPH)] };
