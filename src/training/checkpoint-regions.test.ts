import { describe, expect, test } from "vitest";
import type { Graph, Scope } from "../ir/graph.js";
import { dense } from "../ir/tensor.js";
import { markCheckpoints } from "./checkpoint-regions.js";

/** One operator per path, in order; every dotted prefix is a module call. */
function drawn(...paths: readonly string[]): Graph {
  const scopes: Scope[] = [{ id: 0, parent: null, path: "", kind: "Model" }];
  const scopeOf = (path: string): number => {
    const known = scopes.find((scope) => scope.path === path);
    if (known) return known.id;
    const parent = scopeOf(path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "");
    scopes.push({ id: scopes.length, parent, path, kind: "Module" });
    return scopes.length - 1;
  };
  const value = (id: number, role: "input" | "activation") =>
    ({ id, name: `v${id}`, role, spec: dense([2, 3], "float32"), trainable: false }) as const;
  const nodes = paths.map((path, id) => ({
    id,
    op: "relu",
    inputs: { self: id },
    attributes: {},
    outputs: [id + 1],
    scope: scopeOf(path),
  }));
  const values = [value(0, "input"), ...paths.map((_, i) => value(i + 1, "activation"))];
  return { name: "drawn", values, nodes, scopes, outputs: [paths.length], residents: [] };
}

const regions = (graph: Graph, every = 1) =>
  markCheckpoints(graph, { every, selective: false }).checkpoints?.map(
    ({ first, last }) => `${first}-${last}`,
  );

describe("what is computed again", () => {
  test("is every numbered module with modules inside", () => {
    const graph = drawn("stem", "blocks.0.norm", "blocks.0.mlp", "blocks.1.norm", "blocks.1.mlp", "head");
    expect(regions(graph)).toEqual(["1-2", "3-4"]);
  });

  test("is not a numbered layer without modules inside", () => {
    expect(regions(drawn("stem.0", "stem.1", "blocks.0.a", "head.0"))).toEqual(["2-2"]);
  });

  test("is a stage's blocks rather than the stage", () => {
    const stage = (at: number) =>
      [0, 1, 2].flatMap((i) => [`s.${at}.blocks.${i}.a`, `s.${at}.blocks.${i}.b`]);
    expect(regions(drawn(...stage(0), "s.1.down", ...stage(1)))).toEqual([
      ...["0-1", "2-3", "4-5"],
      ...["7-8", "9-10", "11-12"],
    ]);
  });

  test("is the block rather than the experts in it", () => {
    const block = (at: number) => [`h.${at}.norm`, `h.${at}.q`, `h.${at}.e.0.up`, `h.${at}.e.1.up`];
    expect(regions(drawn(...block(0), ...block(1)))).toEqual(["0-3", "4-7"]);
  });

  test("takes K neighbours of one list together", () => {
    const graph = drawn("h.0.a", "h.1.a", "h.2.a", "g.0.a", "g.1.a");
    expect(regions(graph, 2)).toEqual(["0-1", "2-2", "3-4"]);
  });

  test("leaves out a module that is called again later", () => {
    expect(regions(drawn("h.0.a", "h.1.a", "h.0.a"))).toEqual(["1-1"]);
  });

  test("is nothing unless asked for", () => {
    expect(markCheckpoints(drawn("h.0.a"), null).checkpoints).toBeUndefined();
  });
});

test("a region keeps what it reads from before it", () => {
  const { checkpoints } = markCheckpoints(drawn("stem", "h.0.a", "h.0.b"), { every: 1, selective: false });
  expect(checkpoints).toEqual([{ first: 1, last: 2, inputs: [1] }]);
});
