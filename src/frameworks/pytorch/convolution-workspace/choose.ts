/** Which kind of plan cuDNN's heuristic puts first: a walk down one tree of the table. */
import { FEATURES, type Feature, type Problem } from "./problem.js";

/** `feature<limit`: the tree for smaller values follows, then the one for others. Anything else is a leaf. */
const TEST = /^([a-z0-9/]+)<(.+)$/;

/** The leaf of `tree` that `problem` comes to. */
export function leafOf(tree: string, problem: Problem): string {
  const words = tree.split(" ");
  let at = 0;
  for (;;) {
    const word = words[at] as string;
    const [, feature, limit] = TEST.exec(word) ?? [];
    if (feature === undefined) return word;
    const smaller = FEATURES[feature as Feature](problem) < Number(limit);
    at = smaller ? at + 1 : endOf(words, at + 1);
  }
}

/** Where the tree that starts at `at` ends. */
function endOf(words: readonly string[], at: number): number {
  let open = 1;
  while (open > 0) open += (words[at++] as string).includes("<") ? 1 : -1;
  return at;
}
