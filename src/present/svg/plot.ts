/** The whole picture: timeline, treemap and batch curve under each other, with one legend. */
import { CATEGORIES } from "../../ir/step.js";
import type { PlotData, TimelineData } from "../../report/plot.js";
import { PARTS, type Part } from "../style.js";
import { drawBatchCurve } from "./batch-curve.js";
import { type Box, element, label, rectangle } from "./shapes.js";
import { AXIS, drawTimeline } from "./timeline.js";
import { drawTreemap } from "./treemap.js";

const WIDTH = 960;
const MARGIN = 24;
const PANELS = [
  {
    title: "one step: what is alive, and what the allocator holds (dashed)",
    height: 280,
    draw: drawTimeline,
  },
  { title: "the peak, block by block", height: 260, draw: drawTreemap },
  {
    title: "allocated and context over the batch, by the formula; the ring is the device total",
    height: 220,
    draw: drawBatchCurve,
  },
] as const;
const TIMELINE_HEIGHT = 320;
/** Room for the name of the load line, and right of the last moment. */
const TOP = 18;
const EDGE = 8;
const TITLE = 26;
const GAP = 22;

const STYLE =
  'text{font-family:"Inter","DejaVu Sans","Liberation Sans",Arial,sans-serif;font-size:13px}.small{font-size:11px}.head{font-size:17px;font-weight:600}';

/** A standalone SVG, 960 points wide. */
export function renderPlot(data: PlotData): string {
  const parts: string[] = [label(data.title, MARGIN, 32, { class: "head" }), ...legend(data)];
  let y = 72;
  for (const { title, height, draw } of PANELS) {
    const box: Box = { x: MARGIN, y: y + TITLE - 8, width: WIDTH - 2 * MARGIN, height };
    parts.push(label(title, MARGIN, y + 8, { "font-weight": 600 }), draw(data, box));
    y += TITLE + height + GAP;
  }
  const size = { width: WIDTH, height: y };
  const background = rectangle({ x: 0, y: 0, ...size }, { fill: "#ffffff" });
  return `${element("svg", { xmlns: "http://www.w3.org/2000/svg", ...size, viewBox: `0 0 ${WIDTH} ${y}` }, element("style", {}, STYLE) + background + parts.join("\n"))}\n`;
}

/** The timeline alone, for a page that zooms into it: as wide as there is room, with no title. */
export function renderTimeline(data: TimelineData, width: number = WIDTH): string {
  const size = { width, height: TIMELINE_HEIGHT };
  const box: Box = { x: 0, y: TOP, width: width - EDGE, height: TIMELINE_HEIGHT - TOP };
  const background = rectangle({ x: 0, y: 0, ...size }, { fill: "#ffffff" });
  const inside = element("style", {}, STYLE) + background + drawTimeline(data, box);
  return element("svg", { viewBox: `0 0 ${width} ${TIMELINE_HEIGHT}`, "aria-hidden": "true" }, inside);
}

/** Between which shares of its width the moments of `renderTimeline` lie. */
export function timelineFrame(width: number = WIDTH): { readonly left: number; readonly right: number } {
  return { left: AXIS / width, right: (width - EDGE) / width };
}

function legend({ columns }: TimelineData): string[] {
  const used: Part[] = [
    ...CATEGORIES.filter((_, i) => columns.some(({ bytes }) => (bytes[i] ?? 0) > 0)),
    "context",
  ];
  let x = MARGIN;
  return used.map((part) => {
    const { label: name, web } = PARTS[part];
    const item =
      rectangle({ x, y: 45, width: 10, height: 10 }, { fill: web }) +
      label(name, x + 14, 54, { class: "small" });
    x += 26 + 6.2 * name.length;
    return item;
  });
}
