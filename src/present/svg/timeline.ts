/** One step over time: what is alive by category, what the allocator holds, and the load line. */
import { CATEGORIES } from "../../ir/step.js";
import type { TimelineData } from "../../report/plot.js";
import { PARTS } from "../style.js";
import { formatBytes } from "../units.js";
import { type Box, byteTicks, element, label, line, pathThrough, rectangle } from "./shapes.js";

/** Room for figures on the left of the axis. */
export const AXIS = 70;
/** And for the names of phases below it. */
const FOOT = 22;

export function drawTimeline(data: TimelineData, box: Box): string {
  const { columns, contextBytes, capacityBytes } = data;
  const [x, width, bottom] = [box.x + AXIS, box.width - AXIS, box.y + box.height - FOOT];
  const highest = Math.max(...columns.map(({ reservedBytes }) => reservedBytes)) + contextBytes;
  // a load line far above would press the step flat: it is named at the top edge then
  const isNear = capacityBytes !== null && capacityBytes < 2.5 * highest;
  const most = 1.06 * Math.max(highest, isNear ? capacityBytes : 0);
  const yOf = (bytes: number) => bottom - (bytes / most) * (bottom - box.y);
  const xOf = (column: number) => x + (column / columns.length) * width;
  const parts = [
    ...byteTicks(most, 6).map(
      (bytes) =>
        line([x, yOf(bytes)], [x + width, yOf(bytes)], { stroke: "#e4e4e7" }) +
        label(formatBytes(bytes), x - 6, yOf(bytes) + 4, { "text-anchor": "end", class: "small" }),
    ),
    rectangle(
      { x, y: yOf(contextBytes), width, height: bottom - yOf(contextBytes) },
      { fill: PARTS.context.web },
    ),
  ];
  const floors = columns.map(() => contextBytes);
  CATEGORIES.forEach((category, index) => {
    const tops = columns.map(({ bytes }, i) => (floors[i] as number) + Math.max(0, bytes[index] ?? 0));
    if (tops.every((top, i) => top === floors[i])) return;
    const above = tops.flatMap((top, i) => [point(xOf(i), yOf(top)), point(xOf(i + 1), yOf(top))]);
    const below = floors
      .flatMap((floor, i) => [point(xOf(i), yOf(floor)), point(xOf(i + 1), yOf(floor))])
      .reverse();
    parts.push(element("path", { d: `${pathThrough([...above, ...below])}Z`, fill: PARTS[category].web }));
    tops.forEach((top, i) => {
      floors[i] = top;
    });
  });
  const reserved = columns.flatMap(({ reservedBytes }, i) =>
    [xOf(i), xOf(i + 1)].map((at) => point(at, yOf(reservedBytes + contextBytes))),
  );
  parts.push(
    element("path", { d: pathThrough(reserved), fill: "none", stroke: "#52525b", "stroke-dasharray": "4 3" }),
  );
  parts.push(
    ...phases(data, { xOf, bottom, top: box.y }),
    ...loadLine(data, { x, width, y: isNear ? yOf(capacityBytes) : box.y }, isNear),
  );
  return element("g", {}, parts.join(""));
}

const point = (x: number, y: number): readonly [number, number] => [x, y];

interface Frame {
  readonly xOf: (column: number) => number;
  readonly bottom: number;
  readonly top: number;
}

function phases({ columns }: TimelineData, { xOf, bottom, top }: Frame): string[] {
  const starts = columns.flatMap(({ phase }, i) => (columns[i - 1]?.phase === phase ? [] : [i]));
  return starts.flatMap((start, i) => {
    const middle = (xOf(start) + xOf(starts[i + 1] ?? columns.length)) / 2;
    const edge =
      start === 0
        ? ""
        : line([xOf(start), top], [xOf(start), bottom], { stroke: "#a1a1aa", "stroke-dasharray": "2 3" });
    const isWide = xOf(starts[i + 1] ?? columns.length) - xOf(start) > 56;
    return [
      edge,
      isWide
        ? label(columns[start]?.phase ?? "", middle, bottom + 16, { "text-anchor": "middle", class: "small" })
        : "",
    ];
  });
}

function loadLine(
  { capacityBytes, gpu }: TimelineData,
  at: { x: number; width: number; y: number },
  isNear: boolean,
): string[] {
  if (capacityBytes === null) return [];
  const text = `load line of ${gpu}: ${formatBytes(capacityBytes)}${isNear ? "" : ", far above"}`;
  const name = label(text, at.x + at.width - 4, at.y - 5, {
    "text-anchor": "end",
    class: "small",
    fill: "#b91c1c",
  });
  const edge = line([at.x, at.y], [at.x + at.width, at.y], { stroke: "#b91c1c", "stroke-width": 1.5 });
  return isNear ? [edge, name] : [name];
}
