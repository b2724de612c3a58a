/** What a row of the optimizer table says. */
import type { OptimizerPath } from "../../ir/setup.js";
import { type Condition, parse } from "./conditions.js";
import type { GivenParameter, StepActions } from "./plan.js";
import type { Device } from "../../frameworks/pytorch/kernel.js";
import type { Update } from "./statements.js";
import type { Value } from "./values.js";

/** Every option of an optimizer, defaults filled in; null where PyTorch's default is None. */
export type Settings = Readonly<Record<string, number | boolean | null>>;

export interface OptionRule {
  readonly type: "number" | "count" | "boolean";
  /** Null is PyTorch's None. */
  readonly default: number | boolean | null;
  /** Whether it decides what is allocated; others are checked and then forgotten. */
  readonly memory: boolean;
  /** The range of a number. PyTorch refuses what is below; above, counts would make a plan of millions of events. */
  readonly least: number;
  readonly most: number;
}

/** An option that decides what is allocated. */
export const decides = (otherwise: number | boolean): OptionRule => ({
  type: typeof otherwise === "number" ? "number" : "boolean",
  default: otherwise,
  memory: true,
  least: 0,
  most: Number.MAX_VALUE,
});
/** An option that only changes numbers. */
export const tunes = (otherwise: number | boolean): OptionRule => ({ ...decides(otherwise), memory: false });
/** A number that may be negative. */
export const signed = (rule: OptionRule): OptionRule => ({ ...rule, least: -Number.MAX_VALUE });
/** A whole number that decides how often something is allocated. */
export const counts = (otherwise: number | null, least: number, most: number): OptionRule => ({
  type: "count",
  default: otherwise,
  memory: true,
  least,
  most,
});

const unlessGiven: OptionRule = { ...decides(false), default: null };
export const FOREACH = { foreach: unlessGiven };
export const FOREACH_OR_FUSED = { foreach: unlessGiven, fused: unlessGiven };

export interface StateRule {
  readonly name: string;
  readonly value: Value;
  /** Whether there is one. */
  readonly when: Condition;
  /** Whether it is on the GPU; a state on the host allocates nothing here. */
  readonly onDevice: Condition | false;
  /** Every step makes it anew, and lets go of that of the step before. */
  readonly renewed?: true;
}

export interface OptimizerRule {
  /** The class. */
  readonly title: string;
  /** Where the class is from; absent: torch.optim. */
  readonly package?: string;
  /** What is not computed, or decided for the user. */
  readonly note?: string;
  readonly options: Readonly<Record<string, OptionRule>>;
  /** Per parameter, in the order of their creation: all states of a parameter, then those of the next. */
  readonly states: readonly StateRule[];
  /** When the states are made. An implementation that makes them itself says so with `keep`. */
  readonly statesFrom: "constructor" | "first step";
  readonly implementations: { readonly [path in OptimizerPath]?: Implementation };
  /** What PyTorch takes on CUDA when neither `foreach` nor `fused` is given. */
  readonly default: OptimizerPath;
  /** Facts of a step beyond `first`, which holds in the first one only. */
  readonly facts?: (settings: Settings, step: number) => Readonly<Record<string, boolean>>;
  /** The step from which on all steps are alike, where that is not the second. */
  readonly settles?: (settings: Settings) => number;
  /** `matrices`: parameters of any other rank are refused. `tables last`: those of two dims are a group after the others. */
  readonly takes?: "matrices" | "tables last";
  /** What the constructor refuses. */
  readonly refuses?: readonly Refusal[];
  readonly source: string;
}

export interface Refusal {
  readonly when: Condition;
  readonly rule: string;
  readonly hint: string;
}

export type Implementation = Update | Unrolled;

/** An optimizer that is no loop over parameters: it writes its steps itself. */
export interface Unrolled {
  readonly kind: "unrolled";
  readonly unroll: (
    parameters: readonly GivenParameter[],
    settings: Settings,
    steps: readonly number[],
    device: Device,
  ) => readonly StepActions[];
}

/** A state on the GPU; `when` says whether there is one. */
export const state = (name: string, value: Value, when = ""): StateRule => ({
  name,
  value,
  when: parse(when),
  onDevice: parse(""),
});
/** A state that every step makes anew. */
export const renewedState = (name: string, value: Value, when = ""): StateRule => ({
  ...state(name, value, when),
  renewed: true,
});
/** A state on the host; on the GPU if `onDevice` is given and holds. */
export const hostState = (name: string, value: Value, onDevice?: string): StateRule => ({
  name,
  value,
  when: parse(""),
  onDevice: onDevice === undefined ? false : parse(onDevice),
});
