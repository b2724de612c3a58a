/** The parts of an ExportedProgram's JSON that Plimsoll reads; everything else is passed over. */
import type { DType } from "../../base/dtype.js";

/** torch/_export/serde/schema.py ScalarType, schema 8.20. */
export const SCALAR_TYPES: Readonly<Record<number, DType>> = {
  1: "uint8",
  2: "int8",
  3: "int16",
  4: "int32",
  5: "int64",
  6: "float16",
  7: "float32",
  8: "float64",
  9: "complex32",
  10: "complex64",
  11: "complex128",
  12: "bool",
  13: "bfloat16",
  28: "uint16",
  29: "float8_e4m3fn",
  30: "float8_e5m2",
  31: "float8_e4m3fnuz",
  32: "float8_e5m2fnuz",
  33: "float8_e8m0fnu",
  34: "uint32",
  35: "uint64",
};

/** ScalarType 1 is contiguous, 2 channels_last; 0 and others leave the format as it is. */
export const MEMORY_FORMATS: Readonly<Record<number, string>> = {
  1: "contiguous",
  2: "channels_last",
  3: "channels_last",
  4: "preserve",
};

/** A union is an object with one key. */
export type Union = Readonly<Record<string, unknown>>;

export interface ProgramNode {
  readonly target: string;
  readonly inputs: readonly { readonly name: string; readonly arg: Union }[];
  readonly outputs: readonly Union[];
  readonly metadata?: { readonly nn_module_stack?: string; readonly stack_trace?: string };
}

export interface TensorMeta {
  readonly dtype: number;
  readonly sizes: readonly Union[];
  readonly strides?: readonly Union[];
  readonly requires_grad?: boolean;
  readonly device?: { readonly type?: string };
}

export interface ProgramGraph {
  readonly inputs: readonly Union[];
  readonly outputs: readonly Union[];
  readonly nodes: readonly ProgramNode[];
  readonly tensor_values: Readonly<Record<string, TensorMeta>>;
  readonly sym_int_values?: Readonly<Record<string, Union>>;
}

export interface Program {
  readonly graph_module: {
    readonly graph: ProgramGraph;
    readonly signature: { readonly input_specs: readonly Union[]; readonly output_specs: readonly Union[] };
    readonly module_call_graph?: readonly { readonly fqn?: string }[];
  };
  readonly range_constraints?: Readonly<
    Record<string, { readonly min_val?: number | null; readonly max_val?: number | null }>
  >;
}

/** Name of the tensor an argument holds, or undefined. */
export function tensorName(argument: Union | undefined): string | undefined {
  const tensor = argument?.as_tensor as { name?: unknown } | undefined;
  return typeof tensor?.name === "string" ? tensor.name : undefined;
}
