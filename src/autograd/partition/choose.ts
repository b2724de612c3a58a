/**
 * Which values forward keeps: a minimum cut between what is there and what backward asks for.
 *
 * Source  torch/_functorch/partitioners.py (solve_min_cut: get_node_weight, is_fusible, find_first_unfusible)
 */
import { VertexCut } from "./min-cut.js";
import type { Vertex, VertexId } from "./values.js";

/** Preference for keeping what lies close to backward. get_node_weight */
const DISTANCE = { factor: 1.1, most: 100 };

/** Kept values, after the bans that need the whole graph. */
export function chooseKept(vertices: readonly Vertex[]): Set<VertexId> {
  banFarApart(vertices);
  const distance = new Float64Array(vertices.length).fill(1e9);
  for (let id = vertices.length - 1; id >= 0; id--) {
    const { wanted, users } = vertices[id] as Vertex;
    if (wanted) distance[id] = 1;
    for (const user of users) distance[id] = Math.min(distance[id] as number, (distance[user] as number) + 1);
  }
  const weights = vertices.map(({ id, bytes, free, kind, users, readBySolid }) => {
    if (free) return 0;
    const near = DISTANCE.factor ** Math.max(Math.min(distance[id] as number, DISTANCE.most), 1);
    const solid = kind === "source" || readBySolid || users.some((user) => !fusible(vertices, id, user));
    return bytes * near * (solid ? 1 : 2);
  });
  const cut = new VertexCut(weights);
  for (const { id, from, banned, wanted } of vertices) {
    for (const input of from) cut.connect(input, id);
    if (banned || from.length === 0) cut.given(id);
    if (wanted) cut.wanted(id);
  }
  return new Set(cut.cut());
}

function fusible(vertices: readonly Vertex[], a: VertexId, b: VertexId): boolean {
  const solid = ({ kind }: Vertex) => kind === "heavy" || kind === "source";
  return !solid(vertices[a] as Vertex) && !solid(vertices[b] as Vertex);
}

/** A value read again beyond the first kernel that cannot be fused: its late reader is not computed again. */
function banFarApart(vertices: readonly Vertex[]): void {
  for (const vertex of vertices) {
    if (vertex.users.length === 0) continue;
    const order = (id: VertexId) => (vertices[id] as Vertex).call;
    const most = Math.max(...vertex.users.map(order));
    const first = firstUnfusible(vertices, vertex.users, most);
    for (const user of vertex.users)
      if (order(user) > first && fusible(vertices, vertex.id, user)) (vertices[user] as Vertex).banned = true;
  }
}

function firstUnfusible(vertices: readonly Vertex[], start: readonly VertexId[], most: number): number {
  const seen = new Set<string>();
  const queue = start.map((id) => ({ id, fuses: true }));
  const order = (id: VertexId) => (vertices[id] as Vertex).call;
  while (queue.length > 0) {
    let first = 0;
    for (let i = 1; i < queue.length; i++)
      if (order((queue[i] as { id: VertexId }).id) < order((queue[first] as { id: VertexId }).id)) first = i;
    const [{ id, fuses }] = queue.splice(first, 1) as [{ id: VertexId; fuses: boolean }];
    if (!fuses) return order(id);
    for (const user of (vertices[id] as Vertex).users) {
      if (order(user) > most) continue;
      const next = fusible(vertices, id, user);
      if (seen.has(`${user} ${next}`)) continue;
      seen.add(`${user} ${next}`);
      queue.push({ id: user, fuses: next });
    }
  }
  return most;
}
