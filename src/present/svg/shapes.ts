/** SVG as text: a few shapes, escaped. No DOM, so that a page, a terminal and a test draw alike. */

/** Where something is drawn. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type Attributes = Readonly<Record<string, string | number>>;

export function element(name: string, attributes: Attributes, content = ""): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${escaped(typeof value === "number" ? short(value) : value)}"`,
  );
  return content === ""
    ? `<${name}${written.join("")}/>`
    : `<${name}${written.join("")}>${content}</${name}>`;
}

export function label(text: string, x: number, y: number, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escaped(text));
}

export function rectangle({ x, y, width, height }: Box, attributes: Attributes, title = ""): string {
  const shape = { x, y, width: Math.max(0, width), height: Math.max(0, height), ...attributes };
  return element("rect", shape, title === "" ? "" : element("title", {}, escaped(title)));
}

export function line(
  from: readonly [number, number],
  to: readonly [number, number],
  attributes: Attributes,
): string {
  return element("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], ...attributes });
}

/** `M x y L x y …` through all points. */
export function pathThrough(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${short(x)} ${short(y)}`).join("");
}

/** Tenths of a pixel are as fine as it gets. */
export function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Round steps of bytes up to `most`, at most `count` of them: 1, 2 or 5 times a power of two's unit. */
export function byteTicks(most: number, count: number): number[] {
  const unit = 1024 ** Math.floor(Math.log(Math.max(1, most)) / Math.log(1024));
  const steps = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 5, 10, 20, 50, 100, 200, 500];
  const step = unit * (steps.find((each) => most / (each * unit) <= count) ?? 1000);
  return Array.from({ length: Math.floor(most / step) }, (_, i) => (i + 1) * step);
}
