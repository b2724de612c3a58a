/** Single changes weighed, combined until the step fits, and the best trades of memory against time. */
import {
  type AdviceContext,
  type Change,
  type Effect,
  EFFECTS,
  type Outcome,
  type Proposal,
} from "./advice.js";

/** A proposal with what it brings alone. */
export interface Weighed extends Proposal {
  readonly outcome: Outcome;
  readonly savedBytes: number;
  /** Time of the step over that of the asked one. */
  readonly relativeTime: number;
  /** And over that of the setup it was proposed for. */
  readonly slower: number;
}

/** Several proposals, applied together. */
export interface Combination {
  readonly ids: readonly string[];
  readonly change: Change;
  readonly outcome: Outcome;
  readonly relativeTime: number;
}

/** Applied one after the other: the ids in order. */
export interface Plan {
  readonly steps: readonly Weighed[];
  readonly combination: Combination;
}

/** A change that saves less of the device total is no advice. */
const LEAST_SAVING = 0.005;
/** Times that differ by less are the same: rounding of the roofline. */
const SAME_TIME = 1.001;
const MOST_STEPS = 7;

export interface Setups {
  /** The context of the asked setup with this changed; null where it cannot be computed. */
  contextOf(change: Change): AdviceContext | null;
  propose(context: AdviceContext): readonly Proposal[];
}

/** Every proposal that saves anything on top of `change`, simulated; combinations seen on the way go to `seen`. */
export function weigh(
  context: AdviceContext,
  proposals: readonly Proposal[],
  before: { readonly now: Outcome; readonly asked: Outcome },
): Weighed[] {
  return proposals.flatMap((proposal) => {
    const outcome = context.whatIf(proposal.change);
    if (!outcome) return [];
    const savedBytes = before.now.deviceTotalBytes - outcome.deviceTotalBytes;
    const helps =
      savedBytes > LEAST_SAVING * before.now.deviceTotalBytes || (outcome.fits && !before.now.fits);
    return helps
      ? [
          {
            ...proposal,
            outcome,
            savedBytes,
            relativeTime: outcome.seconds / before.asked.seconds,
            slower: outcome.seconds / before.now.seconds,
          },
        ]
      : [];
  });
}

/**
 * Changes until the step fits: with what changes nothing but rounding, else with other recipes too, then another
 * optimizer, fewer trained parameters, more hardware. What turns out not to be needed is taken back.
 */
export function planChanges(setups: Setups, asked: Outcome, seen: Combination[]): Plan | null {
  let best: Plan | null = null;
  for (const most of EFFECTS.slice(rankOf("rounding"))) {
    if (!canSuffice(setups, most)) continue;
    const plan = planWithin(most, { setups, asked, seen });
    if (
      plan &&
      (!best || plan.combination.outcome.deviceTotalBytes < best.combination.outcome.deviceTotalBytes)
    )
      best = plan;
    if (best?.combination.outcome.fits) return best;
  }
  return best;
}

/** What stays resident whatever is done: it alone must leave room. 16 bits halve parameters, 4 bits quarter that. */
function canSuffice(setups: Setups, most: Effect): boolean {
  const context = setups.contextOf({});
  const capacity = context?.report.machine?.capacityBytes;
  if (!context || capacity === undefined) return false;
  const { parameterBytes, optimizerStateBytes } = context.report.totals;
  if (most === "rounding") return parameterBytes + optimizerStateBytes < capacity;
  if (most === "recipe" || most === "optimizer") return parameterBytes / 2 < capacity;
  return most === "hardware" || parameterBytes / 8 < capacity;
}

interface PlanOptions {
  readonly setups: Setups;
  readonly asked: Outcome;
  readonly seen: Combination[];
}

function planWithin(most: Effect, { setups, asked, seen }: PlanOptions): Plan | null {
  const steps: Weighed[] = [];
  let [change, now]: [Change, Outcome] = [{}, asked];
  while (!now.fits && steps.length < MOST_STEPS) {
    const context = setups.contextOf(change);
    if (!context) break;
    const taken = new Set(steps.map(({ group }) => group));
    const open = setups
      .propose(context)
      .filter(({ group, effect }) => !taken.has(group) && rankOf(effect) <= rankOf(most));
    const weighed = weigh(context, open, { now, asked });
    for (const each of weighed)
      seen.push(combined([...steps, each], { ...change, ...each.change }, each.outcome, asked));
    const best = choose(weighed, now, most);
    if (!best) break;
    steps.push(best);
    change = { ...change, ...best.change };
    now = best.outcome;
  }
  if (steps.length === 0) return null;
  const kept = now.fits ? withoutIdle(setups, steps) : steps;
  const whole = mergedChange(kept);
  const outcome = setups.contextOf({})?.whatIf(whole) ?? now;
  return { steps: kept, combination: combined(kept, whole, outcome, asked) };
}

/** A share of the device total that makes a free change worth its place. */
const GOOD_SAVING = 0.1;

/**
 * What is faster or free and saves a good deal comes first; then the mildest that fits, else what saves most. Where other
 * recipes are needed anyway, what saves most goes first: autocast would stand in the way of a model in 16 bits.
 */
function choose(weighed: readonly Weighed[], now: Outcome, effects: Effect): Weighed | undefined {
  const free =
    effects !== "rounding"
      ? []
      : weighed.filter(
          ({ outcome, group, effect, savedBytes }) =>
            group !== "batch" &&
            outcome.seconds <= SAME_TIME * now.seconds &&
            rankOf(effect) <= rankOf("rounding") &&
            savedBytes > GOOD_SAVING * now.deviceTotalBytes,
        );
  return (
    highestSaving(free) ?? mildest(weighed.filter(({ outcome }) => outcome.fits)) ?? highestSaving(weighed)
  );
}

function rankOf(effect: Effect): number {
  return EFFECTS.indexOf(effect);
}

/** The least time, then the least change of the run, then the least memory given up. */
function mildest(list: readonly Weighed[]): Weighed | undefined {
  return [...list].sort(
    (a, b) =>
      a.outcome.seconds - b.outcome.seconds ||
      rankOf(a.effect) - rankOf(b.effect) ||
      a.savedBytes - b.savedBytes,
  )[0];
}

function highestSaving(list: readonly Weighed[]): Weighed | undefined {
  return [...list].sort((a, b) => b.savedBytes - a.savedBytes || a.outcome.seconds - b.outcome.seconds)[0];
}

/** What still fits without a change does not need it, unless it makes the step faster: the most drastic one goes first. */
function withoutIdle(setups: Setups, steps: readonly Weighed[]): readonly Weighed[] {
  const context = setups.contextOf({});
  let kept = [...steps];
  const drastic = [...steps].sort((a, b) => rankOf(b.effect) - rankOf(a.effect) || b.slower - a.slower);
  for (const step of drastic) {
    const rest = kept.filter((each) => each !== step);
    if (step.slower < 1 / SAME_TIME || rest.length === 0) continue;
    if (context?.whatIf(mergedChange(rest))?.fits) kept = rest;
  }
  return kept;
}

function mergedChange(steps: readonly Weighed[]): Change {
  return Object.assign({}, ...steps.map(({ change }) => change)) as Change; // of changes
}

export function combined(
  steps: readonly Pick<Proposal, "id">[],
  change: Change,
  outcome: Outcome,
  asked: Outcome,
): Combination {
  return { ids: steps.map(({ id }) => id), change, outcome, relativeTime: outcome.seconds / asked.seconds };
}

/** Those that no other beats in both memory and time, the fastest first. */
export function paretoFront(all: readonly Combination[]): Combination[] {
  const sorted = [...all].sort(
    (a, b) =>
      a.outcome.seconds - b.outcome.seconds ||
      a.outcome.deviceTotalBytes - b.outcome.deviceTotalBytes ||
      a.ids.length - b.ids.length,
  );
  const front: Combination[] = [];
  for (const each of sorted) {
    const last = front.at(-1);
    if (!last || each.outcome.deviceTotalBytes < last.outcome.deviceTotalBytes) front.push(each);
  }
  return front;
}
