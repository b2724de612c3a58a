/** `If`, `Loop` and `Scan` written out as far as their ends are known; what is not counted is said. */
import type { ValueId } from "../../ir/graph.js";
import type { GraphWriter } from "./call.js";
import { missingInput } from "./complaints.js";
import { attribute, type GraphProto, type NodeProto } from "./schema.js";

/** Turns of a loop that are written out. */
const MAX_TURNS = 256;

/** The branch that a known condition takes, else the one with more operators. */
export function runBranch(writer: GraphWriter, node: NodeProto, where: string): void {
  const condition = writer.known(node.input?.[0] ?? "", where)?.data[0];
  const [yes, no] = [body(node, "then_branch", where), body(node, "else_branch", where)];
  const longer = (yes.node?.length ?? 0) >= (no.node?.length ?? 0) ? yes : no;
  if (condition === undefined)
    writer.note(
      "onnx/branch",
      `which branch of an If runs depends on data: the one with more operators counts (${longer.node?.length ?? 0}), the other takes nothing`,
      where,
    );
  const taken = condition === undefined ? longer : condition ? yes : no;
  writer.lowerGraph(taken);
  (taken.output ?? []).forEach(({ name = "" }, i) => {
    const output = node.output?.[i];
    if (output) writer.alias(output, name, where);
  });
}

/** A loop with a known number of turns, each written out; else one turn. Results of all turns are stacked. */
export function runLoop(writer: GraphWriter, node: NodeProto, where: string): void {
  const loop = body(node, "body", where);
  const trips = writer.known(node.input?.[0] ?? "", where)?.data[0];
  const turns = Math.min(Math.max(trips ?? 1, 1), MAX_TURNS);
  if (trips === undefined || trips > MAX_TURNS)
    writer.note(
      "onnx/loop",
      `a Loop without a known number of turns counts as ${turns}: what its body keeps for backward is kept once per turn`,
      where,
    );
  const carried = (node.input ?? []).slice(2);
  const inputs = (loop.input ?? []).map(({ name = "" }) => name);
  const outputs = (loop.output ?? []).map(({ name = "" }) => name);
  const stacked: ValueId[][] = outputs.slice(1 + carried.length).map(() => []);
  for (const [i, name] of carried.entries()) writer.alias(inputs[i + 2] ?? "", name, where);
  for (let turn = 0; turn < turns; turn++) {
    if (inputs[0]) writer.bindKnown(inputs[0], { shape: [], data: [turn], dtype: "int64" });
    if (inputs[1]) writer.bindKnown(inputs[1], { shape: [], data: [1], dtype: "bool" });
    writer.lowerGraph(loop);
    for (const [i, ids] of stacked.entries())
      ids.push(writer.idOf(outputs[1 + carried.length + i] ?? "", where));
    for (const [i] of carried.entries()) writer.alias(inputs[i + 2] ?? "", outputs[i + 1] ?? "", where);
  }
  (node.output ?? []).forEach((name, i) => {
    if (!name) return;
    if (i < carried.length) writer.alias(name, outputs[i + 1] ?? "", where);
    else bindStack(writer, node, name, stacked[i - carried.length] ?? []);
  });
}

/** One turn per slice of the scanned inputs. */
export function runScan(writer: GraphWriter, node: NodeProto, where: string): void {
  const loop = body(node, "body", where);
  const scanned = attribute(node, "num_scan_inputs")?.i ?? 1;
  const given = node.input ?? [];
  const states = given.slice(0, given.length - scanned);
  const sequences = given.slice(given.length - scanned);
  const inputs = (loop.input ?? []).map(({ name = "" }) => name);
  const outputs = (loop.output ?? []).map(({ name = "" }) => name);
  const length = writer.shapeOf(sequences[0] ?? "", where)[0] ?? 0;
  const turns = Math.min(length, MAX_TURNS);
  if (length > turns) writer.note("onnx/loop", `a Scan over ${length} slices counts ${turns} of them`, where);
  const stacked: ValueId[][] = outputs.slice(states.length).map(() => []);
  for (const [i, name] of states.entries()) writer.alias(inputs[i] ?? "", name, where);
  for (let turn = 0; turn < turns; turn++) {
    sequences.forEach((name, i) => {
      const inner = inputs[states.length + i] ?? "";
      const [id] = writer.emit(
        "select",
        { self: writer.idOf(name, where) },
        { dim: 0, index: turn },
        node,
        {},
      );
      writer.bind(inner, id as ValueId);
    });
    writer.lowerGraph(loop);
    for (const [i, ids] of stacked.entries()) ids.push(writer.idOf(outputs[states.length + i] ?? "", where));
    for (const [i] of states.entries()) writer.alias(inputs[i] ?? "", outputs[i] ?? "", where);
  }
  (node.output ?? []).forEach((name, i) => {
    if (!name) return;
    if (i < states.length) writer.alias(name, outputs[i] ?? "", where);
    else bindStack(writer, node, name, stacked[i - states.length] ?? []);
  });
}

function bindStack(writer: GraphWriter, node: NodeProto, name: string, ids: readonly ValueId[]): void {
  const [id] = writer.emit("stack", { tensors: ids }, { dim: 0 }, node, { names: [name] });
  writer.bind(name, id as ValueId);
}

function body(node: NodeProto, name: string, where: string): GraphProto {
  const graph = attribute(node, name)?.g;
  if (!graph) throw missingInput(`${where} › ${name}`, 0);
  return graph;
}
