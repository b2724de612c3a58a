/** Runs the update of an optimizer over its parameters: the statements of a row become events. */
import { invariant } from "../../base/invariant.js";
import { type Condition, type Facts, settle } from "./conditions.js";
import type { Settings } from "./rule.js";
import type { Statement, Update } from "./statements.js";
import { evaluate, release, share, stateKey, type Tape } from "./tape.js";
import { type Parameter, sized } from "./values.js";

/** Tensors with fewer elements stay in float32. bitsandbytes 0.50.2, optim/optimizer.py (min_8bit_size); torchao 0.18. */
const QUANTIZED_FROM = 4096;
/** Tensors with fewer elements are not paged. bitsandbytes 0.50.2, optim/optimizer.py (get_state_buffer). */
const PAGED_FROM = 1e5;
/** Dims beyond this are not preconditioned by SOAP. pytorch_optimizer 4.1.0, soap.py (max_precondition_dim). */
const MOST_PRECONDITIONED = 10_000;

/** More than any operator of PyTorch has parameters of. */
const MOST_DIMS = 5;

/** What only a parameter can say; the parameters of one list agree. */
const PARAMETER_FACTS: Readonly<Record<string, (parameter: Parameter) => boolean>> = {
  matrix: ({ shape }) => shape.length > 1,
  table: ({ shape }) => shape.length === 2,
  tall: ({ shape: [height = 1, width = 1] }) => height >= width,
  bfloat16: ({ dtype }) => dtype === "bfloat16",
  half: ({ dtype }) => dtype === "bfloat16" || dtype === "float16",
  quantized: ({ elements }) => elements >= QUANTIZED_FROM,
  blocks: ({ elements }) => elements >= QUANTIZED_FROM && elements % 256 === 0,
  blocks128: ({ elements }) => elements >= QUANTIZED_FROM && elements % 128 === 0,
  paged: ({ elements }) => elements >= PAGED_FROM,
  ...dimFacts(),
};

/** Per dim: whether there is one, whether others follow, and whether SOAP preconditions it. */
function dimFacts(): Record<string, (parameter: Parameter) => boolean> {
  const facts: Record<string, (parameter: Parameter) => boolean> = {};
  for (let dim = 0; dim < MOST_DIMS; dim++) {
    facts[`dim${dim}`] = ({ shape }) => shape.length > dim;
    facts[`inner${dim}`] = ({ shape }) => dim > 0 && shape.length > dim + 1;
    facts[`last${dim}`] = ({ shape }) => shape.length === dim + 1;
    facts[`side${dim}`] = ({ shape }) =>
      shape.length > 1 && shape.length > dim && (shape[dim] as number) <= MOST_PRECONDITIONED;
  }
  return facts;
}

/** A statement whose condition holds, with its names numbered. */
interface Instruction {
  readonly statement: Statement;
  readonly slots: readonly number[];
  readonly when: true | Condition;
  readonly body: readonly Instruction[];
}

/** Names and the tensors they hold, in the order in which a returning function releases them. */
type Locals = (readonly number[] | null)[];

export function runUpdate(
  tape: Tape,
  update: Update,
  parameters: readonly Parameter[],
  settings: Settings,
  facts: Facts,
): void {
  const slots = new Map<string, number>();
  const body = compile(update.body, facts, slots);
  const locals: Locals = new Array(slots.size).fill(null);
  if (update.over === "parameter") {
    for (const parameter of parameters) execute(tape, body, [parameter], locals, settings);
  } else {
    for (const list of listsOf(parameters, update.over)) execute(tape, body, list, locals, settings);
  }
  for (let slot = 0; slot < locals.length; slot++) bind(tape, locals, slot, null);
}

/** Every name takes its place at its first appearance, whether its statement runs or not. */
function compile(body: readonly Statement[], facts: Facts, slots: Map<string, number>): Instruction[] {
  const instructions: Instruction[] = [];
  for (const statement of body) {
    const places = namesOf(statement).map((name) => place(slots, name));
    const inner = statement.kind === "repeat" ? compile(statement.body, facts, slots) : [];
    const when = settle(statement.when, facts);
    if (when !== false && statement.kind !== "declare")
      instructions.push({ statement, slots: places, when, body: inner });
  }
  return instructions;
}

function namesOf(statement: Statement): readonly string[] {
  switch (statement.kind) {
    case "make":
    case "collect":
      return [statement.name];
    case "renew":
      return [statement.local];
    case "alias":
      return [statement.name, statement.of];
    case "drop":
    case "declare":
      return statement.names;
    case "run":
    case "keep":
    case "repeat":
      return [];
  }
}

function place(slots: Map<string, number>, name: string): number {
  const known = slots.get(name);
  if (known !== undefined) return known;
  slots.set(name, slots.size);
  return slots.size - 1;
}

function execute(
  tape: Tape,
  body: readonly Instruction[],
  list: readonly Parameter[],
  locals: Locals,
  settings: Settings,
): void {
  for (const instruction of body) {
    const { statement, slots, when } = instruction;
    if (!appliesTo(when, list[0] as Parameter)) continue;
    switch (statement.kind) {
      case "make": {
        const { name, value } = statement;
        const made = new Array<number>(list.length);
        for (let i = 0; i < made.length; i++) made[i] = evaluate(tape, value, list[i] as Parameter, name);
        bind(tape, locals, slots[0] as number, made);
        break;
      }
      case "drop":
        for (const slot of slots) bind(tape, locals, slot, null);
        break;
      case "alias": {
        const of = locals[slots[1] as number] ?? null;
        const held = of && statement.lastOnly ? of.slice(-1) : of;
        for (const id of held ?? []) share(tape, id);
        bind(tape, locals, slots[0] as number, held);
        break;
      }
      case "run":
        for (const parameter of list) {
          for (const value of statement.values) release(tape, evaluate(tape, value, parameter));
        }
        break;
      case "keep":
        for (const parameter of list) {
          if (statement.once && tape.held.has(statement.name)) break;
          if (statement.once) tape.held.set(statement.name, []);
          evaluate(tape, statement.value, parameter, statement.name, "state");
        }
        break;
      case "collect": {
        const { name, value, among } = statement;
        const members = list.filter((parameter) => appliesTo(among.length === 0 || among, parameter));
        const made = members.length === 0 ? null : [evaluate(tape, value, asOne(members), name)];
        bind(tape, locals, slots[0] as number, made);
        break;
      }
      case "renew": {
        const key = stateKey(statement.name, list[0] as Parameter);
        const held = locals[slots[0] as number] ?? [];
        for (const id of held) share(tape, id);
        for (const id of tape.held.get(key) ?? []) release(tape, id);
        tape.held.set(key, held);
        break;
      }
      case "repeat": {
        const times = settings[statement.times];
        invariant(typeof times === "number", `${statement.times} is a number`);
        for (let i = 0; i < times; i++) execute(tape, instruction.body, list, locals, settings);
        break;
      }
    }
  }
}

/** The parameters of a list as one tensor with an element for each. */
function asOne(list: readonly Parameter[]): Parameter {
  const { dtype, rank } = list[0] as Parameter;
  const shape = [list.length];
  const largest = Math.max(...list.map(({ elements }) => elements));
  return { index: null, shape, dtype, elements: list.length, self: sized(shape, dtype), largest, rank };
}

/** Binds a name after its new tensors exist; a list lets go of its elements from the end. */
function bind(tape: Tape, locals: Locals, slot: number, ids: readonly number[] | null): void {
  const old = locals[slot];
  locals[slot] = ids;
  if (old) for (let i = old.length - 1; i >= 0; i--) release(tape, old[i] as number);
}

/** Whether what `settle` left open of a condition holds for `parameter`. */
export function appliesTo(condition: boolean | Condition, parameter: Parameter): boolean {
  if (typeof condition === "boolean") return condition;
  for (const all of condition) {
    let allHold = true;
    for (const { name, holds } of all) {
      const fact = PARAMETER_FACTS[name];
      invariant(fact, `a condition names an unknown option: ${name}`);
      if (fact(parameter) !== holds) allHold = false;
    }
    if (allHold) return true;
  }
  return false;
}

/**
 * Lists as `_group_tensors_by_device_and_dtype` makes them: it goes through a hash table whose last key comes first.
 * torch/csrc ForeachUtils.h; tried with every order of four dtypes, torch 2.14.1. Adafactor then splits each list.
 */
function listsOf(
  parameters: readonly Parameter[],
  over: "dtype" | "dtype and rank",
): (readonly Parameter[])[] {
  const byDtype = new Map<string, Parameter[]>();
  for (const parameter of parameters) {
    const list = byDtype.get(parameter.dtype);
    if (list) list.push(parameter);
    else byDtype.set(parameter.dtype, [parameter]);
  }
  const lists = [...byDtype.values()].reverse();
  if (over === "dtype") return lists;
  return lists.flatMap((list) => {
    const isMatrix = PARAMETER_FACTS["matrix"] as (parameter: Parameter) => boolean;
    const alike = isMatrix(list[0] as Parameter);
    const [first, second] = [
      list.filter((p) => isMatrix(p) === alike),
      list.filter((p) => isMatrix(p) !== alike),
    ];
    return second.length > 0 ? [first, second] : [first];
  });
}
