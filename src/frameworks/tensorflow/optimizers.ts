/**
 * keras.optimizers: the variables each keeps, and the operations of its update, one parameter after the other. Outside XLA they are
 * plain elementwise operations. keras/src/optimizers/, Keras 3.15
 *
 * Untrue   Muon's Newton-Schulz products, clipping by norm, use_ema and gradient_accumulation_steps are not told
 */
import type { DType } from "../../base/dtype.js";

/** A value of the update: a variable, a slot, the gradient or a temporary. */
export interface UpdateTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export interface Update<T extends UpdateTensor> {
  readonly variable: T;
  readonly gradient: T;
  slot(name: string): T;
  /** An operation over tensors of one shape. A sparse gradient is made dense where it meets a dense operand. */
  op(name: string, ...inputs: readonly T[]): T;
  /** A reduction, or another result with a shape of its own. */
  shaped(name: string, shape: readonly number[], ...inputs: readonly T[]): T;
  /** Writes into a variable or slot, whose memory it has already. */
  assign(target: T, value: T): void;
}

export type KerasOptions = Readonly<Record<string, number | boolean>>;

export interface KerasOptimizer {
  readonly title: string;
  /** Arguments of the constructor that change memory; the type is that of the default. */
  readonly options: KerasOptions;
  readonly slots: (options: KerasOptions, shape: readonly number[]) => readonly Slot[];
  /** Variables beside iteration and learning rate, bytes. */
  readonly scalars?: number;
  /** Weights are decayed before the update. */
  readonly decays?: true;
  readonly update: <T extends UpdateTensor>(update: Update<T>, options: KerasOptions) => void;
}

export interface Slot {
  readonly name: string;
  /** Absent: the parameter's. */
  readonly shape?: readonly number[];
  readonly dtype?: DType;
}

/** iteration (int64) and learning_rate (float32). base_optimizer.py */
export const SCALAR_BYTES = 12;
/** LossScaleOptimizer's step counter, scale and copies. loss_scale_optimizer.py */
export const LOSS_SCALE_BYTES = 24;

const named =
  (...names: readonly string[]) =>
  (): readonly Slot[] =>
    names.map((name) => ({ name }));

/** m += (g - m) * (1 - beta1); v += (g² - v) * (1 - beta2) */
function moments<T extends UpdateTensor>(u: Update<T>): void {
  const { gradient: g } = u;
  const [m, v] = [u.slot("momentum"), u.slot("velocity")];
  u.assign(m, u.op("Mul", u.op("Sub", g, m)));
  u.assign(v, u.op("Mul", u.op("Sub", u.op("Square", g), v)));
}

function adamStep<T extends UpdateTensor>(u: Update<T>, { amsgrad }: KerasOptions): void {
  moments(u);
  let v = u.slot("velocity");
  if (amsgrad) {
    const highest = u.slot("velocity_hat");
    u.assign(highest, u.op("Maximum", highest, v));
    v = highest;
  }
  const step = u.op("Mul", u.slot("momentum"));
  u.assign(u.variable, u.op("RealDiv", step, u.op("AddV2", u.op("Sqrt", v))));
}

const adamSlots = ({ amsgrad }: KerasOptions): readonly Slot[] =>
  ["momentum", "velocity", ...(amsgrad ? ["velocity_hat"] : [])].map((name) => ({ name }));

const sgd: KerasOptimizer = {
  title: "SGD",
  options: { momentum: 0, nesterov: false },
  slots: ({ momentum }) => (momentum ? [{ name: "momentum" }] : []),
  update: (u, { momentum, nesterov }) => {
    const { gradient: g } = u;
    if (!momentum) {
      u.assign(u.variable, u.op("Mul", g));
      return;
    }
    const m = u.slot("momentum");
    u.assign(m, u.op("Sub", u.op("Mul", m), u.op("Mul", g)));
    u.assign(u.variable, nesterov ? u.op("Sub", u.op("Mul", m), u.op("Mul", g)) : m);
  },
};

const rmsprop: KerasOptimizer = {
  title: "RMSprop",
  options: { momentum: 0, centered: false },
  slots: ({ momentum, centered }) => [
    { name: "velocity" },
    ...(momentum ? [{ name: "momentum" }] : []),
    ...(centered ? [{ name: "average_gradient" }] : []),
  ],
  update: (u, { momentum, centered }) => {
    const { gradient: g } = u;
    const v = u.slot("velocity");
    u.assign(v, u.op("AddV2", u.op("Mul", v), u.op("Mul", u.op("Square", g))));
    let below: typeof v;
    if (centered) {
      const average = u.slot("average_gradient");
      u.assign(average, u.op("AddV2", u.op("Mul", average), u.op("Mul", g)));
      below = u.op("AddV2", u.op("Sub", v, u.op("Square", average)));
    } else below = u.op("AddV2", v);
    const step = u.op("RealDiv", u.op("Mul", g), u.op("Sqrt", below));
    if (!momentum) {
      u.assign(u.variable, step);
      return;
    }
    const m = u.slot("momentum");
    u.assign(m, u.op("AddV2", u.op("Mul", m), step));
    u.assign(u.variable, m);
  },
};

const adamax: KerasOptimizer = {
  title: "Adamax",
  options: {},
  slots: named("momentum", "norm"),
  update: (u) => {
    const { gradient: g } = u;
    const [m, n] = [u.slot("momentum"), u.slot("norm")];
    u.assign(m, u.op("Mul", u.op("Sub", g, m)));
    u.assign(n, u.op("Maximum", u.op("Mul", n), u.op("Abs", g)));
    u.assign(u.variable, u.op("RealDiv", u.op("Mul", m), u.op("Mul", u.op("AddV2", n))));
  },
};

const nadam: KerasOptimizer = {
  title: "Nadam",
  options: {},
  scalars: 4,
  slots: named("momentum", "velocity"),
  update: (u) => {
    moments(u);
    const first = u.op("RealDiv", u.op("Mul", u.slot("momentum")));
    const mean = u.op("AddV2", first, u.op("RealDiv", u.op("Mul", u.gradient)));
    const spread = u.op("RealDiv", u.slot("velocity"));
    u.assign(u.variable, u.op("RealDiv", u.op("Mul", mean), u.op("AddV2", u.op("Sqrt", spread))));
  },
};

const adagrad: KerasOptimizer = {
  title: "Adagrad",
  options: {},
  slots: named("accumulator"),
  update: (u) => {
    const sum = u.slot("accumulator");
    u.assign(sum, u.op("Square", u.gradient));
    const step = u.op("Mul", u.gradient);
    u.assign(u.variable, u.op("RealDiv", step, u.op("Sqrt", u.op("AddV2", sum))));
  },
};

const adadelta: KerasOptimizer = {
  title: "Adadelta",
  options: {},
  slots: named("accumulated_grad", "accumulated_delta_var"),
  update: (u) => {
    const { gradient: g } = u;
    const [squares, deltas] = [u.slot("accumulated_grad"), u.slot("accumulated_delta_var")];
    const rms = (x: typeof g) => u.op("Sqrt", u.op("AddV2", x));
    u.assign(squares, u.op("AddV2", u.op("Mul", squares), u.op("Mul", u.op("Square", g))));
    const delta = u.op("Neg", u.op("RealDiv", u.op("Mul", rms(deltas), g), rms(squares)));
    u.assign(deltas, u.op("AddV2", u.op("Mul", deltas), u.op("Mul", u.op("Square", delta))));
    u.assign(u.variable, u.op("Mul", delta));
  },
};

const lion: KerasOptimizer = {
  title: "Lion",
  options: {},
  slots: named("momentum"),
  update: (u) => {
    const m = u.slot("momentum");
    const blend = () => u.op("AddV2", u.op("Mul", m), u.op("Mul", u.gradient));
    u.assign(u.variable, u.op("Mul", u.op("Sign", blend())));
    u.assign(m, blend());
  },
};

const ftrl: KerasOptimizer = {
  title: "Ftrl",
  options: {},
  slots: named("accumulator", "linear"),
  update: (u) => {
    const [sum, linear] = [u.slot("accumulator"), u.slot("linear")];
    const used = u.op("AddV2", u.gradient, u.op("Mul", u.variable));
    const grown = u.op("AddV2", sum, u.op("Square", u.gradient));
    const change = u.op("RealDiv", u.op("Sub", u.op("Pow", grown), u.op("Pow", sum)));
    u.assign(linear, u.op("Sub", used, u.op("Mul", change, u.variable)));
    const quadratic = u.op("AddV2", u.op("RealDiv", u.op("Pow", grown)));
    const clipped = u.op("Maximum", u.op("Minimum", linear));
    u.assign(u.variable, u.op("RealDiv", u.op("Sub", clipped, linear), quadratic));
    u.assign(sum, grown);
  },
};

const lamb: KerasOptimizer = {
  title: "Lamb",
  options: {},
  slots: named("momentum", "velocity"),
  update: (u) => {
    moments(u);
    const mean = u.op("RealDiv", u.slot("momentum"));
    const spread = u.op("AddV2", u.op("Sqrt", u.op("RealDiv", u.slot("velocity"))));
    const step = u.op("RealDiv", mean, spread);
    const norm = (x: typeof step) => u.shaped("Sqrt", [], u.shaped("Sum", [], u.op("Pow", x)));
    const ratio = u.shaped("SelectV2", [], norm(u.variable), norm(step));
    u.assign(u.variable, u.op("Mul", step, ratio));
  },
};

/** What stands for the factors of a vector, whatever its type: `backend.Variable(0, …)` of an integer. adafactor.py build */
const PLACEHOLDER = { shape: [], dtype: "int32" } as const;

/** Two vectors stand for the second moment; the whole of it is kept all the same. adafactor.py */
const adafactor: KerasOptimizer = {
  title: "Adafactor",
  options: {},
  slots: (_, shape) =>
    shape.length < 2
      ? [{ name: "row", ...PLACEHOLDER }, { name: "column", ...PLACEHOLDER }, { name: "velocity" }]
      : [
          { name: "row", shape: shape.slice(0, -1) },
          { name: "column", shape: [...shape.slice(0, -2), shape.at(-1) as number] },
          { name: "velocity" },
        ],
  update: (u) => {
    const { gradient: g, variable } = u;
    const rms = (x: typeof g) => u.shaped("Sqrt", [], u.shaped("Mean", [], u.op("Square", x)));
    const scale = rms(variable);
    const squares = u.op("AddV2", u.op("Square", g));
    const v = u.slot("velocity");
    if (variable.shape.length >= 2) {
      const [r, c] = [u.slot("row"), u.slot("column")];
      for (const side of [r, c]) {
        const mean = u.shaped("Mul", side.shape, u.shaped("Mean", side.shape, squares));
        u.assign(side, u.shaped("AddV2", side.shape, u.shaped("Mul", side.shape, side), mean));
      }
      u.assign(v, u.op("Mul", u.shaped("RealDiv", r.shape, r), c));
    } else u.assign(v, u.op("AddV2", u.op("Mul", v), u.op("Mul", squares)));
    const step = u.op("RealDiv", g, u.op("Sqrt", v));
    const clipped = u.op("RealDiv", step, rms(step));
    u.assign(variable, u.op("Mul", clipped, scale));
  },
};

const adam: KerasOptimizer = {
  title: "Adam",
  options: { amsgrad: false },
  slots: adamSlots,
  update: adamStep,
};

export const KERAS_OPTIMIZERS: Readonly<Record<string, KerasOptimizer>> = {
  adam,
  adamw: { ...adam, title: "AdamW", decays: true },
  sgd,
  rmsprop,
  adagrad,
  adadelta,
  adamax,
  nadam,
  lion,
  ftrl,
  lamb,
  adafactor,
};
