/** Events of the constructor and of chosen calls of step(), for any parameters. */
import { InputError } from "../../base/complaint.js";
import { elements } from "../../base/shape.js";
import { invariant } from "../../base/invariant.js";
import type { GivenParameter, OptimizerAction, StepActions } from "./plan.js";
import type { Device } from "../../frameworks/pytorch/kernel.js";
import { type Facts, settle } from "./conditions.js";
import type { OptimizerRule, Settings } from "./rule.js";
import type { Update } from "./statements.js";
import { appliesTo, runUpdate } from "./run-update.js";
import { factsOf, pathOf } from "./settings.js";
import { evaluate, startTape, stateKey, type Tape, withRoles } from "./tape.js";
import { type Parameter, sized } from "./values.js";

export interface OptimizerSteps {
  readonly init: readonly OptimizerAction[];
  readonly steps: readonly StepActions[];
}

/** An optimizer with its options filled in, on a device. */
export interface ReadyOptimizer {
  readonly rule: OptimizerRule;
  readonly settings: Settings;
  readonly device: Device;
  /** What to name in a complaint. */
  readonly where: string;
}

/** `asked` counts calls of step() from 1, ascending; "settled" is the one from which on all are alike. */
export function planSteps(
  optimizer: ReadyOptimizer,
  given: readonly GivenParameter[],
  asked: readonly (number | "settled")[],
): OptimizerSteps {
  const { rule, settings, device, where } = optimizer;
  const settled = Math.max(2, rule.settles?.(settings) ?? 2);
  const steps = asked.map((step) => (step === "settled" ? settled : step));
  invariant(
    steps.every((step, i) => (i === 0 ? step === 1 : step > (steps[i - 1] as number))),
    "steps ascend from 1",
  );
  if (rule.takes === "matrices") refuseOthersThanMatrices(rule, given, where);

  const implementation = rule.implementations[pathOf(rule, settings)];
  invariant(implementation, `${rule.title} has the implementation it takes`);
  if (given.length === 0) return { init: [], steps: steps.map(() => ({ actions: [], closures: [] })) };
  if (implementation.kind === "unrolled") {
    return { init: [], steps: implementation.unroll(given, settings, steps, device) };
  }
  return loopOverParameters(optimizer, implementation, given, steps);
}

function loopOverParameters(
  { rule, settings, device }: ReadyOptimizer,
  update: Update,
  given: readonly GivenParameter[],
  steps: readonly number[],
): OptimizerSteps {
  const tape = startTape(device);
  const all = inGroups(
    rule,
    given.map((one, index) => prepare(one, index, settings)),
  );
  const trained = all.filter(({ index }) => index !== null && !given[index]?.frozen);
  const facts = factsOf(settings);
  const renewed = new Set(update.body.flatMap((one) => (one.kind === "renew" ? [one.name] : [])));
  const makesItsOwn = update.body.some(({ kind }) => kind === "keep");
  if (rule.statesFrom === "constructor") makeStates(tape, rule, facts, all, renewed);
  const init = taken(tape);
  return {
    init,
    steps: steps.map((step) => {
      facts.set("first", step === 1);
      const more = rule.facts?.(settings, step);
      for (const name in more) facts.set(name, more[name] as boolean);
      if (step === 1 && rule.statesFrom === "first step" && !makesItsOwn)
        makeStates(tape, rule, facts, trained, renewed);
      runUpdate(tape, update, trained, settings, facts);
      return { actions: taken(tape), closures: [] };
    }),
  };
}

/** All states of a parameter, then those of the next. Those that a step replaces are noted. */
function makeStates(
  tape: Tape,
  { states }: OptimizerRule,
  facts: Facts,
  parameters: readonly Parameter[],
  replaced: ReadonlySet<string>,
): void {
  const onDevice = states
    .filter((state) => !state.renewed && state.onDevice !== false && settle(state.onDevice, facts) === true)
    .map(({ name, value, when }) => ({ name, value, when: settle(when, facts) }))
    .filter(({ when }) => when !== false);
  for (const parameter of parameters) {
    for (const { name, value, when } of onDevice) {
      if (!appliesTo(when, parameter)) continue;
      const id = evaluate(tape, value, parameter, name, "state");
      if (replaced.has(name)) tape.held.set(stateKey(name, parameter), [id]);
    }
  }
}

function taken(tape: Tape): readonly OptimizerAction[] {
  const { actions } = tape;
  tape.actions = [];
  return tape.held.size > 0 ? withRoles(actions) : actions;
}

function prepare({ shape, dtype }: GivenParameter, index: number, { rank }: Settings): Parameter {
  const count = elements(shape);
  const most = Math.min(shape[0] ?? 1, shape[1] ?? 1);
  return {
    index,
    shape,
    dtype,
    elements: count,
    self: sized(shape, dtype),
    largest: count,
    rank: Math.min(Number(rank ?? 0), most),
  };
}

/** Parameter groups one after the other: those that are no tables, then the tables. */
function inGroups({ takes }: OptimizerRule, parameters: readonly Parameter[]): readonly Parameter[] {
  if (takes !== "tables last") return parameters;
  const isTable = ({ shape }: Parameter): boolean => shape.length === 2;
  return [...parameters.filter((one) => !isTable(one)), ...parameters.filter(isTable)];
}

function refuseOthersThanMatrices(
  { title }: OptimizerRule,
  given: readonly GivenParameter[],
  where: string,
): void {
  const other = given.findIndex(({ shape }) => shape.length !== 2);
  if (other < 0) return;
  throw new InputError({
    code: "training/muon-matrices",
    where,
    rule: `${title} trains matrices only`,
    expected: "parameters of two dims",
    got: `parameter ${other} of shape [${given[other]?.shape.join(", ")}]`,
    hint: "freeze the others, or choose adamw",
  });
}
