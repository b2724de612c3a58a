import { expect, test } from "vitest";
import type { Value } from "../../ir/graph.js";
import { dense } from "../../ir/tensor.js";
import { flatten } from "./flat-parameter.js";

const parameter = (id: number, ...shape: number[]): Value => ({
  id,
  name: `p${id}`,
  role: "parameter",
  spec: dense(shape, "float32"),
  trainable: true,
});
const THREE = [parameter(0, 5), parameter(1, 2, 3), parameter(2, 4)];

test("every parameter starts at a multiple of 16 bytes, and the end is padded for all ranks", () => {
  const { pieces, count } = flatten(THREE, "float32", 5, 5);
  expect(pieces.map(({ id, count }) => `${id ?? "-"}:${count}`).join(" ")).toBe("0:5 -:3 1:6 -:2 2:4");
  expect(count).toBe(20);
  expect(flatten(THREE, "float32", 6, 6).count).toBe(24);
});

test("16-bit computation aligns 8 elements", () => {
  expect(flatten(THREE, "bfloat16", 1, 1).count).toBe(20);
  expect(flatten([parameter(0, 9), parameter(1, 1)], "bfloat16", 1, 1).count).toBe(17);
});

test("the first rank has the parameters that begin in its share, the last of them in part", () => {
  const { shard, owned } = flatten(THREE, "float32", 2, 2);
  expect(shard).toBe(10);
  expect([...owned]).toEqual([
    [0, 5],
    [1, 2],
  ]);
});

test("without shards every rank has all, padded for all ranks all the same", () => {
  const { shard, owned } = flatten(THREE, "float32", 6, 1);
  expect(shard).toBe(24);
  expect([...owned.values()]).toEqual([5, 6, 4]);
});
