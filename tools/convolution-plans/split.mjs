/** The cut of one feature that tells labels apart best. */

/** @typedef {{ gain: number, feature: number, limit: number }} Split */

/** Fewest problems on either side of a cut. */
const LEAST = 12;

/**
 * @param {readonly number[]} members
 * @param {readonly Float64Array[]} columns one per feature
 * @param {readonly number[]} labels
 * @param {readonly number[]} weights
 * @returns {Split | null}
 */
export function bestSplit(members, columns, labels, weights) {
  if (members.length < 2 * LEAST) return null;
  const whole = new Impurity();
  for (const i of members) whole.add(Number(labels[i]), Number(weights[i]));
  const before = whole.value();
  /** @type {Split | null} */
  let best = null;
  columns.forEach((column, feature) => {
    const order = Float64Array.from(members, (i) => Number(column[i]));
    const sorted = Array.from(members, (_, at) => at).sort((a, b) => Number(order[a]) - Number(order[b]));
    const [left, right] = [new Impurity(), whole.copy()];
    for (let p = 1; p <= sorted.length - LEAST; p++) {
      const [last, next] = [Number(sorted[p - 1]), Number(sorted[p])];
      const moved = Number(members[last]);
      left.add(Number(labels[moved]), Number(weights[moved]));
      right.add(Number(labels[moved]), -Number(weights[moved]));
      const [low, high] = [Number(order[last]), Number(order[next])];
      if (p < LEAST || high <= low) continue;
      const gain = before - left.value() - right.value();
      if (gain > (best?.gain ?? 1e-6)) best = { gain, feature, limit: between(low, high) };
    }
  });
  return best;
}

/** Weight times the chance that two draws by weight differ in their label. */
class Impurity {
  total = 0;
  squares = 0;
  /** @type {number[]} */
  sums = [];

  /**
   * @param {number} label
   * @param {number} weight
   */
  add(label, weight) {
    const sum = this.sums[label] ?? 0;
    this.squares += (sum + weight) ** 2 - sum ** 2;
    this.sums[label] = sum + weight;
    this.total += weight;
  }

  value() {
    return this.total > 1e-9 ? this.total - this.squares / this.total : 0;
  }

  copy() {
    const other = new Impurity();
    other.total = this.total;
    other.squares = this.squares;
    other.sums = [...this.sums];
    return other;
  }
}

/**
 * The shortest number above `low`, at most `high`, near their geometric mean.
 * @param {number} low
 * @param {number} high
 */
function between(low, high) {
  if (low <= 0) return high;
  const middle = Math.sqrt(low * high);
  for (let digits = 1; digits < 6; digits++) {
    const short = Number(middle.toPrecision(digits));
    if (short > low && short <= high) return short;
  }
  return high;
}
