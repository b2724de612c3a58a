/** One step() of LBFGS: what its Python allocates and lets go of, in order. */
import { allocate, NOTHING, release, share, type Tape, takeScratch } from "./tape.js";
import type { Scratch } from "./reduction-scratch.js";
import type { Sized } from "./values.js";

export interface Limits {
  readonly history: number;
  readonly mostIterations: number;
  /** Of one step: it ends at `max_iter`, or when the closure has run `max_eval` times. */
  readonly iterations: number;
}

/** What survives from step to step. */
export interface History {
  direction: number;
  step: number;
  scale: number;
  previousGradient: number;
  readonly directions: number[];
  readonly steps: number[];
  readonly ro: number[];
  readonly al: number[];
}

/** The sizes all events have, and the parameters whose gradients make up the flat one. */
export interface Flat {
  readonly vector: Sized;
  readonly number: Sized;
  readonly flag: Sized;
  /** Zeros that stand in for the gradients of frozen parameters. */
  readonly zeros: readonly { readonly parameter: number; readonly size: Sized }[];
  readonly lastIsFrozen: boolean;
  readonly maximum: Scratch;
  readonly sum: Scratch;
}

/** The events of one step(), as its Python reads; returns where the closure runs. */
export function runStep(
  tape: Tape,
  flat: Flat,
  history: History,
  limits: Limits,
  isFirst: boolean,
): number[] {
  const vector = (name: string): number => allocate(tape, flat.vector, name, null);
  const number = (name: string): number => allocate(tape, flat.number, name, null);
  const compare = (name: string): number => allocate(tape, flat.flag, name, null);
  /** `made`, which outlives the temporaries it came from. */
  const from = (made: number, ...temporaries: readonly number[]): number => {
    for (const id of temporaries) release(tape, id);
    return made;
  };
  /** What a name holds after `name = made`. */
  const rebound = (old: number, made: number): number => from(made, old);
  const reduced = (name: string, scratch: Scratch): number => {
    const result = number(name);
    takeScratch(tape, scratch, name, null);
    return result;
  };
  /** `1.0 / divisor`: the reciprocal, times the number. */
  const inverse = (name: string): number => {
    const reciprocal = number("reciprocal");
    return from(number(name), reciprocal);
  };
  /** `tensor.abs().max() <= tolerance` */
  const isSmall = (temporary: number): number => {
    const magnitude = from(vector("abs"), temporary);
    const largest = from(reduced("max", flat.maximum), magnitude);
    return from(compare("opt_cond"), largest);
  };

  const closures = [0];
  let gradient = gather(tape, flat);
  let isOptimal = isSmall(NOTHING);
  let direction = share(tape, history.direction); // a local and the state hold it until the step is over
  let step = share(tape, history.step);
  let scale = share(tape, history.scale);
  let ys = NOTHING;
  let q = NOTHING;
  let r = NOTHING;
  let be = NOTHING;
  let slope = NOTHING;

  for (let iteration = 1; iteration <= limits.iterations; iteration++) {
    const isVeryFirst = isFirst && iteration === 1;
    if (isVeryFirst) direction = vector("d");
    else {
      const y = vector("old_dirs");
      const s = vector("old_stps");
      ys = rebound(ys, number("ys"));
      release(tape, compare("gt"));
      if (history.directions.length === limits.history) {
        for (const list of [history.directions, history.steps, history.ro])
          release(tape, list.shift() as number);
      }
      history.directions.push(y);
      history.steps.push(s);
      history.ro.push(inverse("ro"));
      const yy = number("dot");
      scale = rebound(scale, from(number("H_diag"), yy));

      const { al, directions } = history;
      q = rebound(q, vector("q"));
      for (let i = directions.length - 1; i >= 0; i--) {
        const dot = number("dot");
        al[i] = rebound(al[i] ?? NOTHING, from(number("al"), dot));
        release(tape, number("neg"));
      }
      const made = share(tape, vector("d")); // d and r
      direction = rebound(direction, made);
      r = rebound(r, made);
      for (let i = 0; i < directions.length; i++) {
        const dot = number("dot");
        be = rebound(be, from(number("be_i"), dot));
        release(tape, number("sub"));
      }
    }
    if (history.previousGradient === NOTHING) history.previousGradient = vector("prev_flat_grad");
    if (isVeryFirst) {
      const magnitude = vector("abs");
      const sum = from(reduced("sum", flat.sum), magnitude);
      const quotient = from(inverse("div"), sum);
      release(tape, compare("lt"));
      step = from(number("t"), quotient);
    } else step = rebound(step, NOTHING); // the learning rate, a Python number
    slope = rebound(slope, number("gtd"));
    release(tape, compare("gt"));
    if (iteration === limits.mostIterations) break;
    closures.push(tape.actions.length);
    gradient = rebound(gradient, gather(tape, flat));
    isOptimal = rebound(isOptimal, isSmall(NOTHING));
    if (iteration < limits.iterations) release(tape, isSmall(vector("mul")));
  }

  release(tape, history.direction);
  release(tape, history.step);
  release(tape, history.scale);
  history.direction = share(tape, direction);
  history.step = share(tape, step);
  history.scale = share(tape, scale);
  for (const id of [gradient, isOptimal, direction, step, scale, ys, q, r, be, slope]) release(tape, id);
  return closures;
}

/** All gradients in one vector; where there is none, zeros stand in while it is put together. */
function gather(tape: Tape, { vector, zeros, lastIsFrozen }: Flat): number {
  const views = zeros.map(({ parameter, size }) => allocate(tape, size, "zeros", parameter));
  const gradient = allocate(tape, vector, "flat_grad", null);
  const last = lastIsFrozen ? views.pop() : undefined; // also named by the loop variable
  for (const id of views.reverse()) release(tape, id);
  if (last !== undefined) release(tape, last);
  return gradient;
}
