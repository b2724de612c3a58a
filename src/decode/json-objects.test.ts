import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../base/complaint.js";
import { ObjectSplitter } from "./json-objects.js";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function split(text: string, size = 1_000_000): unknown[] {
  const found: unknown[] = [];
  const splitter = new ObjectSplitter({
    where: "x.json",
    key: "list",
    take: (object) => found.push(JSON.parse(new TextDecoder().decode(object))),
  });
  const data = bytesOf(text);
  for (let at = 0; at < data.length && splitter.push(data.slice(at, at + size)); at += size);
  splitter.end();
  return found;
}

const refused = (text: string): string => {
  try {
    split(text);
  } catch (error) {
    if (error instanceof InputError) return error.complaint.code;
    throw error;
  }
  return "";
};

describe("objects of a list in a large text", () => {
  test("under its key, after lists under other keys", () => {
    expect(split('{"a":[{"x":0}],"b":{"list":[1]},"list":[{"x":1},{"y":[{}]}],"c":"list"}')).toEqual([
      { x: 1 },
      { y: [{}] },
    ]);
  });

  test("a bare list, and an empty one", () => {
    expect(split('[{"x":1}]')).toEqual([{ x: 1 }]);
    expect(split('{"list":[]}')).toEqual([]);
  });

  test("whatever the pieces, whatever the strings", () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), { maxLength: 8 });
    fc.assert(
      fc.property(objects, fc.integer({ min: 1, max: 40 }), fc.string(), (list, size, other) => {
        const text = JSON.stringify({ [`${other}!`]: [other, { list: 1 }], list });
        expect(split(text, size)).toEqual(JSON.parse(JSON.stringify(list)));
      }),
    );
  });

  test("text that breaks off, nests beyond reason or is none is refused", () => {
    expect(refused('{"list":[{"x":1}')).toBe("json/array");
    expect(refused('{"other":[]}')).toBe("json/array");
    expect(refused(`{"list":[${"[".repeat(100_000)}`)).toBe("json/depth");
    expect(refused("hello")).toBe("json/text");
    expect(refused("]")).toBe("json/text");
    expect(() => split(`{"list":[${" ".repeat(9_000_000)}]}`, 65_536)).toThrow("[json/object]");
    expect(refused(`{"list":[{"x":"${"y".repeat(9_000_000)}"}]}`)).toBe("json/object");
  });
});
