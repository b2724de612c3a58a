/**
 * Programs that JAX prints → an ImportedModel: a jaxpr (`print(jax.make_jaxpr(loss)(params, batch))`).
 */
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import type { ValueRole } from "../../ir/graph.js";
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
  const batch = batchOf(jaxpr);
  return {
    kind: "model",
    name: source.name.replace(/^.*[/\\]/, "").replace(/\.(jaxpr\.txt|txt|jaxpr)$/, ""),
    source: source.name,
    format: "jaxpr",
    framework: "jax",
    program: isFunction ? "function" : "step",
    parameters: `arguments 0 to ${roles.lastIndexOf("parameter")}`,
    batch,
    bind: (bindings) => {
      const size = bindings.image
        ? "--image"
        : bindings.sequence !== undefined
          ? "--sequence"
          : bindings.shapes && "--shape";
      if (size)
        throw fixedSize(
          source.name,
          size,
          JSON.stringify(bindings.image ?? bindings.sequence ?? bindings.shapes),
        );
      if (bindings.batch !== undefined && bindings.batch !== batch)
        throw fixedBatch(source.name, batch, bindings.batch);
      return lowered;
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
