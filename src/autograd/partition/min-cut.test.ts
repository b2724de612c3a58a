import { describe, expect, test } from "vitest";
import { VertexCut } from "./min-cut.js";

/** Vertices by weight; edges say what is needed to make what. */
function cutOf(
  weights: readonly number[],
  edges: readonly (readonly [number, number])[],
  given: number[],
  wanted: number[],
) {
  const cut = new VertexCut(weights);
  for (const [from, to] of edges) cut.connect(from, to);
  for (const vertex of given) cut.given(vertex);
  for (const vertex of wanted) cut.wanted(vertex);
  return cut.cut();
}

describe("what is kept", () => {
  test("is the cheapest value of a chain", () => {
    expect(
      cutOf(
        [9, 2, 5],
        [
          [0, 1],
          [1, 2],
        ],
        [0],
        [2],
      ),
    ).toEqual([1]);
  });

  test("is one value for two that are made from it", () => {
    expect(
      cutOf(
        [5, 3, 3],
        [
          [0, 1],
          [0, 2],
        ],
        [0],
        [1, 2],
      ),
    ).toEqual([0]);
    expect(
      cutOf(
        [7, 3, 3],
        [
          [0, 1],
          [0, 2],
        ],
        [0],
        [1, 2],
      ),
    ).toEqual([1, 2]);
  });

  test("holds a value that must not be made again, though what it is made from is cheaper", () => {
    expect(cutOf([1, 8], [[0, 1]], [0, 1], [1])).toEqual([1]);
  });

  test("is nothing when nothing is wanted", () => {
    expect(cutOf([1, 1], [[0, 1]], [0], [])).toEqual([]);
  });

  test("is found in a chain of 20,000 values", () => {
    const count = 20_000;
    const weights = Array.from({ length: count }, (_, i) => (i === 777 ? 1 : 2));
    const edges = Array.from({ length: count - 1 }, (_, i) => [i, i + 1] as const);
    expect(cutOf(weights, edges, [0], [count - 1])).toEqual([777]);
  });
});
