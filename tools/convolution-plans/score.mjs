/** How well trees reproduce recorded scratch: within 10 % or 16 MiB, and within 10 % where it is more than 16 MiB. */
import { leafOf } from "../../dist/frameworks/pytorch/convolution-workspace/choose.js";
import { scratchOf } from "../../dist/frameworks/pytorch/convolution-workspace/rules.js";

/** @import { Recording } from "./recordings.mjs" */
/** @typedef {{ table: string, count: number, within: number, large: number, largeWithin: number }} Score */

const LARGE = 16 * 2 ** 20;
const SHARE = 0.1;

/**
 * @param {string} table
 * @param {readonly Recording[]} recordings
 * @param {(recording: Recording) => string} treeFor
 * @returns {Score}
 */
export function scoreOf(table, recordings, treeFor) {
  const score = { table, count: recordings.length, within: 0, large: 0, largeWithin: 0 };
  for (const recording of recordings) {
    const { problem, scratch } = recording;
    const [rule = "-"] = leafOf(treeFor(recording), problem).split("|");
    const guess = scratchOf(rule, problem);
    const close = Math.abs(guess - scratch) <= SHARE * scratch;
    if (close || Math.abs(guess - scratch) <= LARGE) score.within++;
    if (Math.max(guess, scratch) <= LARGE) continue;
    score.large++;
    if (close) score.largeWithin++;
  }
  return score;
}

/** @param {readonly Score[]} scores */
export function printScores(scores) {
  const share = (/** @type {number} */ part, /** @type {number} */ all) =>
    all === 0 ? "    -" : `${((100 * part) / all).toFixed(1).padStart(5)}`;
  /** @type {Map<string, Score>} */
  const sums = new Map();
  for (const score of scores) {
    const [capability, dtype, layout, ...direction] = score.table.replace(" largest", "").split(" ");
    const which = score.table.endsWith(" largest") ? "largest: " : "first: ";
    for (const part of ["all", capability, dtype, `${dtype} ${layout}`, direction.join(" ")]) {
      const key = which + part;
      const all = sums.get(key) ?? { table: key, count: 0, within: 0, large: 0, largeWithin: 0 };
      for (const field of /** @type {const} */ (["count", "within", "large", "largeWithin"]))
        all[field] += score[field];
      sums.set(key, all);
    }
  }
  for (const { table, count, within, large, largeWithin } of [...scores, ...sums.values()])
    console.log(
      `${table.padEnd(32)} ${String(count).padStart(7)} within ${share(within, count)} %   large ${String(large).padStart(6)} within 10 % ${share(largeWithin, large)} %`,
    );
}
