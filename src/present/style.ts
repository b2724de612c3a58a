/** Colours and glyphs of categories, the same everywhere: terminal, chart and page. */
import type { Category } from "../ir/step.js";

/** What a bar and a breakdown show: the categories, and what lies around the allocated bytes. */
export type Part = Category | "allocatorSlack" | "context";

interface PartStyle {
  readonly label: string;
  /** Tells parts apart without colour. */
  readonly glyph: string;
  /** One of the 256 terminal colours, and the same as a web colour. */
  readonly terminal: number;
  readonly web: string;
}

// biome-ignore format: one line per part
export const PARTS: Readonly<Record<Part, PartStyle>> = {
  parameters:       { label: "parameters",        glyph: "█", terminal: 33,  web: "#0087ff" },
  buffers:          { label: "buffers",           glyph: "▇", terminal: 38,  web: "#00afd7" },
  gradients:        { label: "gradients",         glyph: "▉", terminal: 99,  web: "#875fff" },
  optimizerStates:  { label: "optimizer states",  glyph: "▊", terminal: 135, web: "#af5fff" },
  masterParameters: { label: "master parameters", glyph: "▋", terminal: 63,  web: "#5f5fff" },
  inputs:           { label: "inputs",            glyph: "▆", terminal: 43,  web: "#00d7af" },
  savedTensors:     { label: "saved tensors",     glyph: "▓", terminal: 208, web: "#ff8700" },
  temporaries:      { label: "temporaries",       glyph: "▒", terminal: 220, web: "#ffd700" },
  workspace:        { label: "workspace",         glyph: "▚", terminal: 203, web: "#ff5f5f" },
  communication:    { label: "communication",     glyph: "▞", terminal: 169, web: "#d75faf" },
  allocatorSlack:   { label: "allocator slack",   glyph: "░", terminal: 245, web: "#8a8a8a" },
  context:          { label: "CUDA context",      glyph: "╱", terminal: 240, web: "#585858" },
};

/** Escape sequences, or nothing: the same renderer serves terminals, pipes and tests. */
export interface Paint {
  part(part: Part, text: string): string;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
}

export function createPaint(enabled: boolean): Paint {
  const wrap = (open: string, close: string) => (text: string) =>
    enabled && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    part: (part, text) => wrap(`38;5;${PARTS[part].terminal}`, "39")(text),
    bold: wrap("1", "22"),
    dim: wrap("2", "22"),
    good: wrap("32", "39"),
    warn: wrap("33", "39"),
    bad: wrap("31", "39"),
  };
}
