/** The load line: what the step takes, part by part, against what the device has. */
import type { EstimateReport } from "../report/report.js";
import { PARTS, type Paint, type Part } from "./style.js";

export interface Slice {
  readonly part: Part;
  readonly bytes: number;
}

/** Everything that adds up to the device total, in the order of the breakdown. */
export function slicesOf({ atPeak, overhead }: EstimateReport): Slice[] {
  const categories = Object.entries(atPeak).map(([part, bytes]) => ({ part: part as Part, bytes })); // keys are categories
  const around: Slice[] = [
    { part: "allocatorSlack", bytes: overhead.allocatorSlackBytes },
    { part: "context", bytes: overhead.contextBytes },
  ];
  return [...categories, ...around].filter(({ bytes }) => bytes > 0);
}

/** `▕██▓▓▓▓░╱──────▏`, `cells` wide inside; over capacity the load line stands inside the bar. */
export function renderBar(slices: readonly Slice[], capacity: number, cells: number, paint: Paint): string {
  const total = slices.reduce((sum, { bytes }) => sum + bytes, 0);
  const scale = Math.max(total, capacity);
  const line =
    total > capacity ? Math.max(0, Math.min(cells - 1, Math.floor((capacity / scale) * cells))) : -1;
  let bar = "";
  let done = 0;
  let used = 0;
  for (const { part, bytes } of slices) {
    done += bytes;
    // a step that is tiny beside the device still shows
    const end = Math.max(Math.round((done / scale) * cells), done === total ? 1 : 0);
    for (; used < end; used++) bar += used === line ? paint.bad("┃") : paint.part(part, PARTS[part].glyph);
  }
  return `▕${bar}${paint.dim("─".repeat(cells - used))}▏`;
}
