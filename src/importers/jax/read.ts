/**
 * Programs that JAX prints → an ImportedModel: a jaxpr (`print(jax.make_jaxpr(loss)(params, batch))`).
 */
import type { Diagnostic } from "../../base/complaint.js";
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import type { Graph, TracedProgram, ValueRole } from "../../ir/graph.js";
import type { ImportedModel } from "../model.js";
import { fileTooLarge, fixedBatch, fixedSize, noLoss, notText, nothingToTrain } from "./complaints.js";
import { Lowering } from "./lower-jaxpr.js";
import { parseJaxpr } from "./parse-jaxpr.js";
import { batchOf, rolesOf } from "./roles.js";

/** The whole step of a large language model, loops written out, has some 10 MB. */
const MAX_TEXT = 32 * MiB;

export async function readJaxpr(source: Source): Promise<ImportedModel> {
  const printed = parseJaxpr(await textOf(source), source.name);
  const { jaxpr } = printed;
  const [loss] = jaxpr.outputs;
  const isFunction = jaxpr.outputs.length === 1;
  const roles: readonly ValueRole[] = rolesOf(printed, isFunction);
  const lowered = new Lowering(printed).run(jaxpr, roles, isFunction ? "function" : "step", source.name);
  const first = lowered.graph.outputs[0];
  const spec = first === undefined ? undefined : lowered.graph.values[first]?.spec;
  if (isFunction && (!spec || spec.shape.length > 0))
    throw noLoss(source.name, spec ? `an array of shape [${spec.shape}]` : loss ? "a literal" : "nothing");
  if (isFunction && !roles.includes("parameter")) throw nothingToTrain(source.name);
  return {
    ...ofFixedSize(
      source,
      lowered.graph,
      isFunction ? "function" : "step",
      "jaxpr",
      batchOf(jaxpr),
      lowered.diagnostics,
    ),
    parameters: `arguments 0 to ${roles.lastIndexOf("parameter")}`,
  };
}

/** A program has the sizes it was traced with. */
export function ofFixedSize(
  source: Source,
  graph: Graph,
  program: TracedProgram["kind"],
  format: string,
  batch: number,
  diagnostics: readonly Diagnostic[] = [],
): ImportedModel {
  return {
    kind: "model",
    name: source.name.replace(/^.*[/\\]/, "").replace(/\.(txt|mlir)$/, ""),
    source: source.name,
    format,
    framework: "jax",
    program,
    batch,
    bind: ({ image, sequence, shapes, batch: asked }) => {
      const size = image ? "--image" : sequence !== undefined ? "--sequence" : shapes && "--shape";
      if (size) throw fixedSize(source.name, size, JSON.stringify(image ?? sequence ?? shapes));
      if (asked !== undefined && asked !== batch) throw fixedBatch(source.name, batch, asked);
      return { graph, diagnostics };
    },
  };
}

export async function textOf(source: Source): Promise<string> {
  if (source.size > MAX_TEXT) throw fileTooLarge(source.name, source.size, MAX_TEXT);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await source.read(0, source.size));
  } catch (error) {
    if (error instanceof TypeError) throw notText(source.name);
    throw error;
  }
}
