/**
 * The allocated peak with the context over the batch, and the lines of devices it crosses. What the allocator holds beyond
 * it is known at the asked batch alone, and drawn there as a ring.
 */
import type { PlotData } from "../../report/plot.js";
import { formatBytes, formatCount } from "../units.js";
import { type Box, byteTicks, element, label, line, pathThrough } from "./shapes.js";

const AXIS = 70;
const FOOT = 22;
/** Room for the names of devices on the right. */
const NAMES = 110;

export function drawBatchCurve(data: PlotData, box: Box): string {
  const { pieces, batch, contextBytes, deviceTotalBytes, gpus } = data;
  const [x, width, bottom] = [box.x + AXIS, box.width - AXIS - NAMES, box.y + box.height - FOOT];
  const takes = (at: number): number => {
    const piece = pieces.find(({ from, to }) => at >= from && (to === null || at <= to)) ?? pieces.at(-1);
    return piece ? piece.fixedBytes + piece.perBatchBytes * at + contextBytes : 0;
  };
  const most = reach(data, takes);
  const highest = 1.08 * Math.max(takes(most), deviceTotalBytes);
  const yOf = (bytes: number) => bottom - (bytes / highest) * (bottom - box.y);
  const xOf = (at: number) => x + (at / most) * width;
  const edges = pieces.flatMap(({ from, to }) => [from, to ?? most]);
  const points = [...new Set([1, ...edges, batch, most])]
    .filter((at) => at >= 1 && at <= most)
    .sort((a, b) => a - b);
  const parts = [
    ...byteTicks(highest, 6).map(
      (bytes) =>
        line([x, yOf(bytes)], [x + width, yOf(bytes)], { stroke: "#e4e4e7" }) +
        label(formatBytes(bytes), x - 6, yOf(bytes) + 4, { "text-anchor": "end", class: "small" }),
    ),
    ...spread(
      gpus.filter(({ capacityBytes }) => capacityBytes < highest),
      yOf,
    ).map(
      ({ name, capacityBytes, y }) =>
        line([x, yOf(capacityBytes)], [x + width, yOf(capacityBytes)], {
          stroke: "#b91c1c",
          "stroke-dasharray": "5 3",
        }) + label(name, x + width + 6, y + 4, { class: "small", fill: "#b91c1c" }),
    ),
    element("path", {
      d: pathThrough(points.map((at) => [xOf(at), yOf(takes(at))])),
      fill: "none",
      stroke: "#0087ff",
      "stroke-width": 2,
    }),
    element("circle", { cx: xOf(batch), cy: yOf(takes(batch)), r: 4, fill: "#0087ff" }),
    element("circle", {
      cx: xOf(batch),
      cy: yOf(deviceTotalBytes),
      r: 4,
      fill: "#ffffff",
      stroke: "#0087ff",
      "stroke-width": 2,
    }),
    label(
      `batch ${formatCount(batch)}: ${formatBytes(takes(batch))}, device total ${formatBytes(deviceTotalBytes)}`,
      xOf(batch) + 8,
      yOf(takes(batch)) + 14,
      { class: "small" },
    ),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) =>
      label(formatCount(Math.round(share * most)), xOf(share * most), bottom + 16, {
        "text-anchor": "middle",
        class: "small",
      }),
    ),
    line([x, bottom], [x + width, bottom], { stroke: "#a1a1aa" }),
  ];
  return element("g", {}, parts.join(""));
}

/** As far as the asked device's line, but not so far that the asked batch is lost at the edge. */
function reach({ batch, capacityBytes }: PlotData, takes: (batch: number) => number): number {
  let most = Math.max(8, 2 * batch);
  while (capacityBytes !== null && takes(most) < 1.1 * capacityBytes && most < FARTHEST * batch)
    most += batch;
  return most;
}

const FARTHEST = 12;

/** Names that would lie on each other move apart, downward. */
function spread(gpus: PlotData["gpus"], yOf: (bytes: number) => number) {
  let last = Number.NEGATIVE_INFINITY;
  return [...gpus]
    .sort((a, b) => b.capacityBytes - a.capacityBytes)
    .map((gpu) => {
      const y = Math.max(yOf(gpu.capacityBytes), last + 12);
      last = y;
      return { ...gpu, y };
    });
}
