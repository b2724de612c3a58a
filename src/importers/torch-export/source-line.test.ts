import { describe, expect, test } from "vitest";
import { abridged, calleeOf, namesFloat, targetsOf } from "./source-line.js";

describe("a line of source", () => {
  const cases: [string, string[], boolean, string][] = [
    ["x = self.conv(x)", ["x"], false, "x = self.conv("],
    ["return self.bn_function(inputs).float()", [], true, "self.bn_function( float32"],
    ["x = x + self.mlp(x)", ["x"], false, "x ="],
    ["q, k, v = qkv.unbind(0)", ["q", "k", "v"], false, "q, k, v ="],
    ["outs.append(conv(x))", ["outs[]"], false, "outs.append("],
    ["x: Tensor = x.float()", ["x"], true, "x = float32"],
    ["attn = softmax(attn, dtype=torch.float32)", ["attn"], true, "attn = float32"],
    ["return x.to(torch.float32)", [], true, "float32"],
    ["return self.norm(x)", [], false, "self.norm("],
    ["if a == b:", [], false, ""],
  ];
  test.each(cases)("%s", (code, targets, float, short) => {
    expect(targetsOf(code)).toEqual(targets);
    expect(namesFloat(code)).toBe(float);
    expect(abridged(code)).toBe(short);
  });

  test.each(cases)("%s says the same abridged", (code) => {
    expect(targetsOf(abridged(code))).toEqual(targetsOf(code));
    expect(namesFloat(abridged(code))).toBe(namesFloat(code));
    expect(calleeOf(abridged(code))).toBe(targetsOf(code)[0]?.endsWith("[]") ? undefined : calleeOf(code));
  });
});
