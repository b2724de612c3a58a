/** How JAX and XLA write the types of arrays. */
import type { DType } from "../../base/dtype.js";

/** jaxprs: dtypes.short_dtype_name. HLO text: PrimitiveType in lower case. MLIR: signless integers. */
export const DTYPES: Readonly<Record<string, DType>> = {
  bool: "bool",
  pred: "bool",
  i1: "bool",
  i8: "int8",
  s8: "int8",
  u8: "uint8",
  ui8: "uint8",
  i16: "int16",
  s16: "int16",
  u16: "uint16",
  ui16: "uint16",
  i32: "int32",
  s32: "int32",
  u32: "uint32",
  ui32: "uint32",
  i64: "int64",
  s64: "int64",
  u64: "uint64",
  ui64: "uint64",
  f16: "float16",
  bf16: "bfloat16",
  f32: "float32",
  f64: "float64",
  c64: "complex64",
  c128: "complex128",
  f8_e4m3fn: "float8_e4m3fn",
  f8_e5m2: "float8_e5m2",
  f8e4m3fn: "float8_e4m3fn",
  f8e5m2: "float8_e5m2",
  float0: "bool",
  int4: "int8",
  uint4: "uint8",
};

/** Keys of random numbers, by implementation: the words they wrap. jax/_src/random, threefry2x32 and rbg. */
export const KEY_WORDS: Readonly<Record<string, number>> = { "key<fry>": 2, "key<rbg>": 4, "key<urbg>": 4 };
