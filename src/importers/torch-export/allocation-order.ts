/** In which order `Module.to(device)` allocates: children first, then a module's own parameters, then its buffers. */
import type { ValueId } from "../../ir/graph.js";
import type { Program } from "./program.js";

/** A parameter or buffer under one of its names. */
export interface Resident {
  readonly path: string;
  readonly id: ValueId;
  readonly kind: "parameter" | "buffer";
}

export function allocationOrder(program: Program, residents: readonly Resident[]): ValueId[] {
  interface Branch {
    readonly children: Map<string, Branch>;
    readonly parameters: ValueId[];
    readonly buffers: ValueId[];
  }
  const branch = (): Branch => ({ children: new Map(), parameters: [], buffers: [] });
  const root = branch();
  const at = (path: readonly string[]): Branch => {
    let here = root;
    for (const part of path) {
      let next = here.children.get(part);
      if (!next) {
        next = branch();
        here.children.set(part, next);
      }
      here = next;
    }
    return here;
  };
  for (const { fqn } of program.graph_module.module_call_graph ?? [])
    if (typeof fqn === "string" && fqn !== "" && !fqn.includes("@")) at(fqn.split("."));
  for (const { path, id, kind } of residents) {
    const parts = path.split(".");
    const owner = at(parts.slice(0, -1));
    (kind === "parameter" ? owner.parameters : owner.buffers).push(id);
  }
  const order: ValueId[] = [];
  const seen = new Set<ValueId>();
  const visit = (here: Branch) => {
    for (const child of here.children.values()) visit(child);
    for (const id of [...here.parameters, ...here.buffers]) {
      if (!seen.has(id)) order.push(id);
      seen.add(id);
    }
  };
  visit(root);
  return order;
}
