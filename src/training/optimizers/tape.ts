/** The events of an optimizer while they are written down: allocations numbered, released when nothing holds them. */
import { type Bytes, bytes } from "../../base/units.js";
import type { OptimizerAction } from "./plan.js";
import type { Device } from "../../frameworks/pytorch/kernel.js";
import type { Scratch } from "./reduction-scratch.js";
import type { Extent, Parameter, Sized, Value } from "./values.js";

/** The id of a tensor without memory: none was needed, or it has no elements. */
export const NOTHING = -1;

export interface Tape {
  actions: OptimizerAction[];
  next: number;
  /** Ids that more than one name holds, with the number of further ones. */
  readonly holders: Map<number, number>;
  readonly device: Device;
  /** Operands of the values being evaluated. */
  readonly stack: number[];
  /** States that each step makes anew, by name and parameter. */
  readonly held: Map<string, readonly number[]>;
}

export function startTape(device: Device): Tape {
  return { actions: [], next: 0, holders: new Map(), device, stack: [], held: new Map() };
}

export function allocate(
  tape: Tape,
  { bytes, shape, dtype }: Sized,
  name: string,
  parameter: number | null,
  role: "state" | "temporary" = "temporary",
): number {
  if (bytes === 0) return NOTHING;
  const id = tape.next++;
  tape.actions.push({ kind: "allocate", id, bytes, role, name, parameter, shape, dtype });
  return id;
}

/** One more name for `id`. */
export function share(tape: Tape, id: number): number {
  if (id !== NOTHING) tape.holders.set(id, (tape.holders.get(id) ?? 0) + 1);
  return id;
}

/** How `Tape.held` names a state. */
export function stateKey(name: string, { index }: Parameter): string {
  return `${name} ${index}`;
}

/** A name lets go of `id`; the last one frees it. */
export function release(tape: Tape, id: number): void {
  if (id === NOTHING) return;
  const more = tape.holders.size > 0 ? tape.holders.get(id) : undefined;
  if (more === undefined) tape.actions.push({ kind: "free", id });
  else if (more === 1) tape.holders.delete(id);
  else tape.holders.set(id, more - 1);
}

/** Evaluates a value for one parameter as Python and the kernel would; the result is the caller's to release. */
export function evaluate(
  tape: Tape,
  value: Value,
  parameter: Parameter,
  name: string = value.op,
  role: "state" | "temporary" = "temporary",
): number {
  if (value.isPlain) return allocateExtent(tape, value.extent, parameter, name, role);
  if (value.members !== null) return evaluateMembers(tape, value, parameter, name);
  const { stack } = tape;
  const { operands, before, passes } = value;
  const local = value.local === null ? NOTHING : evaluate(tape, value.local, parameter);
  const bottom = stack.length;
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i] as Value;
    const isTarget = passes && i === 0;
    stack.push(
      isTarget ? evaluate(tape, operand, parameter, name, role) : evaluate(tape, operand, parameter),
    );
  }
  const top = stack.length;
  for (let i = 0; i < before.length; i++) {
    stack.push(allocateExtent(tape, before[i] as Extent, parameter, value.op));
  }
  const result = passes
    ? (stack[bottom] as number)
    : allocateExtent(tape, value.extent, parameter, name, role);
  if (value.after !== null) takeScratch(tape, value.after(parameter, tape.device), value.op, parameter.index);
  for (let i = stack.length - 1; i >= top; i--) release(tape, stack[i] as number);
  for (let i = passes ? bottom + 1 : bottom; i < top; i++) release(tape, stack[i] as number);
  while (stack.length > bottom) stack.pop();
  release(tape, local);
  return result;
}

/** `parameter` stands for a list, with an element for each of its parameters. */
function evaluateMembers(tape: Tape, { members, extent, op }: Value, list: Parameter, name: string): number {
  if (members === null) return NOTHING;
  const scratch = allocateExtent(tape, members.scratch, list, `${op} workspace`);
  const made = Array.from({ length: list.elements }, () => allocateExtent(tape, members.each, list, op));
  release(tape, scratch);
  const result = allocateExtent(tape, extent, list, name);
  for (const id of made.reverse()) release(tape, id);
  return result;
}

function allocateExtent(
  tape: Tape,
  extent: Extent | null,
  parameter: Parameter,
  name: string,
  role: "state" | "temporary" = "temporary",
): number {
  const size = extent === null ? null : extent.of(parameter);
  return size === null ? NOTHING : allocate(tape, size, name, parameter.index, role);
}

/** Blocks of a kernel that splits its work: taken in order, given back last first. */
export function takeScratch(
  tape: Tape,
  { around, rounds }: Scratch,
  op: string,
  parameter: number | null,
): void {
  if (around === 0 && rounds.length === 0) return;
  const name = `${op} workspace`;
  const outer = allocate(tape, raw(bytes(around)), name, parameter);
  for (const round of rounds) {
    const taken = round.map((size) => allocate(tape, raw(bytes(size)), name, parameter));
    for (const id of taken.reverse()) release(tape, id);
  }
  release(tape, outer);
}

function raw(size: Bytes): Sized {
  return { shape: [size], dtype: "uint8", bytes: size };
}

/** A block that outlives the step is a state. */
export function withRoles(actions: readonly OptimizerAction[]): OptimizerAction[] {
  const freed = new Set<number>();
  for (const action of actions) if (action.kind === "free") freed.add(action.id);
  return actions.map((action) =>
    action.kind === "allocate" && !freed.has(action.id) ? { ...action, role: "state" } : action,
  );
}
