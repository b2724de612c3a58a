/** The last few answers for each object, told apart by a key; they live as long as the object. */
export class Kept<K extends object, V> {
  private readonly known = new WeakMap<K, Map<string, V>>();
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  /** The answer kept for `object` and `key`, or what `compute` returns. When there are too many, all make room. */
  get(object: K, key: string, compute: () => V): V {
    const answers = this.known.get(object) ?? new Map<string, V>();
    this.known.set(object, answers);
    const before = answers.get(key);
    if (before !== undefined) return before;
    const answer = compute();
    if (answers.size >= this.most) answers.clear();
    answers.set(key, answer);
    return answer;
  }
}
