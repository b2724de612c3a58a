/** Whether a program bound to another image size computes what the model computed at that size. */

/** @import { ImportedModel } from "../../dist/index.js" */

/**
 * A line of the recorder's facts.jsonl.
 * @typedef {object} Facts
 * @property {string} name
 * @property {string} class
 * @property {string} task
 * @property {readonly [number, number]} image
 * @property {readonly [number, number]} second
 * @property {Readonly<Record<string, readonly number[]>> | string} shapes by module path; or why the model refused the size
 */

/** Batch of the recorder's run. */
const BATCH = 2;

/**
 * Compares what every module returns with what the last node of that module makes. Modules that make nothing, such as
 * an identity, are not compared. A tensor that is made of no other, such as a table of positions, has the size the file
 * states, whatever the image: a model that makes one is not free.
 * @param {ImportedModel} model @param {Facts["second"]} image @param {Facts["shapes"]} shapes
 */
export function agreesAt(model, image, shapes) {
  if (typeof shapes === "string") return false;
  /** @type {Map<string, readonly number[]>} */
  const made = new Map();
  try {
    const { graph } = model.bind({ batch: BATCH, image });
    for (const { scope, inputs, outputs } of graph.nodes) {
      const shape = graph.values[outputs[0] ?? -1]?.spec.shape;
      const isMadeOfNothing = Object.values(inputs).every((input) => input === null);
      if (isMadeOfNothing && shape?.some((size) => size !== 1 && size !== BATCH)) return false;
      if (shape) made.set(graph.scopes[scope]?.path ?? "", shape);
    }
    made.set("", graph.values[graph.outputs[0] ?? -1]?.spec.shape ?? []);
  } catch {
    return false; // its program has sizes written into it
  }
  let compared = 0;
  for (const [path, shape] of Object.entries(shapes)) {
    const ours = made.get(path);
    if (!ours) continue;
    if (ours.join() !== shape.join()) return false;
    compared += 1;
  }
  return compared > 3;
}
