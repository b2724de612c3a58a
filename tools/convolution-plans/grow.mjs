/**
 * Grows the tree that picks a rule for every problem of one table row.
 *
 * Splits make problems with the same best rule meet (Gini, weighted by size up to 32 MiB: small ones hardly matter to a
 * step); then the branches that save least go until every one left is worth it. What is saved is loss: half for being
 * off by more than 10 % and 1 MiB, half the relative error.
 */
import { FEATURES } from "../../dist/frameworks/pytorch/convolution-workspace/problem.js";
import { scratchOf } from "../../dist/frameworks/pytorch/convolution-workspace/rules.js";
import { candidateRules } from "./candidates.mjs";
import { lossOf, weightOf } from "./loss.mjs";
import { prune } from "./prune.mjs";
import { bestSplit } from "./split.mjs";

/** @import { Feature } from "../../dist/frameworks/pytorch/convolution-workspace/problem.js" */
/** @import { Recording } from "./recordings.mjs" */
/** @typedef {import("./prune.mjs").Branch} Branch */

/** A rule nearly as good as the best one counts as the best, the most common first. */
const ALIKE = 0.02;
const LARGEST_TREE = 100;
const names = /** @type {Feature[]} */ (Object.keys(FEATURES));

/**
 * @param {readonly Recording[]} recordings
 * @param {string} table
 * @param {{ leaves: number, gain: number }} limits most leaves, and the loss that one must save
 * @returns {string} the tree as the table spells it
 */
export function growTree(recordings, table, limits) {
  const rules = candidateRules(recordings, table);
  const columns = names.map((name) =>
    Float64Array.from(recordings, ({ problem }) => FEATURES[name](problem)),
  );
  const losses = recordings.map(({ problem, scratch }) =>
    rules.map((rule) => lossOf(scratchOf(rule, problem), scratch)),
  );
  const labels = losses.map((row) => {
    const enough = Math.min(...row) + ALIKE;
    return row.findIndex((loss) => loss <= enough);
  });
  const weights = recordings.map(({ problem: { X, Y, W }, scratch }) =>
    weightOf(Math.max(scratch, X + Y + W)),
  );

  /** @type {(members: number[]) => Branch} */
  const branch = (members) => {
    const totals = rules.map((_, r) => members.reduce((all, i) => all + Number(losses[i]?.[r]), 0));
    const loss = Math.min(...totals);
    const split = bestSplit(members, columns, labels, weights);
    return { members, best: totals.indexOf(loss), loss, split, kids: null };
  };
  const root = branch(recordings.map((_, i) => i));
  const open = [root];
  for (let count = 1; count < LARGEST_TREE; count++) {
    const next = open.reduce((a, b) => ((b.split?.gain ?? 0) > (a.split?.gain ?? 0) ? b : a));
    if (!next.split) break;
    const { feature, limit } = next.split;
    const smaller = (/** @type {number} */ i) => Number(columns[feature]?.[i]) < limit;
    next.kids = [branch(next.members.filter(smaller)), branch(next.members.filter((i) => !smaller(i)))];
    open.splice(open.indexOf(next), 1, ...next.kids);
  }
  prune(root, limits);

  /** The rule, and after a bar the one for deterministic plans where another fits them much better. */
  const spellRule = (/** @type {Branch} */ { members, best }) => {
    const known = members
      .flatMap((i) => recordings[i] ?? [])
      .filter(({ deterministic }) => !Number.isNaN(deterministic));
    const total = (/** @type {string} */ rule) =>
      known.reduce(
        (all, { problem, deterministic }) => all + lossOf(scratchOf(rule, problem), deterministic),
        0,
      );
    const rule = rules[best] ?? "-";
    const other = rules.reduce((a, b) => (total(b) < total(a) ? b : a), rule);
    return total(rule) - total(other) > limits.gain ? `${rule}|${other}` : rule;
  };
  /** @type {(at: Branch) => string} */
  const spell = (at) => {
    if (!at.kids || !at.split) return spellRule(at);
    const [a, b] = [spell(at.kids[0]), spell(at.kids[1])];
    return a === b ? a : `${names[at.split.feature]}<${at.split.limit} ${a} ${b}`;
  };
  return spell(root);
}
