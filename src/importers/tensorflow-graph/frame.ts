/** A graph or a call of a function while it is written out: names to tensors. */
import { duplicateNode, unknownTensor } from "./complaints.js";
import { RESULTS } from "./results.js";
import type { NodeDef } from "./schema.js";
import type { Tensor } from "./tensor.js";

/** A reference of the file: a node's result, or what must run before. */
export interface Reference {
  readonly node: string;
  /** By name, as in functions; null: by number alone. */
  readonly result: string | null;
  readonly index: number;
  readonly isControl: boolean;
}

/** `node`, `node:1`, `node:output:1`, `^node`. */
export function parseReference(text: string): Reference {
  const isControl = text.startsWith("^");
  const parts = (isControl ? text.slice(1) : text).split(":");
  const [node = "", second, third] = parts;
  const index = Number(third ?? (second !== undefined && /^\d+$/.test(second) ? second : 0));
  return { node, result: third === undefined ? null : (second ?? null), index, isControl };
}

export class Frame {
  /** The file, and the functions on the way here. */
  readonly where: string;
  readonly depth: number;
  readonly nodes: ReadonlyMap<string, NodeDef>;
  private readonly results = new Map<string, readonly Tensor[]>();

  constructor(nodes: ReadonlyMap<string, NodeDef>, where: string, depth: number) {
    this.nodes = nodes;
    this.where = where;
    this.depth = depth;
  }

  placeOf(name: string): string {
    return `${this.where} › ${JSON.stringify(name.slice(0, 80))}`;
  }

  isDone(name: string): boolean {
    return this.results.has(name);
  }

  set(name: string, results: readonly Tensor[]): void {
    this.results.set(name, results);
  }

  /** The tensor that a reference names, once its node ran. */
  resolve(text: string, at: string): Tensor {
    const { node, result, index } = parseReference(text);
    const results = this.results.get(node);
    const op = this.nodes.get(node)?.op ?? "";
    const names = result === null || !Object.hasOwn(RESULTS, op) ? undefined : RESULTS[op];
    const offset = names && result !== null ? Math.max(names.indexOf(result), 0) : 0;
    const found = results?.[index + offset];
    if (!found) throw unknownTensor(at, text.slice(0, 80));
    return found;
  }
}

/** Nodes by name. Throws when two share one. */
export function nodesByName(nodes: readonly NodeDef[], where: string): ReadonlyMap<string, NodeDef> {
  const byName = new Map<string, NodeDef>();
  for (const node of nodes) {
    const name = node.name ?? "";
    if (byName.has(name)) throw duplicateNode(where, name.slice(0, 80));
    byName.set(name, node);
  }
  return byName;
}
