/**
 * The cheapest set of vertices between a source and a sink: maximum flow by levels and blocking flows (Dinic), with
 * every vertex split into an entry and an exit whose edge carries its weight.
 */

const FOREVER = Number.MAX_SAFE_INTEGER;

export class VertexCut {
  private readonly count: number;
  /** Edges in pairs: an edge and its reverse. */
  private readonly to: number[] = [];
  private readonly room: number[] = [];
  private readonly next: number[] = [];
  private readonly head: Int32Array;
  private readonly level: Int32Array;
  private readonly at: Int32Array;

  constructor(weights: readonly number[]) {
    this.count = weights.length;
    const nodes = 2 * this.count + 2;
    this.head = new Int32Array(nodes).fill(-1);
    this.level = new Int32Array(nodes);
    this.at = new Int32Array(nodes);
    weights.forEach((weight, i) => {
      this.edge(2 * i, 2 * i + 1, weight);
    });
  }

  private get source(): number {
    return 2 * this.count;
  }

  private get sink(): number {
    return 2 * this.count + 1;
  }

  /** `from` is needed to make `to`. */
  connect(from: number, to: number): void {
    this.edge(2 * from + 1, 2 * to, FOREVER);
  }

  /** The vertex is there from the start, or must not be made again. */
  given(vertex: number): void {
    this.edge(this.source, 2 * vertex, FOREVER);
  }

  /** The vertex is asked for in the end. */
  wanted(vertex: number): void {
    this.edge(2 * vertex + 1, this.sink, FOREVER);
  }

  /** Vertices to keep so that all that is wanted can be made from them. */
  cut(): number[] {
    while (this.levels()) {
      this.at.set(this.head);
      while (this.push() > 0);
    }
    const kept: number[] = [];
    for (let i = 0; i < this.count; i++)
      if ((this.level[2 * i] as number) >= 0 && (this.level[2 * i + 1] as number) < 0) kept.push(i);
    return kept;
  }

  private edge(from: number, to: number, room: number): void {
    for (const [a, b, size] of [
      [from, to, room],
      [to, from, 0],
    ] as const) {
      this.to.push(b);
      this.room.push(size);
      this.next.push(this.head[a] as number);
      this.head[a] = this.to.length - 1;
    }
  }

  /** Distances from the source over edges with room; false when the sink is out of reach. */
  private levels(): boolean {
    const { level, head, to, room, next } = this;
    level.fill(-1);
    level[this.source] = 0;
    const queue = [this.source];
    for (let i = 0; i < queue.length; i++) {
      const node = queue[i] as number;
      for (let e = head[node] as number; e >= 0; e = next[e] as number) {
        const other = to[e] as number;
        if ((room[e] as number) > 0 && (level[other] as number) < 0) {
          level[other] = (level[node] as number) + 1;
          queue.push(other);
        }
      }
    }
    return (level[this.sink] as number) >= 0;
  }

  /** One augmenting path, without recursion: models are thousands of operators deep. */
  private push(): number {
    const { at, to, room, next, level } = this;
    const path: number[] = [];
    let node = this.source;
    while (node !== this.sink) {
      let e = at[node] as number;
      while (e >= 0) {
        const other = to[e] as number;
        if ((room[e] as number) > 0 && level[other] === (level[node] as number) + 1) break;
        e = next[e] as number;
      }
      at[node] = e;
      if (e >= 0) {
        path.push(e);
        node = to[e] as number;
        continue;
      }
      const back = path.pop();
      if (back === undefined) return 0;
      node = to[back ^ 1] as number;
      at[node] = next[at[node] as number] as number;
    }
    let flow = FOREVER;
    for (const e of path) flow = Math.min(flow, room[e] as number);
    for (const e of path) {
      room[e] = (room[e] as number) - flow;
      room[e ^ 1] = (room[e ^ 1] as number) + flow;
    }
    return flow;
  }
}
