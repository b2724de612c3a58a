/** `--plot FILE.svg|FILE.png`: the picture as a file; PNG through an optional package. */
import { writeFile } from "node:fs/promises";
import type { ImportedModel, Options } from "../index.js";
import { plot } from "../plot.js";
import { cannotWrite, noRasterizer } from "./complaints.js";

/** Draws `model` and writes it to `path`, whose ending says how. */
export async function writePlot(model: ImportedModel, options: Options, path: string): Promise<void> {
  const svg = plot(model, options);
  const content = /\.png$/i.test(path) ? await rasterize(svg, path) : svg;
  try {
    await writeFile(path, content);
  } catch (error) {
    throw cannotWrite(path, (error as NodeJS.ErrnoException).code ?? String(error)); // as: of fs
  }
}

/** Twice as many pixels as points: sharp on dense screens. */
const SCALE = 2;

async function rasterize(svg: string, path: string): Promise<Uint8Array> {
  let resvg: typeof import("@resvg/resvg-js");
  try {
    resvg = await import("@resvg/resvg-js");
  } catch {
    throw noRasterizer(path);
  }
  const fitTo = { mode: "zoom", value: SCALE } as const;
  return new resvg.Resvg(svg, { fitTo, font: { loadSystemFonts: true } }).render().asPng();
}
