/**
 * The statements an implementation is written in.
 *
 * It reads like the Python function it stands for, reduced to the names that own memory. `make` binds a name to new
 * tensors and lets go of what it held before, after the new ones exist; `drop` is `del`, or a rebinding to something that
 * owns nothing. Names still bound when the function returns are released in the order in which they first appear. A list
 * (foreach) is released from its end.
 */
import { type Condition, parse, words } from "./conditions.js";
import type { Value } from "./values.js";

export interface Update {
  readonly kind: "update";
  /** What the body runs over: one parameter after the other, or lists of those of one dtype (and of matrices, or not). */
  readonly over: "parameter" | "dtype" | "dtype and rank";
  readonly body: readonly Statement[];
}

export type Statement =
  | { readonly kind: "make"; readonly name: string; readonly value: Value; readonly when: Condition }
  | { readonly kind: "drop"; readonly names: readonly string[]; readonly when: Condition }
  | {
      readonly kind: "alias";
      readonly name: string;
      readonly of: string;
      readonly lastOnly: boolean;
      readonly when: Condition;
    }
  | { readonly kind: "run"; readonly values: readonly Value[]; readonly when: Condition }
  | {
      readonly kind: "keep";
      readonly name: string;
      readonly value: Value;
      readonly once: boolean;
      readonly when: Condition;
    }
  | {
      readonly kind: "collect";
      readonly name: string;
      readonly value: Value;
      readonly among: Condition;
      readonly when: Condition;
    }
  | { readonly kind: "renew"; readonly name: string; readonly local: string; readonly when: Condition }
  | { readonly kind: "declare"; readonly names: readonly string[]; readonly when: Condition }
  | {
      readonly kind: "repeat";
      readonly times: string;
      readonly body: readonly Statement[];
      readonly when: Condition;
    };

/** `name = value` */
export const make = (name: string, value: Value, when = ""): Statement => ({
  kind: "make",
  name,
  value,
  when: parse(when),
});
/** `del names` */
export const drop = (names: string, when = ""): Statement => ({
  kind: "drop",
  names: words(names),
  when: parse(when),
});
/** `name = of`: both hold the same tensors. */
export const alias = (name: string, of: string, when = ""): Statement => ({
  kind: "alias",
  name,
  of,
  lastOnly: false,
  when: parse(when),
});
/** What `for name in of` leaves behind. */
export const aliasLast = (name: string, of: string, when = ""): Statement => ({
  kind: "alias",
  name,
  of,
  lastOnly: true,
  when: parse(when),
});
/** For each parameter of the list in turn: expressions whose results nobody keeps. */
export const run = (values: readonly Value[], when = ""): Statement => ({
  kind: "run",
  values,
  when: parse(when),
});
/** `state[name] = value` */
export const keep = (name: string, value: Value, when = ""): Statement => ({
  kind: "keep",
  name,
  value,
  once: false,
  when: parse(when),
});
/** As `keep`, for the first parameter only: all share it. */
export const keepOnce = (name: string, value: Value, when = ""): Statement => ({
  kind: "keep",
  name,
  value,
  once: true,
  when: parse(when),
});
/** `name = value`, one tensor with an element for each parameter of the list that `among` holds for. */
export const collect = (name: string, value: Value, among = ""): Statement => ({
  kind: "collect",
  name,
  value,
  among: parse(among),
  when: parse(""),
});
/** `state[name] = local`, in every step: the tensor of the step before is let go. */
export const renew = (name: string, local: string, when = ""): Statement => ({
  kind: "renew",
  name,
  local,
  when: parse(when),
});
/** Names in the order in which a returning function releases them, where it is not that of their first use. */
export const declare = (names: string): Statement => ({
  kind: "declare",
  names: words(names),
  when: parse(""),
});
/** `for _ in range(times)`; `times` is an option. */
export const repeat = (times: string, body: readonly Statement[]): Statement => ({
  kind: "repeat",
  times,
  body,
  when: parse(""),
});

/** `for parameter, … in …` */
export const forLoop = (...body: readonly Statement[]): Update => ({
  kind: "update",
  over: "parameter",
  body,
});
/** Lists of one dtype each; the loop binds `grads` anew every time. */
export const foreach = (...body: readonly Statement[]): Update => ({
  kind: "update",
  over: "dtype",
  body: [drop("grads"), ...body],
});
/** One kernel for everything: nothing but the states is allocated. */
export const FUSED: Update = { kind: "update", over: "dtype", body: [] };
