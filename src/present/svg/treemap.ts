/** The peak as areas: every block alive, next to those of its category. Squarified (Bruls, Huizing, van Wijk 2000). */
import { CATEGORIES } from "../../ir/step.js";
import type { PlotData } from "../../report/plot.js";
import { PARTS } from "../style.js";
import { formatBytes } from "../units.js";
import { type Box, element, label, rectangle } from "./shapes.js";

/** Blocks of a category that are drawn one by one; the rest is one area. */
const MOST = 60;
/** Points that a character of the small font takes. */
const CHARACTER = 6.6;

interface Item {
  readonly name: string;
  readonly bytes: number;
}

export function drawTreemap({ alive }: PlotData, box: Box): string {
  const groups = CATEGORIES.map((category) => ({
    category,
    items: alive.filter((each) => each.category === category),
  }))
    .map(({ category, items }) => ({ category, name: PARTS[category].label, bytes: sum(items), items }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes);
  const places = squarify(groups, box);
  const parts = groups.flatMap(({ category, name, bytes, items }, i) => {
    const place = places[i] as Box;
    const listed = merged(items);
    const cells = squarify(listed, place).map((cell, k) => {
      const { name: of, bytes: size } = listed[k] as Item;
      return rectangle(
        cell,
        { fill: PARTS[category].web, stroke: "#ffffff", "stroke-width": 0.6 },
        `${of}: ${formatBytes(size)}`,
      );
    });
    return [
      ...cells,
      rectangle(place, { fill: "none", stroke: "#ffffff", "stroke-width": 2.5 }),
      titleOf(name, formatBytes(bytes), place),
    ];
  });
  return element("g", {}, parts.join(""));
}

/** As much of name and figure as fits whole. */
function titleOf(name: string, figure: string, { x, y, width, height }: Box): string {
  const fits = (text: string) => text.length * CHARACTER + 12 <= width;
  const text = [`${name} ${figure}`, name].find(fits);
  if (height < 20 || text === undefined) return "";
  const plate = { x: x + 3, y: y + 3, width: text.length * CHARACTER + 6, height: 15 };
  const background = rectangle(plate, { fill: "#ffffff", "fill-opacity": 0.78, rx: 2 });
  return background + label(text, x + 6, y + 14, { class: "small" });
}

function merged(items: readonly Item[]): Item[] {
  const sorted = [...items].sort((a, b) => b.bytes - a.bytes);
  const rest = sorted.slice(MOST);
  return rest.length === 0
    ? sorted
    : [...sorted.slice(0, MOST), { name: `${rest.length} more`, bytes: sum(rest) }];
}

function sum(items: readonly Item[]): number {
  return items.reduce((total, { bytes }) => total + bytes, 0);
}

/** Areas in proportion, as near to squares as rows allow; the items must be sorted, the largest first. */
export function squarify(items: readonly Item[], box: Box): Box[] {
  const out: Box[] = [];
  let left = box;
  let rest = [...items];
  while (rest.length > 0) {
    const scale = (left.width * left.height) / Math.max(1, sum(rest));
    const side = Math.max(1e-6, Math.min(left.width, left.height));
    let count = 1;
    while (
      count < rest.length &&
      worst(rest.slice(0, count + 1), scale, side) <= worst(rest.slice(0, count), scale, side)
    )
      count++;
    const row = rest.slice(0, count);
    const depth = (sum(row) * scale) / side;
    let at = 0;
    for (const { bytes } of row) {
      const length = depth === 0 ? 0 : (bytes * scale) / depth;
      out.push(
        left.width >= left.height
          ? { x: left.x, y: left.y + at, width: depth, height: length }
          : { x: left.x + at, y: left.y, width: length, height: depth },
      );
      at += length;
    }
    left =
      left.width >= left.height
        ? { ...left, x: left.x + depth, width: Math.max(0, left.width - depth) }
        : { ...left, y: left.y + depth, height: Math.max(0, left.height - depth) };
    rest = rest.slice(count);
  }
  return out;
}

/** The longest ratio of sides in a row. */
function worst(row: readonly Item[], scale: number, side: number): number {
  const areas = row.map(({ bytes }) => bytes * scale);
  const total = areas.reduce((all, area) => all + area, 0);
  const [most, least] = [Math.max(...areas), Math.max(1e-9, Math.min(...areas))];
  return Math.max((side * side * most) / (total * total), (total * total) / (side * side * least));
}
