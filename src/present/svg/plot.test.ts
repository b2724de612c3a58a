import { describe, expect, test } from "vitest";
import { readFixture } from "../../../test/read-fixture.js";
import { plot } from "../../plot.js";
import { squarify } from "./treemap.js";

const svg = plot(await readFixture("examples/vgg16.yaml"), { batch: 16, gpu: "RTX 3060" });

describe("the picture of a step", () => {
  test("is one well-formed SVG", () => {
    const open = [...svg.matchAll(/<([a-z]+)[^>]*?(\/?)>/g)].filter(([, , closed]) => closed === "");
    expect(open.length).toBe([...svg.matchAll(/<\/[a-z]+>/g)].length);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
  test("names the phases, the categories and the load line", () => {
    for (const text of ["forward", "backward", "optimizer", "saved tensors", "load line of RTX-3060-12GB"])
      expect(svg).toContain(text);
  });
  test("is the same every time", async () => {
    expect(plot(await readFixture("examples/vgg16.yaml"), { batch: 16, gpu: "RTX 3060" })).toBe(svg);
  });
});

test("a treemap's areas are in proportion and stay inside", () => {
  const sizes = [6, 6, 4, 3, 2, 2, 1];
  const box = { x: 10, y: 20, width: 60, height: 40 };
  const cells = squarify(
    sizes.map((bytes, i) => ({ name: String(i), bytes })),
    box,
  );
  cells.forEach(({ x, y, width, height }, i) => {
    expect(width * height).toBeCloseTo((sizes[i] as number) * 100, 6);
    expect(x).toBeGreaterThanOrEqual(10);
    expect(x + width).toBeLessThanOrEqual(70 + 1e-9);
    expect(y + height).toBeLessThanOrEqual(60 + 1e-9);
  });
});
