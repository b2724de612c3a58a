/** Graph → Graph: parameters whose name matches a glob do not train. */
import { nothingFrozen } from "./complaints.js";
import type { Graph } from "./ir/graph.js";

/** `*` stands for any characters, dots too; a name without one freezes the whole module of that name. */
export function freezeParameters(graph: Graph, globs: readonly string[]): Graph {
  if (globs.length === 0) return graph;
  const parameters = graph.values.filter(({ role }) => role === "parameter").map(({ name }) => name);
  const patterns = globs.map((glob) => {
    const pattern = patternOf(glob);
    if (!parameters.some((name) => pattern.test(name))) throw nothingFrozen(glob, parameters);
    return pattern;
  });
  const values = graph.values.map((value) => {
    const freezes = value.role === "parameter" && patterns.some((pattern) => pattern.test(value.name));
    return freezes ? { ...value, trainable: false } : value;
  });
  return { ...graph, values };
}

function patternOf(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}${glob.includes("*") ? "" : "([./].*)?"}$`);
}
