/**
 * TensorFlow graphs → an ImportedModel of TensorFlow's operations.
 *
 * Spec     saved_model.proto, graph.proto, saved_object_graph.proto of TensorFlow 2.21; graph models of TensorFlow.js 4
 * Reads    nodes, functions, signatures, the object graph's variables; numbers of constants of a few elements
 * Ignores  weights, assets, savers, control edges; a backward pass of the file's own
 * Untrue   what an inference export left out (dropout) is missing; a loop of unknown length counts one turn, a branch the longer way
 */
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import { readMessage } from "../../decode/protobuf.js";
import type { ImportedModel } from "../model.js";
import { fileTooLarge } from "./complaints.js";
import { batchOf, drawProgram } from "./draw.js";
import { graphFromJson } from "./json-graph.js";
import { plainProgram, type Program, savedProgram } from "./program.js";
import { GRAPH, type GraphDef, SAVED_MODEL, type SavedModel } from "./schema.js";

/** Weights of graph models lie in other files; the largest published `model.json` has some 4 MB. */
const MAX_JSON = 64 * MiB;

export async function readTensorflowGraph(source: Source): Promise<ImportedModel> {
  return modelOf(await programOf(source), source.name);
}

async function programOf(source: Source): Promise<Program> {
  const { name, size } = source;
  const [first, second] = await source.read(0, Math.min(2, size));
  if (first === 0x08 && second === 0x01)
    return savedProgram((await readMessage(source, SAVED_MODEL)) as SavedModel, name); // as: what the schema decodes to
  if (first === 0x0a || first === 0x12)
    return plainProgram((await readMessage(source, GRAPH)) as GraphDef, name); // as: the same
  if (size > MAX_JSON) throw fileTooLarge(name, size, MAX_JSON);
  return plainProgram(graphFromJson(await source.read(0, size), name), name);
}

function modelOf(program: Program, source: string): ImportedModel {
  const fixedBatch = batchOf(program, source);
  const name = nameOf(source);
  return {
    kind: "model",
    name,
    source,
    format: "tensorflow-graph",
    framework: "tensorflow",
    batch: fixedBatch ?? 1,
    takes: ["sequence"],
    bind: (bindings) => drawProgram(program, bindings, { name, where: source, fixedBatch }),
  };
}

/** A SavedModel is its folder. */
function nameOf(source: string): string {
  const parts = source.split(/[/\\]/);
  const file = parts.pop() ?? source;
  if (/^(saved_model\.pb|model\.json)$/.test(file)) return parts.pop() ?? file;
  return file.replace(/\.\w+$/, "");
}
