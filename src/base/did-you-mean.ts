/** Names close to `word`, nearest first, at most three. */
export function nearest(word: string, names: Iterable<string>): string[] {
  const asked = word.toLowerCase();
  const limit = Math.max(1, Math.floor(asked.length * 0.4));
  const scored: { name: string; distance: number }[] = [];
  for (const name of names) {
    const candidate = name.toLowerCase();
    if (Math.abs(candidate.length - asked.length) > limit && !candidate.includes(asked)) continue;
    const distance = candidate.includes(asked) && asked.length >= 3 ? 1 : editDistance(asked, candidate);
    if (distance <= limit) scored.push({ name, distance });
  }
  return scored
    .sort((a, b) => a.distance - b.distance || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `did you mean "x" or "y"?`, or `otherwise` when nothing is near. */
export function didYouMean(word: string, names: Iterable<string>, otherwise: string): string {
  const near = nearest(word, names).map((name) => JSON.stringify(name));
  return near.length > 0 ? `did you mean ${near.join(" or ")}?` : otherwise;
}

/** Insertions, deletions, substitutions and neighbour swaps, each of cost one. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (previous[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
        swap ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] as number;
}
