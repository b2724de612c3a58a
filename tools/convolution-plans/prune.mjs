/** Cuts a tree back to what is worth it. */

/** @import { Split } from "./split.mjs" */
/** @typedef {{ members: number[], best: number, loss: number, split: Split | null, kids: [Branch, Branch] | null }} Branch */

/**
 * Removes the branches that save least per leaf.
 * @param {Branch} root
 * @param {{ leaves: number, gain: number }} limits
 */
export function prune(root, limits) {
  for (;;) {
    /** @type {{ at: Branch, saves: number } | null} */
    let weakest = null;
    /** @type {(at: Branch) => { leaves: number, loss: number }} */
    const visit = (at) => {
      if (!at.kids) return { leaves: 1, loss: at.loss };
      const [a, b] = [visit(at.kids[0]), visit(at.kids[1])];
      const [leaves, loss] = [a.leaves + b.leaves, a.loss + b.loss];
      const saves = (at.loss - loss) / (leaves - 1);
      if (!weakest || saves < weakest.saves) weakest = { at, saves };
      return { leaves, loss };
    };
    const { leaves } = visit(root);
    const found = /** @type {{ at: Branch, saves: number } | null} */ (weakest);
    if (!found || (leaves <= limits.leaves && found.saves >= limits.gain)) return;
    found.at.kids = null;
  }
}
