import { expect, test } from "vitest";
import { Kept } from "./kept.js";

test("an answer is computed once for an object and a key, and makes room when others come", () => {
  const computed: string[] = [];
  const kept = new Kept<object, string>({ each: 2 });
  const [one, other] = [{}, {}];
  const ask = (object: object, key: string) =>
    kept.get(object, key, () => {
      computed.push(key);
      return key.toUpperCase();
    });
  expect([ask(one, "a"), ask(one, "a"), ask(other, "a")]).toEqual(["A", "A", "A"]);
  expect(computed).toEqual(["a", "a"]);
  for (const key of ["b", "c", "a"]) ask(one, key);
  expect(computed).toEqual(["a", "a", "b", "c", "a"]);
});

test("of all objects together only the last few answers are kept", () => {
  let computed = 0;
  const kept = new Kept<object, number>({ each: 2, overall: 2 });
  const objects = [{}, {}, {}];
  const ask = (i: number) => kept.get(objects[i] as object, "a", () => ++computed);
  for (const i of [0, 1, 2]) ask(i);
  expect([ask(2), ask(1), ask(0)]).toEqual([3, 2, 4]);
});
