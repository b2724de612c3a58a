/** Which kind of plan cuDNN's heuristic puts first: a walk down one tree of the table. */
import { FEATURES, type Feature, type Problem } from "./problem.js";

/** `feature<limit`: the tree for smaller values follows, then the one for others. Anything else is a leaf. */
const TEST = /^([a-z0-9/]+)<(.+)$/;

type Tree =
  | string
  | { readonly feature: Feature; readonly limit: number; readonly smaller: Tree; readonly other: Tree };

/** Trees are read once: every convolution of a model asks the same few. */
const read = new Map<string, Tree>();

/** The leaf of `tree` that `problem` comes to. */
export function leafOf(tree: string, problem: Problem): string {
  let at = read.get(tree);
  if (at === undefined) {
    const words = tree.split(" ");
    at = treeAt(words, { next: 0 });
    read.set(tree, at);
  }
  while (typeof at !== "string") at = FEATURES[at.feature](problem) < at.limit ? at.smaller : at.other;
  return at;
}

function treeAt(words: readonly string[], place: { next: number }): Tree {
  const word = words[place.next++] as string;
  const [, feature, limit] = TEST.exec(word) ?? [];
  if (feature === undefined) return word;
  const smaller = treeAt(words, place);
  return { feature: feature as Feature, limit: Number(limit), smaller, other: treeAt(words, place) }; // as: the table is written by the tool
}
