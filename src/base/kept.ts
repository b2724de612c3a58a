export interface KeptOptions {
  /** Answers for one object; when there are too many, all of them make room. */
  readonly each: number;
  /** Answers for all objects together; the oldest makes room. Absent: as many as there are objects for. */
  readonly overall?: number;
}

/** The last few answers for each object, told apart by a key; they live at most as long as the object. */
export class Kept<K extends object, V> {
  private readonly known = new WeakMap<K, Map<string, V>>();
  private readonly options: KeptOptions;
  /** Oldest first; only where there is a limit for all. */
  private readonly order: { readonly answers: Map<string, V>; readonly key: string }[] = [];

  constructor(options: KeptOptions) {
    this.options = options;
  }

  /** The answer kept for `object` and `key`, or what `compute` returns. */
  get(object: K, key: string, compute: () => V): V {
    const answers = this.known.get(object) ?? new Map<string, V>();
    this.known.set(object, answers);
    const before = answers.get(key);
    if (before !== undefined) return before;
    const answer = compute();
    if (answers.size >= this.options.each) answers.clear();
    answers.set(key, answer);
    this.makeRoom(answers, key);
    return answer;
  }

  private makeRoom(answers: Map<string, V>, key: string): void {
    const { overall } = this.options;
    if (overall === undefined) return;
    this.order.push({ answers, key });
    while (this.order.length > overall) {
      const oldest = this.order.shift();
      oldest?.answers.delete(oldest.key);
    }
  }
}
