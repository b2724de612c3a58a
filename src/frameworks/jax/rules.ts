/**
 * The derivative of every primitive, as JAX 0.10.2 writes it: jax/_src/lax/{lax,slicing,convolution,windowed_reductions,special}.py
 * (ad.defjvp, ad.deflinear, ad.defbilinear) and jax/_src/nn/functions.py for relu. What a rule computes with `op` runs in the
 * forward pass; what `linear` reads beside tangents is kept.
 */
import type { DType } from "../../base/dtype.js";
import { isFloating } from "../../base/dtype.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import {
  full,
  keepDims,
  type Linearizer,
  LITERAL,
  list,
  type Rule,
  sum,
  type Tangent,
  type Tensor,
} from "./rule.js";

type Factor = (to: Linearizer, x: Tensor, y: Tensor) => Tensor;

const bool = ({ shape }: TensorSpec): TensorSpec => dense(shape, "bool");
const lit = ({ spec }: Tensor): Tensor => LITERAL(spec.dtype);
/** One of the elementwise operations of a rule, with x's shape. */
const on = (to: Linearizer, name: string, x: Tensor, ...more: readonly Tensor[]): Tensor =>
  to.op(name, [x, ...more], x.spec);

/** y = f(x), dy = dx * factor(x, y). */
const scaled =
  (factor: Factor): Rule =>
  (to, { inputs: [x], outputs: [y] }, [g]) => [
    g ? to.linear("mul", [g, factor(to, x as Tensor, y as Tensor)], (y as Tensor).spec) : null,
  ];

/** y = f(x), dy = dx / divisor(x, y). */
const divided =
  (divisor: Factor): Rule =>
  (to, { inputs: [x], outputs: [y] }, [g]) => [
    g ? to.linear("div", [g, divisor(to, x as Tensor, y as Tensor)], (y as Tensor).spec) : null,
  ];

/** Linear in all its operands: applied to the tangents as it is. */
const linear: Rule = (to, { name, outputs: [y], attributes }, [g]) => [
  g ? to.linear(name, [g], (y as Tensor).spec, attributes) : null,
];

/** Linear in a list of operands of which some have no tangent: those are zeros. */
const linearList: Rule = (to, { name, inputs, outputs: [y], attributes }, tangents) => [
  tangents.some((g) => g !== null)
    ? to.linear(
        name,
        inputs.map(({ spec }, i) => tangents[i] ?? full(to, spec)),
        (y as Tensor).spec,
        attributes,
      )
    : null,
];

/** Linear in its first operand; the others are indices. */
const linearInFirst: Rule = (to, { name, inputs, outputs: [y], attributes }, [g]) => [
  g ? to.linear(name, [g, ...inputs.slice(1)], (y as Tensor).spec, attributes) : null,
];

/** Linear in each of two operands. */
const bilinear: Rule = (to, { name, inputs, outputs: [y], attributes }, [g, h]) => {
  const [a, b] = inputs as [Tensor, Tensor];
  const { spec } = y as Tensor;
  return [
    sum(to, spec, [
      g ? to.linear(name, [g, b], spec, attributes) : null,
      h ? to.linear(name, [a, h], spec, attributes) : null,
    ]),
  ];
};

const none: Rule = (_, { outputs }) => outputs.map(() => null);

/** A tangent broadcast to the result where its operand was. lax._maybe_broadcast */
const spread = (to: Linearizer, g: Tangent, spec: TensorSpec): Tangent =>
  g.spec.shape.every((dim, i) => dim === spec.shape[i]) && g.spec.shape.length === spec.shape.length
    ? g
    : to.linear("broadcast_in_dim", [g], spec, { dims: g.spec.shape.map((_, i) => i) });

const add: Rule = (to, { outputs: [y] }, [g, h]) => {
  const { spec } = y as Tensor;
  if (g && h) return [to.linear("add", [g, h], spec)];
  const one = g ?? h;
  return [one ? spread(to, one, spec) : null];
};

const sub: Rule = (to, { outputs: [y] }, [g, h]) => {
  const { spec } = y as Tensor;
  if (g && h) return [to.linear("sub", [g, h], spec)];
  if (g) return [spread(to, g, spec)];
  return [h ? spread(to, to.linear("neg", [h], h.spec), spec) : null];
};

const div: Rule = (to, { inputs, outputs: [out] }, [g, h]) => {
  const [x, y] = inputs as [Tensor, Tensor];
  const { spec } = out as Tensor;
  const left = g ? to.linear("div", [g, y], spec) : null;
  if (!h) return [left];
  const negated = to.linear("neg", [h], h.spec);
  const power = on(to, "integer_pow", y);
  const right = to.linear("mul", [to.linear("mul", [negated, x], spec), power], spec);
  return [sum(to, spec, [left, right])];
};

/** dx where x was chosen, halved where both are equal. lax._balanced_eq */
const chosen: Rule = (to, { inputs, outputs: [y] }, tangents) => {
  const z = y as Tensor;
  const { spec } = z;
  const share = (x: Tensor, other: Tensor): Tensor => {
    const above = to.op("select_n", [to.op("eq", [x, z], bool(spec)), full(to, spec), full(to, spec)], spec);
    const below = to.op(
      "select_n",
      [to.op("eq", [other, z], bool(spec)), full(to, spec), full(to, spec)],
      spec,
    );
    return to.op("div", [above, below], spec);
  };
  const [a, b] = inputs as [Tensor, Tensor];
  const [g, h] = tangents;
  return [
    sum(to, spec, [
      g ? to.linear("mul", [g, share(a, b)], spec) : null,
      h ? to.linear("mul", [h, share(b, a)], spec) : null,
    ]),
  ];
};

/** max and min over dims: dx where x is the extreme, divided by how often it is. lax._reduce_chooser_jvp_rule */
const extreme: Rule = (to, { inputs, outputs, attributes }, [g]) => {
  const [x, y] = [inputs[0] as Tensor, outputs[0] as Tensor];
  const axes = list(attributes, "axes");
  const wide = to.op("reshape", [y], dense(keepDims(x.spec.shape, axes), y.spec.dtype));
  const at = to.op("convert_element_type", [to.op("eq", [x, wide], bool(x.spec))], x.spec);
  const counts = to.op("reduce_sum", [at], y.spec, { axes });
  if (!g) return [null];
  const picked = to.linear("mul", [g, at], x.spec);
  return [to.linear("div", [to.linear("reduce_sum", [picked], y.spec, { axes }), counts], y.spec)];
};

const select: Rule = (to, { inputs, outputs: [y] }, tangents) => {
  const given = tangents.slice(1);
  const { spec } = y as Tensor;
  if (given.every((g) => g === null)) return [null];
  const zeros = given.some((g) => g === null) ? full(to, spec) : null;
  const [which] = inputs as [Tensor];
  return [to.linear("select_n", [which, ...given.map((g) => g ?? (zeros as Tensor))], spec)];
};

const convert: Rule = (to, { outputs: [y] }, [g]) => {
  const { spec } = y as Tensor;
  return [g && isFloating(spec.dtype) ? to.linear("convert_element_type", [g], spec) : null];
};

const tanh: Rule = (to, { outputs: [y] }, [g]) => {
  if (!g) return [null];
  const ans = y as Tensor;
  const inner = to.linear("add", [g, to.linear("mul", [g, ans], ans.spec)], ans.spec);
  return [to.linear("mul", [inner, to.op("sub", [lit(ans), ans], ans.spec)], ans.spec)];
};

const integerPower: Rule = (to, { inputs: [x], attributes }, [g]) => {
  const value = x as Tensor;
  const y = Number(attributes["y"]);
  if (!g || y === 0) return [null];
  if (y === 1) return [g];
  const power = y === 2 ? value : to.op("integer_pow", [value], value.spec, { y: y - 1 });
  return [to.linear("mul", [g, on(to, "mul", power)], value.spec)];
};

/** x^y by x, and by y where that has a tangent. lax._pow_jvp_lhs, _pow_jvp_rhs */
const power: Rule = (to, { inputs, outputs: [out] }, [g, h]) => {
  const [x, y] = inputs as [Tensor, Tensor];
  const z = out as Tensor;
  const { spec } = z;
  const left = g ? to.linear("mul", [g, to.op("mul", [y, to.op("pow", [x, y], spec)], spec)], spec) : null;
  const right = h ? to.linear("mul", [h, to.op("mul", [on(to, "log", x), z], spec)], spec) : null;
  return [sum(to, spec, [left, right])];
};

const abs: Rule = (to, { inputs: [x] }, [g]) => {
  if (!g) return [null];
  const value = x as Tensor;
  const positive = to.op("ge", [value], bool(value.spec));
  return [to.linear("select_n", [positive, to.linear("neg", [g], g.spec), g], value.spec)];
};

/** g where x > 0, zeros elsewhere: the zeros are an array that is kept like any other. */
const relu: Rule = (to, { inputs: [x] }, [g]) => {
  if (!g) return [null];
  const { spec } = x as Tensor;
  const positive = to.op("gt", [x as Tensor], bool(spec));
  return [to.linear("select_n", [positive, full(to, spec), g], spec)];
};

const relu6: Rule = (to, { inputs: [x] }, [g]) => {
  if (!g) return [null];
  const { spec } = x as Tensor;
  const within = to.op(
    "and",
    [to.op("gt", [x as Tensor], bool(spec)), to.op("lt", [x as Tensor], bool(spec))],
    bool(spec),
  );
  return [to.linear("select_n", [within, full(to, spec), g], spec)];
};

/** lax.logaddexp: both operands by exp(x - out), where that is finite. jax/_src/lax/other.py */
const logaddexp: Rule = (to, { inputs, outputs: [out] }, tangents) => {
  const z = out as Tensor;
  const { spec } = z;
  if (tangents.every((g) => g === null)) return [null];
  const scaleOf = (x: Tensor) => to.op("exp", [to.op("sub", [x, z], spec)], spec);
  const [first, second] = inputs.map((x, i) => {
    const g = tangents[i];
    return g ? to.linear("mul", [g, scaleOf(x)], spec) : to.op("mul", [scaleOf(x)], spec); // zeros that are computed with
  });
  return [to.linear("add", [first as Tensor, second as Tensor], spec)];
};

/** The extreme of a window: backward finds it again in the operand. windowed_reductions.py _select_and_gather_add */
const window: Rule = (to, { inputs: [x], outputs: [y], attributes }, [g]) => [
  g ? to.linear("select_and_gather_add", [g, x as Tensor], (y as Tensor).spec, attributes) : null,
];

/** Values sorted with their tangents: the order is kept. */
const sorted: Rule = (to, { inputs, outputs, attributes }, tangents) =>
  outputs.map((y, i) => {
    const g = tangents[i];
    if (!g) return null;
    const order = to.op("sort", [inputs[i] as Tensor], dense(y.spec.shape, "int32"), attributes);
    return to.linear("gather", [g, order], y.spec, attributes);
  });

const one = (factor: Factor): Rule => scaled(factor);
const square = (to: Linearizer, x: Tensor) => on(to, "mul", x, x);
const plusOne = (to: Linearizer, x: Tensor) => on(to, "add", x);
const int: DType = "int32";

const LINEAR = [
  "neg",
  "reshape",
  "transpose",
  "reduce_sum",
  "broadcast_in_dim",
  "copy",
  "rev",
  "squeeze",
  "expand_dims",
  "reduce_precision",
  "slice",
  "cumsum",
  "reduce_window_sum",
  "tile",
  "real",
  "imag",
  "conj",
  "name",
  "copy_p",
  "sharding_constraint",
  "mesh_cast",
  "psum",
  "all_gather",
  "scan_slice",
  "scan_carry",
  "optimization_barrier",
  "device_put",
];
const NOTHING = [
  "sign",
  "floor",
  "ceil",
  "round",
  "is_finite",
  "eq",
  "ne",
  "ge",
  "gt",
  "le",
  "lt",
  "and",
  "or",
  "not",
  "xor",
  "argmax",
  "argmin",
  "stop_gradient",
  "shift_left",
  "shift_right_logical",
  "shift_right_arithmetic",
  "bitcast_convert_type",
  "iota",
  "random_bits",
  "random_wrap",
  "random_unwrap",
  "random_seed",
  "random_split",
  "random_fold_in",
  "reduce_or",
  "reduce_and",
  "clz",
  "population_count",
  "nextafter",
  "threefry2x32",
  "rng_bit_generator",
  "create_token",
];

export const RULES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(LINEAR.map((name) => [name, linear])),
  ...Object.fromEntries(NOTHING.map((name) => [name, none])),
  abs,
  acos: one((to, x) => on(to, "neg", on(to, "rsqrt", square(to, x)))),
  acosh: one((to, x) => on(to, "rsqrt", square(to, x))),
  add,
  add_any: add,
  asin: one((to, x) => on(to, "rsqrt", square(to, x))),
  asinh: one((to, x) => on(to, "rsqrt", square(to, x))),
  atan: divided((to, x) => plusOne(to, square(to, x))),
  cbrt: one((to, x, y) => on(to, "div", y, x)),
  clamp: (to, { inputs, outputs: [y] }, tangents) => {
    const g = tangents[1];
    if (!g) return [null];
    const { spec } = y as Tensor;
    const within = to.op(
      "and",
      [to.op("gt", [inputs[1] as Tensor], bool(spec)), to.op("lt", [inputs[1] as Tensor], bool(spec))],
      bool(spec),
    );
    return [to.linear("select_n", [within, full(to, spec), g], spec)];
  },
  concatenate: linearList,
  conv_general_dilated: bilinear,
  convert_element_type: convert,
  cos: one((to, x) => on(to, "neg", on(to, "sin", x))),
  cosh: one((to, x) => on(to, "sinh", x)),
  digamma: one((to, x) => on(to, "polygamma", x)),
  div,
  dot_general: bilinear,
  dynamic_slice: linearInFirst,
  dynamic_update_slice: (to, { inputs, outputs: [y], attributes }, [g, h]) => {
    const [x, update, ...at] = inputs as [Tensor, Tensor, ...Tensor[]];
    if (!g && !h) return [null];
    return [
      to.linear(
        "dynamic_update_slice",
        [g ?? full(to, x.spec), h ?? full(to, update.spec), ...at],
        (y as Tensor).spec,
        attributes,
      ),
    ];
  },
  erf: one((to, x) => on(to, "mul", on(to, "exp", on(to, "neg", square(to, x))))),
  erf_inv: one((to, _, y) => on(to, "mul", on(to, "exp", square(to, y)))),
  erfc: one((to, x) => on(to, "mul", on(to, "exp", on(to, "neg", square(to, x))))),
  exp: one((_, __, y) => y),
  exp2: (to, { outputs: [y] }, [g]) => {
    if (!g) return [null];
    const ans = y as Tensor;
    const scale = to.op("log", [], dense([], ans.spec.dtype));
    return [to.linear("mul", [to.linear("mul", [g, ans], g.spec), scale], g.spec)];
  },
  expm1: one((to, _, y) => plusOne(to, y)),
  gather: linearInFirst,
  integer_pow: integerPower,
  lgamma: one((to, x) => on(to, "digamma", x)),
  log: divided((_, x) => x),
  log1p: divided((to, x) => plusOne(to, x)),
  logaddexp,
  logistic: one((to, _, y) => on(to, "mul", y, to.op("sub", [lit(y), y], y.spec))),
  max: chosen,
  min: chosen,
  mul: bilinear,
  pad: (to, { outputs: [y], attributes }, [g]) => {
    const { spec } = y as Tensor;
    return [g ? to.linear("pad", [g, full(to, dense([], spec.dtype))], spec, attributes) : null];
  },
  pow: power,
  reduce_max: extreme,
  reduce_min: extreme,
  reduce_prod: (to, { inputs, outputs: [y], attributes }, [g]) => {
    const x = inputs[0] as Tensor;
    return [
      g
        ? to.linear(
            "reduce_sum",
            [to.linear("mul", [g, on(to, "div", x)], x.spec)],
            (y as Tensor).spec,
            attributes,
          )
        : null,
    ];
  },
  reduce_window_max: window,
  reduce_window_min: window,
  relu,
  relu6,
  rem: (to, { inputs, outputs: [y] }, [g, h]) => {
    const { spec } = y as Tensor;
    const quotient = () => to.op("neg", [to.op("round", [to.op("div", inputs, spec)], spec)], spec);
    return [
      sum(to, spec, [g ? spread(to, g, spec) : null, h ? to.linear("mul", [h, quotient()], spec) : null]),
    ];
  },
  rsqrt: one((to, x, y) => on(to, "mul", on(to, "div", y, x))),
  scan_stack: linearList,
  scatter: (to, { inputs, outputs: [y], attributes }, [g, , h]) => {
    const [x, at, update] = inputs as [Tensor, Tensor, Tensor];
    if (!g && !h) return [null];
    return [
      to.linear(
        "scatter",
        [g ?? full(to, x.spec), at, h ?? full(to, update.spec)],
        (y as Tensor).spec,
        attributes,
      ),
    ];
  },
  "scatter-add": (to, { inputs, outputs: [y], attributes }, [g, , h]) => {
    const [x, at, update] = inputs as [Tensor, Tensor, Tensor];
    if (!g && !h) return [null];
    return [
      to.linear(
        "scatter-add",
        [g ?? full(to, x.spec), at, h ?? full(to, update.spec)],
        (y as Tensor).spec,
        attributes,
      ),
    ];
  },
  select_n: select,
  sin: one((to, x) => on(to, "cos", x)),
  sinh: one((to, x) => on(to, "cosh", x)),
  sort: sorted,
  split: (to, { outputs }, [g]) => outputs.map(({ spec }) => (g ? to.linear("slice", [g], spec) : null)),
  sqrt: one((to, _, y) => on(to, "div", y)),
  square: one((to, x) => on(to, "mul", x)),
  sub,
  tan: one((to, _, y) => plusOne(to, square(to, y))),
  tanh,
  top_k: (to, { outputs }, [g]) => [
    g ? to.linear("gather", [g, outputs[1] as Tensor], (outputs[0] as Tensor).spec) : null,
    null,
  ],
  cumprod: one((to, x, y) => on(to, "div", y, x)),
  cummax: one((to, x, y) => to.op("convert_element_type", [to.op("eq", [x, y], bool(x.spec))], x.spec)),
  cumlogsumexp: one((to, x, y) => on(to, "exp", to.op("sub", [x, y], x.spec))),
  atan2: (to, { inputs, outputs: [y] }, [g, h]) => {
    const [a, b] = inputs as [Tensor, Tensor];
    const { spec } = y as Tensor;
    const part = (x: Tensor) => to.op("div", [x, to.op("add", [square(to, a), square(to, b)], spec)], spec);
    return [
      sum(to, spec, [
        g ? to.linear("mul", [g, part(b)], spec) : null,
        h ? to.linear("mul", [h, part(a)], spec) : null,
      ]),
    ];
  },
};

/** Primitives of which no rule is known keep their operands and their results. */
export const unknownRule: Rule = (to, { inputs, outputs }, tangents) =>
  outputs.map((y) => {
    if (!isFloating(y.spec.dtype)) return null;
    const flowing = tangents.filter((g) => g !== null);
    if (flowing.length === 0) return null;
    return to.linear("unknown", [...flowing, ...inputs, ...outputs], y.spec, { kept: int });
  });
