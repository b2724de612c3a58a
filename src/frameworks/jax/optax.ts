/**
 * Optimizers of optax: what they keep of every parameter. optax 0.2.8, optax/_src/alias.py, transform.py, factorized.py;
 * compared with the states that `init` makes.
 */
import type { Shape } from "../../base/shape.js";

export type OptaxOptions = Readonly<Record<string, number | boolean>>;

export interface OptaxState {
  readonly name: string;
  /** Absent: the parameter's. */
  readonly shape?: Shape;
}

export interface OptaxOptimizer {
  readonly title: string;
  /** Options that change memory, with their defaults. */
  readonly options: OptaxOptions;
  readonly states: (options: OptaxOptions, shape: Shape) => readonly OptaxState[];
  /** Bytes of counters: one of four bytes for each transformation that counts. */
  readonly counters: (options: OptaxOptions) => number;
  /** The update is scaled by a norm of itself: it is computed whole before it is applied. */
  readonly normed?: true;
}

const named =
  (...names: readonly string[]) =>
  (): readonly OptaxState[] =>
    names.map((name) => ({ name }));
const counts = (bytes: number) => (): number => bytes;

const row = (title: string, names: readonly string[], counters: number): OptaxOptimizer => ({
  title,
  options: {},
  states: named(...names),
  counters: counts(counters),
});

/** Dims below this are not factored. optax.adafactor min_dim_size_to_factor */
const MIN_FACTORED = 128;
const ONE: Shape = [1];

/** The two largest dims, the second first; null where they are too small. factorized.py _factored_dims */
function factoredDims(shape: Shape, least: number): readonly [number, number] | null {
  if (shape.length < 2) return null;
  const order = shape.map((_, i) => i).sort((a, b) => (shape[a] as number) - (shape[b] as number) || a - b);
  const [second, first] = order.slice(-2) as [number, number];
  return (shape[second] as number) < least ? null : [second, first];
}

const without = (shape: Shape, dim: number): Shape => shape.filter((_, i) => i !== dim);

function factored(options: OptaxOptions, shape: Shape): readonly OptaxState[] {
  const dims = options["factored"] === false ? null : factoredDims(shape, MIN_FACTORED);
  const second: readonly OptaxState[] = dims
    ? [
        { name: "v_row", shape: without(shape, dims[1]) },
        { name: "v_col", shape: without(shape, dims[0]) },
        { name: "v", shape: ONE },
      ]
    : [{ name: "v_row", shape: ONE }, { name: "v_col", shape: ONE }, { name: "v" }];
  return options["momentum"] ? [...second, { name: "ema" }] : second;
}

export const OPTAX: Readonly<Record<string, OptaxOptimizer>> = {
  adabelief: row("adabelief", ["mu", "nu"], 4),
  adadelta: row("adadelta", ["e_g", "e_x"], 0),
  adafactor: {
    title: "adafactor",
    options: { momentum: 0, factored: true },
    states: factored,
    counters: ({ momentum }) => (momentum ? 8 : 4),
    normed: true,
  },
  adagrad: row("adagrad", ["sum_of_squares"], 0),
  adam: row("adam", ["mu", "nu"], 4),
  adamax: row("adamax", ["mu", "nu"], 4),
  adamaxw: row("adamaxw", ["mu", "nu"], 4),
  adamw: row("adamw", ["mu", "nu"], 4),
  adan: row("adan", ["m", "v", "n", "g"], 4),
  amsgrad: row("amsgrad", ["mu", "nu", "nu_max"], 4),
  fromage: { ...row("fromage", [], 0), normed: true },
  lamb: { ...row("lamb", ["mu", "nu"], 4), normed: true },
  lars: { ...row("lars", ["trace"], 0), normed: true },
  lion: row("lion", ["mu"], 4),
  nadam: row("nadam", ["mu", "nu"], 4),
  nadamw: row("nadamw", ["mu", "nu"], 4),
  novograd: {
    title: "novograd",
    options: {},
    states: () => [{ name: "mu" }, { name: "nu", shape: [] }],
    counters: counts(4),
    normed: true,
  },
  radam: row("radam", ["mu", "nu"], 4),
  rmsprop: {
    title: "rmsprop",
    options: { momentum: 0, centered: false },
    states: ({ momentum, centered }) => [
      ...(centered ? [{ name: "mu" }] : []),
      { name: "nu" },
      ...(momentum ? [{ name: "trace" }] : []),
    ],
    counters: counts(0),
  },
  rprop: row("rprop", ["step_sizes", "prev_updates"], 0),
  sgd: {
    title: "sgd",
    options: { momentum: 0, nesterov: false },
    states: ({ momentum }) => (momentum ? [{ name: "trace" }] : []),
    counters: counts(0),
  },
  yogi: row("yogi", ["mu", "nu"], 4),
};
