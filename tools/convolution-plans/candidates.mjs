/** The rules that are tried for a row of the table. */
import { scratchOf } from "../../dist/frameworks/pytorch/convolution-workspace/rules.js";
import { lossOf } from "./loss.mjs";

/** @import { Recording } from "./recordings.mjs" */

const COPIES = ["X", "Y", "W", "XW", "YW", "XY", "XYW"];
const PLAIN = ["-", ...COPIES, ...COPIES.map((rule) => `${rule}v`), "XYWo", "XYWw", "XYg", "XYWg", "Xg"];
/** Operands whose copies were seen beside partial results: slices that keep so many tiles busy, or so many slices. */
const SLICED = ["-", "XYWo", "XY", "XYv", "XYWv", "XYg"];
const BUSY = [1, 40, 80, 108, 132, 216, 320, 432].map((tiles) => `+${tiles}`);
const SLICES = [1, 2, 4, 8].map((slices) => `*${slices}`);
const FLOAT32 = ["winograd-3", "winograd-4", "fft-tiles", "fft"];
/** Share of the problems for which a rule must be the best to be tried. */
const USEFUL = 0.003;

/**
 * Those that are the best one for some share of the problems, the most common first.
 * @param {readonly Recording[]} recordings
 * @param {string} table
 */
export function candidateRules(recordings, table) {
  const weight = table.includes("weight gradient");
  const partial = (weight ? BUSY : SLICES).flatMap((slices) => SLICED.map((rule) => rule + slices));
  const all = [...PLAIN, ...partial, ...(weight ? ["N"] : []), ...(table.includes("32") ? FLOAT32 : [])];
  const wins = new Map(all.map((rule) => [rule, 0]));
  for (const { problem, scratch } of recordings) {
    const losses = all.map((rule) => lossOf(scratchOf(rule, problem), scratch));
    const rule = all[losses.indexOf(Math.min(...losses))] ?? "-";
    wins.set(rule, (wins.get(rule) ?? 0) + 1);
  }
  const won = (/** @type {string} */ rule) => wins.get(rule) ?? 0;
  return all
    .filter((rule) => rule === "-" || won(rule) > USEFUL * recordings.length)
    .sort((a, b) => won(b) - won(a));
}
