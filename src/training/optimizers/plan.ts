/** What `optimizer.step()` allocates, as data: the form the engine replays. */
import type { DType } from "../../base/dtype.js";
import type { Bytes } from "../../base/units.js";

export interface OptimizerParameter {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** One allocation or release of optimizer.step(). `id` counts allocations of this plan from 0; a later step may free or keep a state of an earlier one. */
export type OptimizerAction =
  | {
      readonly kind: "allocate";
      readonly id: number;
      readonly bytes: Bytes;
      readonly role: "state" | "temporary";
      readonly name: string;
      /** Index of the parameter it is for; null when it belongs to all of them. */
      readonly parameter: number | null;
      readonly shape: readonly number[];
      readonly dtype: DType;
    }
  | { readonly kind: "free"; readonly id: number };

export interface OptimizerPlan {
  /** Built by the constructor (Adagrad). */
  readonly init: readonly OptimizerAction[];
  /** The first step(). */
  readonly first: readonly OptimizerAction[];
  /**
   * The second and every later step. Where steps differ for longer, the one after which they no longer do: RAdam's sixth
   * (its for-loop rectifies from then on), ASGD's after `t0` if that is given, LBFGS's first with a full history. What
   * LBFGS's steps in between leave alive is allocated first, as states; its steady step ends with other ids alive than it
   * began with, as do those of optimizers that make a state anew: see `carried`.
   */
  readonly steady: readonly OptimizerAction[];
  /** Tensors that the steady step leaves in the place of others that it frees: when it repeats, `before` is what `made` was. */
  readonly carried: readonly { readonly made: number; readonly before: number }[];
}

/** A parameter handed to the optimizer. A frozen one never has a gradient, but some optimizers treat it all the same. */
export interface GivenParameter extends OptimizerParameter {
  readonly frozen?: boolean;
}

/** One call of step(). */
export interface StepActions {
  readonly actions: readonly OptimizerAction[];
  /** Positions in `actions` before which the closure runs: forward and backward once more (LBFGS). */
  readonly closures: readonly number[];
}
