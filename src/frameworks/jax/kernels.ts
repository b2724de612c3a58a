/**
 * What XLA does with an operation when it compiles: whether a kernel of another can make it on the fly, and at what cost.
 *
 * xla/service/cpu/cpu_instruction_fusion.cc (CanBeLoopFused, IsExpensive), xla/service/instruction_fusion.cc; products, reductions,
 * convolutions and windows go to libraries (ynn_fusion in compiled programs of JAX 0.10.2), which nothing is fused into.
 */

/**
 * `alias`: another shape of the same buffer. `cheap`, `expensive`: elementwise. `moves`: reads other places of its operand. `reduce`: a library's
 * kernel that can multiply first. `kernel`: one of its own, which neither fuses nor is fused.
 */
export type Fusing = "alias" | "cheap" | "expensive" | "broadcast" | "moves" | "reduce" | "kernel";

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const CHEAP = words(`
  add add_any sub mul neg max min abs sign and or not xor eq ne lt le gt ge select_n select convert_element_type convert floor ceil
  round is_finite clamp square integer_pow relu relu6 shift_left shift_right_logical shift_right_arithmetic rem_int compare subtract
  multiply maximum minimum negate real imag reduce_precision nextafter bitcast_convert_type population_count clz`);
const EXPENSIVE = words(`
  exp exp2 expm1 log log1p tanh logistic rsqrt sqrt cbrt pow power div divide rem erf erfc erf_inv sin cos tan asin acos atan atan2 sinh
  cosh asinh acosh atanh lgamma digamma polygamma logaddexp exponential exponential_minus_one log_plus_one sine cosine remainder`);
const ALIAS = words(`
  reshape squeeze expand_dims stop_gradient copy copy_p name optimization_barrier sharding_constraint mesh_cast device_put bitcast
  scan_carry random_wrap random_unwrap get-tuple-element`);
const MOVES = words(
  "transpose slice pad rev concatenate dynamic_slice iota scan_slice reverse dynamic-slice",
);
const REDUCE = words(
  "reduce_sum reduce_max reduce_min reduce_prod reduce_and reduce_or argmax argmin reduce",
);

export const FUSING: Readonly<Record<string, Fusing>> = Object.fromEntries([
  ...ALIAS.map((name) => [name, "alias"]),
  ...CHEAP.map((name) => [name, "cheap"]),
  ...EXPENSIVE.map((name) => [name, "expensive"]),
  ...MOVES.map((name) => [name, "moves"]),
  ...REDUCE.map((name) => [name, "reduce"]),
  ["broadcast_in_dim", "broadcast"],
]) as Record<string, Fusing>; // as: pairs of a literal

/** Operations that have a kernel of their own. */
export const fusingOf = (op: string): Fusing =>
  Object.hasOwn(FUSING, op) ? (FUSING[op] as Fusing) : "kernel";

/** xla/service/gpu/gpu_fusible.h MaxOperandsAndOutputsPerFusion: more operands than this are not fused into one kernel. */
export const MAX_OPERANDS = 96;
