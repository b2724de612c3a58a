import { describe, expect, test } from "vitest";
import { heldByLocals, type TracedNode } from "./locals.js";

/**
 * Operators drawn as `results | frames`, frames from the outside in as `function:line code`, separated by `>`.
 * `modules` is the stack of modules they run in.
 */
function trace(...lines: readonly string[]): TracedNode[] {
  return lines.map((line) => {
    const [results = "", frames = "", modules] = line.split("|").map((part) => part.trim());
    return {
      results: results.split(" ").filter(Boolean),
      modules: modules ?? "model",
      trace: frames
        .split(">")
        .map((frame) => /^\s*(\w+):(\d+)\s*(.*?)\s*$/.exec(frame) as RegExpExecArray)
        .map(([, name, number, code]) => `  File "model.py", line ${number}, in ${name}\n    ${code}\n`)
        .join(""),
    };
  });
}

/** The last operator at which a variable still holds each result. */
const held = (...lines: readonly string[]) => Object.fromEntries(heldByLocals(trace(...lines)));

describe("a variable holds a tensor", () => {
  test("until the statement that binds it anew is done", () => {
    expect(
      held(
        "a | forward:1 x = F.conv(x)",
        "b | forward:2 x = F.norm(x)",
        "c | forward:3 x = F.relu(x)",
        "d | forward:4 return F.head(x)",
      ),
    ).toEqual({ a: 1, b: 2, c: 3 });
  });

  test("until its function returns, when nothing binds it again", () => {
    expect(
      held(
        "a | forward:1 identity = F.stem(x)",
        "b | forward:2 y = F.conv(identity)",
        "c | forward:3 y = F.relu(y)",
        "d | forward:4 return F.head(y)",
      ),
    ).toEqual({ a: 3, b: 2, c: 3 });
  });

  test("of a helper no longer than the helper's call", () => {
    expect(
      held(
        "a | forward:1 x = scaled(x) > scaled:11 s = x.abs()",
        "b | forward:1 x = scaled(x) > scaled:12 return x / s",
        "c | forward:2 y = x + 1",
        "d | forward:3 return y * x",
      ),
    ).toEqual({ a: 1, b: 3, c: 3 });
  });
});

describe("a statement binds", () => {
  test("the last result of its line; what it made on the way has no name", () => {
    expect(
      held("a | forward:1 y = f(g(x))", "b | forward:1 y = f(g(x))", "c | forward:2 return h(y)"),
    ).toEqual({ b: 2 });
  });

  test("several results to one name, or one each to several", () => {
    expect(held("a b | forward:1 parts = x.split(2)", "c | forward:2 return parts[0] + 1")).toEqual({
      a: 1,
      b: 1,
    });
    expect(
      held(
        "a b | forward:1 q, k = x.chunk(2)",
        "c | forward:2 q = q * 2",
        "d | forward:3 k = k * 2",
        "e | forward:4 return q @ k",
      ),
    ).toEqual({ a: 1, b: 2, c: 3, d: 3 });
  });

  test("nothing when it returns, compares, calls, assigns an attribute or unpacks another count", () => {
    expect(
      held(
        "a | forward:1 return F.f(x)",
        "b | forward:2 x == y",
        "c | forward:3 F.f(x)",
        "d | forward:4 self.cache = f(x)",
        "e f g | forward:5 a, b = parts",
        "h | forward:6 x += f(y)",
        "i | forward:7 f(x=1)",
      ),
    ).toEqual({});
  });

  test("to an annotated name too", () => {
    expect(held("a | forward:1 y: Tensor = f(x)", "b | forward:2 return g(y)")).toEqual({ a: 1 });
  });
});

describe("activations", () => {
  test("the locals of a module's forward die with it, though the next module runs the same code", () => {
    expect(
      held(
        "a | forward:1 x = block(x) > forward:21 h = f(x) | model;block.0",
        "b | forward:1 x = block(x) > forward:22 return g(h) | model;block.0",
        "c | forward:1 x = block(x) > forward:21 h = f(x) | model;block.1",
        "d | forward:1 x = block(x) > forward:22 return g(h) | model;block.1",
      ),
    ).toMatchObject({ a: 1, c: 3 });
  });

  test("one name in two functions is two variables", () => {
    expect(
      held(
        "a | forward:1 h = f(x)",
        "b | forward:2 y = helper(h) > helper:11 h = g(x)",
        "c | forward:2 y = helper(h) > helper:12 return h + 1",
        "d | forward:3 return h + y",
      ),
    ).toEqual({ a: 3, b: 2, c: 3 });
  });

  test("without traces nothing is held", () => {
    expect(heldByLocals([{ trace: undefined, modules: undefined, results: ["a"] }]).size).toBe(0);
  });
});

describe("a helper method", () => {
  test("keeps what it makes until its statement is done: its own variables are not in the traces", () => {
    const lines = [
      "a | forward:1 y = self.gather(xs)",
      "b | forward:1 y = self.gather(xs)",
      "c | forward:2 return F.relu(y)",
    ];
    expect(held(...lines.map((line) => `${line} | k,block,Block`))).toEqual({ a: 1, b: 2 });
  });

  test("is no module: what a module makes has a frame of its own", () => {
    expect(held("a | forward:1 return self.conv(x) | k,block,Block;k,block.conv,Conv2d")).toEqual({});
  });
});

test("a loop on one line appends an entry for every module it calls", () => {
  const lines = [
    "a | forward:1 outs.append(conv(x)) > forward:9 return F.conv(x) | k,net,Net;k,net.0,Conv2d",
    "b | forward:1 outs.append(conv(x)) > forward:9 return F.conv(x) | k,net,Net;k,net.1,Conv2d",
    "c | forward:2 return F.cat(outs) | k,net,Net",
  ];
  expect(held(...lines)).toEqual({ a: 2, b: 2 });
});

test("a list holds what is appended to it", () => {
  const lines = [
    "a | forward:1 outs.append(F.conv(x))",
    "b | forward:2 x = F.norm(x)",
    "c | forward:3 return F.cat(outs)",
  ];
  expect(held(...lines)).toEqual({ a: 2, b: 2 });
});
