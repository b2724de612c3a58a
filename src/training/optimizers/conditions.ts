/** When a statement runs or a state exists: words about options, the step and the parameter. */
import { invariant } from "../../base/invariant.js";

/**
 * Any of these alternatives, all words of which hold; none at all holds always. A word is an option (a number holds when
 * it is not zero) or a fact of the step or the parameter, `!` before it says that it must not hold.
 */
export type Condition = readonly (readonly Word[])[];
interface Word {
  readonly name: string;
  readonly holds: boolean;
}

export function parse(text: string): Condition {
  if (text === "") return [];
  return text
    .split("|")
    .map((all) => words(all).map((word) => ({ name: word.replace("!", ""), holds: !word.startsWith("!") })));
}

export function words(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

export type Facts = ReadonlyMap<string, boolean>;

/** What is left of `condition` once `facts` are known: true, false, or what only the parameter can say. */
export function settle(condition: Condition, facts: Facts): boolean | Condition {
  if (condition.length === 0) return true;
  const open: (readonly Word[])[] = [];
  for (const all of condition) {
    const unknown = all.filter(({ name }) => !facts.has(name));
    if (all.some(({ name, holds }) => facts.has(name) && facts.get(name) !== holds)) continue;
    if (unknown.length === 0) return true;
    open.push(unknown);
  }
  return open.length > 0 && open;
}

/** `condition` where every word is known. */
export function holds(condition: Condition, facts: Facts): boolean {
  const settled = settle(condition, facts);
  invariant(typeof settled === "boolean", `a condition names an unknown option: ${JSON.stringify(settled)}`);
  return settled;
}
