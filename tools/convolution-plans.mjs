/**
 * Which plan cuDNN puts first for a convolution, learned from recorded choices and scored against them.
 *
 * usage: node tools/build.mjs && node tools/convolution-plans.mjs grow FILE… > table   (src/…/convolution-workspace/plans.ts)
 *        node tools/convolution-plans.mjs hold-out FILE…                               a fourth of the families at a time
 *        node tools/convolution-plans.mjs score FILE…                                  the table in use
 *
 * FILE is `oracle/workspaces/workspaces.csv.gz` of the recordings, or has its first columns.
 */
import { growTree } from "./convolution-plans/grow.mjs";
import { readRecordings } from "./convolution-plans/recordings.mjs";
import { printScores, scoreOf } from "./convolution-plans/score.mjs";
import { PLANS } from "../dist/frameworks/pytorch/convolution-workspace/plans.js";

/** @import { Recording } from "./convolution-plans/recordings.mjs" */

const LEAVES = 28;
/** A leaf more must save what this share of the problems loses when a large one is all wrong. */
const WORTH = 0.00015;
const FOLDS = 4;

const [command, ...files] = process.argv.slice(2);
/** @type {Map<string, Map<string, Recording>>} */
const tables = new Map();
for (const recording of files.flatMap(readRecordings)) {
  if (process.env["ONLY"] && !recording.table.match(process.env["ONLY"])) continue;
  const table = tables.get(recording.table) ?? new Map();
  tables.set(recording.table, table.set(recording.shape, recording)); // the same problem counts once
}
const scores = [];
for (const [table, found] of [...tables].sort()) {
  const recordings = [...found.values()];
  const limits = { leaves: LEAVES, gain: WORTH * recordings.length };
  if (command === "grow") {
    console.log(`  ${JSON.stringify(table)}: ${JSON.stringify(growTree(recordings, table, limits))},`);
  } else if (command === "hold-out") {
    const trees = Array.from({ length: FOLDS }, (_, fold) =>
      growTree(
        recordings.filter(({ family }) => foldOf(family) !== fold),
        table,
        limits,
      ),
    );
    scores.push(scoreOf(table, recordings, ({ family }) => trees[foldOf(family)] ?? "-"));
  } else if (table in PLANS) {
    scores.push(scoreOf(table, recordings, () => PLANS[/** @type {keyof typeof PLANS} */ (table)] ?? "-"));
  }
}
printScores(scores);

/** @param {string} family */
function foldOf(family) {
  let hash = 7;
  for (const letter of family) hash = (hash * 31 + letter.charCodeAt(0)) % 10007;
  return hash % FOLDS;
}
