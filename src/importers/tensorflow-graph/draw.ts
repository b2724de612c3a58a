/** A program at chosen sizes → the graph that a step runs, with a loss behind it where the file has none. */
import type { Diagnostic } from "../../base/complaint.js";
import { isFloating } from "../../base/dtype.js";
import type { Graph, ValueId } from "../../ir/graph.js";
import { Drawing } from "../keras/call.js";
import { drawLoss } from "../keras/loss.js";
import type { Bindings } from "../model.js";
import {
  noSignature,
  notComputed,
  precisionIsFixed,
  shapeMismatch,
  tooLarge,
  tooManyNodes,
} from "./complaints.js";
import { Run } from "./run.js";
import type { Program } from "./program.js";
import type { NodeDef } from "./schema.js";
import { shapeIn } from "./tensor.js";

export interface DrawProgramOptions {
  readonly name: string;
  readonly where: string;
  /** What the file has in the batch's place; null where it is open. */
  readonly fixedBatch: number | null;
}

const COMPLAINTS = { notComputed, shapeMismatch, tooLarge, tooManyCalls: tooManyNodes };

export function drawProgram(
  program: Program,
  bindings: Bindings,
  { name, where, fixedBatch }: DrawProgramOptions,
): { graph: Graph; diagnostics: readonly Diagnostic[] } {
  const { precision } = bindings;
  if (precision !== undefined && precision !== "fp32") throw precisionIsFixed(where, precision);
  const training = bindings.mode !== "inference";
  const batch = bindings.batch ?? fixedBatch ?? 1;
  const drawing = new Drawing(name, { batch, training, policy: null }, COMPLAINTS);
  const run = new Run(drawing, {
    ...program,
    where,
    bindings,
    sizes: { batch, fixedBatch },
    prefix: prefixOf(program),
  });
  const found = run.main(withInputs(program), program.outputs);
  const outputs = found.flatMap((tensor): ValueId[] => (tensor.kind === "value" ? [tensor.id] : []));
  const [first] = outputs;
  if (first === undefined) throw noSignature(where, "outputs that need no computing");
  const { shape, dtype } = drawing.builder.spec(first);
  // a number at the end of a graph is a loss of its own
  const isLoss = shape.length === 0 && isFloating(dtype);
  const wantsLoss = training && bindings.loss !== "none";
  const ends = wantsLoss ? [isLoss ? first : drawLoss(drawing, outputs, where)] : outputs;
  const diagnostics = [...program.notes, ...summed(drawing.diagnostics, where, training)];
  return { graph: drawing.builder.finish(ends, drawing.residents), diagnostics };
}

/** What was restored, in one line; the rest as it is. */
function summed(diagnostics: readonly Diagnostic[], where: string, training: boolean): readonly Diagnostic[] {
  const norms = diagnostics.filter(({ code }) => code === "tensorflow-graph/inference-norm");
  const rest = diagnostics.filter((each) => !norms.includes(each));
  if (!training) return rest;
  const put = norms.length > 0 ? "batch norms are put back into training mode; " : "";
  const message = `graphs are saved for inference: ${put}dropout that was removed is missing, which keeps a byte for each of its elements, and its result`;
  return [{ code: "tensorflow-graph/inference-export", severity: "info", message, where }, ...rest];
}

/** The graph whose inputs carry a signature's names. */
function withInputs({ nodes, inputs }: Program): ReadonlyMap<string, NodeDef> {
  if (inputs.size === 0) return nodes;
  const named = new Map(nodes);
  for (const [node, { info }] of inputs) {
    const own = named.get(node);
    if (own)
      named.set(node, { ...own, op: "Placeholder", input: [], attr: [...(own.attr ?? []), ...stated(info)] });
  }
  return named;
}

function stated({ dtype, shape }: { dtype?: number; shape?: object }): NonNullable<NodeDef["attr"]> {
  return [
    ...(dtype === undefined ? [] : [{ key: "dtype", value: { type: dtype } }]),
    ...(shape === undefined ? [] : [{ key: "shape", value: { shape } }]),
  ];
}

/** The model's own name, where all variables carry it. */
function prefixOf({ nodes, functions }: Program): string {
  const names: string[] = [];
  for (const { name = "", op } of nodes.values()) if (op === "ReadVariableOp") names.push(name);
  for (const { node = [] } of functions)
    for (const { name = "", op } of node)
      if (op === "ReadVariableOp" && name.split("/").length > 2) names.push(name);
  const [first] = names;
  const lead = first?.split("/")[0];
  if (lead === undefined || names.length < 2) return "";
  return names.every((name) => name.startsWith(`${lead}/`)) ? `${lead}/` : "";
}

/** The first size of the first input, where the file states one. */
export function batchOf({ nodes, inputs }: Program, where: string): number | null {
  const [first] = inputs.values();
  const open = [...nodes.values()].find(
    ({ op, attr }) =>
      op === "Placeholder" && attr?.some(({ key, value }) => key === "dtype" && (value?.type ?? 0) < 20),
  );
  const shape = first?.info.shape ?? open?.attr?.find(({ key }) => key === "shape")?.value?.shape;
  const [batch = -1] = shapeIn(shape, where) ?? [];
  return batch > 0 ? batch : null;
}
