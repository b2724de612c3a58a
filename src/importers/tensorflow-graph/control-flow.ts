/** Loops, branches and lists of tensors, written out as far as their ends are known; what is not counted is said. */
import { noGraph, shapeMismatch } from "./complaints.js";
import type { Lowering, NodeCall } from "./node-call.js";
import { OPAQUE, type Tensor, type TensorList } from "./tensor.js";

/** Turns of a loop that are written out; elements of a list. */
const MAX_TURNS = 1024;

const named = (call: NodeCall, attr: string): string => {
  const name = call.attr(attr)?.func?.name;
  if (!name) throw noGraph(call.where, `a function at ${attr}`, "none");
  return name;
};

const called: Lowering = (call) => call.writer.functions.call(named(call, "f"), call.inputs, call.where);

/** Body after body while the condition's numbers are known; one body where they are not. */
const loop: Lowering = (call) => {
  const { functions } = call.writer;
  const [cond, body] = [named(call, "cond"), named(call, "body")];
  let state: readonly Tensor[] = call.inputs;
  for (let turn = 0; ; turn++) {
    const goesOn = known(functions.call(cond, state, call.where)[0]);
    if (goesOn === false) return state;
    if (goesOn === undefined || turn >= MAX_TURNS) {
      if (turn === 0) state = functions.call(body, state, call.where);
      call.note(
        "loop",
        "warning",
        `how often a loop turns depends on data, or is more than ${MAX_TURNS}: it counts as ${Math.max(turn, 1)}, and what its body keeps for backward is kept once per turn`,
      );
      return state;
    }
    const next = functions.call(body, state, call.where);
    if (next.length !== state.length)
      throw shapeMismatch(call.where, "a loop's body", `${state.length} results`, `${next.length}`);
    state = next;
  }
};

function known(tensor: Tensor | undefined): boolean | undefined {
  return tensor?.kind === "constant" && tensor.data?.length === 1 ? tensor.data[0] !== 0 : undefined;
}

/** The branch that a known condition takes, else the longer one. */
const branch: Lowering = (call) => {
  const { functions } = call.writer;
  const [yes, no] = [named(call, "then_branch"), named(call, "else_branch")];
  const condition = known(call.inputs[0]);
  if (condition === undefined)
    call.note(
      "branch",
      "warning",
      "which branch runs depends on data: the one with more operations counts, the other takes nothing",
    );
  const longer = functions.lengthOf(yes) >= functions.lengthOf(no) ? yes : no;
  const taken = condition === undefined ? longer : condition ? yes : no;
  return functions.call(taken, call.inputs.slice(1), call.where);
};

const list = (call: NodeCall, index: number): TensorList => {
  const tensor = call.tensor(index);
  if (tensor.kind !== "list") throw call.refuse("a list of tensors", tensor.kind);
  return tensor;
};

const reserve: Lowering = (call) => {
  const length = call.data(1)?.[0] ?? 0;
  return {
    kind: "list",
    from: null,
    length: Math.min(Math.max(length, 0), MAX_TURNS),
    items: new Map(),
    parts: {},
  };
};

const element: Lowering = (call) => {
  const { items, from, length, parts } = list(call, 0);
  const index = call.data(1)?.[0] ?? 0;
  const item = items.get(index);
  if (item) return item;
  if (!from) throw call.refuse(`an element of ${length} that was set`, `number ${index}`);
  // a list is views of its tensor, and gradients of its elements make a list again
  parts.cut ??= call.all("Unpack", [call.writer.value(from, call.where)], { axis: 0 });
  const part = parts.cut[index];
  if (!part) throw call.refuse(`an element of ${length}`, `number ${index}`);
  return part;
};

const setElement: Lowering = (call) => {
  const before = list(call, 0);
  const items = new Map(before.items);
  items.set(call.data(1)?.[0] ?? items.size, call.tensor(2));
  if (items.size > MAX_TURNS) throw call.refuse(`at most ${MAX_TURNS} elements`, "more");
  return { ...before, length: Math.max(before.length, items.size), items };
};

/** All elements as one tensor; a list of which only some were set is stacked as long as it is. */
const stack: Lowering = (call) => {
  const { from, items, length } = list(call, 0);
  const { writer, where } = call;
  if (items.size === 0 && from) return from;
  const [first] = items.values();
  if (!first) throw call.refuse("a list with elements", "an empty one");
  if (items.size === length)
    return call.one(
      "Pack",
      [...items.values()].map((item) => writer.value(item, where)),
      { axis: 0 },
    );
  const shape = [length, ...writer.specOf(first, where).shape];
  writer.check(shape, where);
  return call.one("CustomLayer", [writer.value(first, where)], { shape });
};

/** TensorFlow 1: both ways carry the same, and the first that arrives goes on. */
const either: Lowering = (call) => [call.tensor(0), call.tensor(0)];
const merge: Lowering = (call) => {
  call.note(
    "branch",
    "warning",
    "which way a Merge takes depends on data: the first counts, the others take nothing",
  );
  const taken = call.inputs.find((tensor) => tensor.kind !== "opaque") ?? OPAQUE;
  return [taken, OPAQUE];
};
const pass: Lowering = (call) => call.tensor(0);

export const controlOps: Readonly<Record<string, Lowering>> = {
  PartitionedCall: called,
  StatefulPartitionedCall: called,
  While: loop,
  StatelessWhile: loop,
  If: branch,
  StatelessIf: branch,
  TensorListReserve: reserve,
  EmptyTensorList: () => ({ kind: "list", from: null, length: 0, items: new Map(), parts: {} }),
  TensorListFromTensor: (call) => {
    const [length = 0] = call.shape(0);
    if (length > MAX_TURNS) throw call.refuse(`at most ${MAX_TURNS} elements`, `${length}`);
    return { kind: "list", from: call.tensor(0), length, items: new Map(), parts: {} };
  },
  TensorListGetItem: element,
  TensorListSetItem: setElement,
  TensorListPushBack: (call) => {
    const before = list(call, 0);
    const items = new Map(before.items).set(before.items.size, call.tensor(1));
    if (items.size > MAX_TURNS) throw call.refuse(`at most ${MAX_TURNS} elements`, "more");
    return { ...before, length: items.size, items };
  },
  TensorListStack: stack,
  TensorListLength: (call) => call.constant([], [list(call, 0).length]),
  TensorListElementShape: (call) => {
    const { items, from } = list(call, 0);
    const [first = from] = items.values();
    const shape = first ? call.writer.specOf(first, call.where).shape : [];
    return call.constant([shape.length], shape);
  },
  Switch: either,
  RefSwitch: either,
  Merge: merge,
  Enter: pass,
  RefEnter: pass,
  Exit: pass,
  NextIteration: pass,
  LoopCond: pass,
};
