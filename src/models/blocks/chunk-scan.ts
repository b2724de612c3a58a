/**
 * The scan of Mamba 2 in chunks, in float32: what a chunk's tokens say to each other, and what chunks hand on.
 *
 * Source  transformers 5.18, models/mamba2/modeling_mamba2.py mamba2_chunk_scan, segment_sum, reshape_into_chunks
 * `B` batch, `S` sequence, `H` heads, `P` head size, `N` state size, `G` groups; `c` chunks of `l` tokens.
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";

export interface ChunkScan {
  /** [B, S, H, P] */
  readonly states: ValueId;
  /** [B, S, H] */
  readonly dt: ValueId;
  /** [H] */
  readonly A: ValueId;
  /** [B, S, G, N] */
  readonly B: ValueId;
  readonly C: ValueId;
  /** [H] */
  readonly D: ValueId;
  readonly bias: ValueId;
  /** Tokens of a chunk. */
  readonly chunk: number;
}

/** [B, S, H, P] */
export function chunkScan(f: Frame, scan: ChunkScan): ValueId {
  return f.call([scan.states, scan.dt, scan.A, scan.B, scan.C], (g) => {
    const [batch, length, heads, head] = g.shape(scan.states) as readonly [number, number, number, number];
    const groups = g.shape(scan.B)[2] as number;
    const extra = (scan.chunk - (length % scan.chunk)) % scan.chunk;
    let dt = g.set("argument 1", g.add(scan.dt, g.toTypeOf(scan.bias, scan.dt)));
    dt = g.set("argument 1", g.apply("softplus", dt));
    dt = g.set("argument 1", g.apply("clamp", dt, { min: 0, max: Number.MAX_VALUE }));
    let states = g.set("argument 0", g.to(scan.states, "float32"));
    const repeated = (x: ValueId, name: string) => {
      const wide = g.to(x, "float32");
      return g.set(name, g.op("repeatInterleave", { self: wide }, { repeats: heads / groups, dim: 2 }));
    };
    const [b, c] = [repeated(scan.B, "argument 3"), repeated(scan.C, "argument 4")];
    const skipped = g.set("D_residual", g.mul(g.unsqueeze(scan.D, -1), padded(g, states, extra)));
    states = g.set("argument 0", g.mul(states, g.to(g.unsqueeze(dt, -1), "float32")));
    const rates = g.set("argument 2", g.mul(g.toTypeOf(scan.A, states), g.to(dt, "float32")));
    const chunks = [states, rates, b, c].map((each) => intoChunks(g, each, extra, scan.chunk));
    const [x, a, keys, queries] = chunks as [ValueId, ValueId, ValueId, ValueId]; // as: four are given
    chunks.forEach((each, i) => {
      g.set(["argument 0", "argument 2", "argument 3", "argument 4"][i] as string, each); // as: four are given
    });
    const out = joined(g, { x, a: g.permute(a, [0, 3, 1, 2]), keys, queries });
    let output = g.set("output", g.reshape(out, [batch, -1, heads, head]));
    output = g.set("output", g.add(output, skipped));
    return extra > 0 ? g.set("output", g.slice(output, 1, 0, length)) : output;
  });
}

interface Chunks {
  /** [B, c, l, H, P] */
  readonly x: ValueId;
  /** [B, H, c, l] */
  readonly a: ValueId;
  /** [B, c, l, H, N] */
  readonly keys: ValueId;
  readonly queries: ValueId;
}

/** Runs in the frame of the scan. */
function joined(g: Frame, { x, a, keys, queries }: Chunks): ValueId {
  const product = (equation: string, left: ValueId, right: ValueId) =>
    g.op("einsum", { tensors: [left, right] }, { equation });
  const total = g.set("A_cumsum", g.apply("cumsum", a, { dim: -1 }));
  const decay = g.set("L", g.apply("exp", segmentSum(g, a)));
  const scores = g.set("G", product("bclhn,bcshn->bclsh", queries, keys));
  const masked = g.set("M", g.mul(scores, g.permute(decay, [0, 2, 3, 4, 1])));
  const inside = g.set("Y_diag", product("bclsh,bcshp->bclhp", masked, x));

  const chunk = g.shape(total)[3] as number;
  const last = g.slice(total, 3, chunk - 1, chunk);
  const toEnd = g.set("decay_states", g.apply("exp", g.op("sub", { self: last, other: total })));
  const decayed = g.set("B_decay", g.mul(keys, g.unsqueeze(g.permute(toEnd, [0, 2, 3, 1]), -1)));
  let states = g.set("states", product("bclhn,bclhp->bchpn", decayed, x));
  const before = g.set("previous_states", g.op("create", { self: g.slice(states, 1, 0, 1) }));
  states = g.set("states", g.cat([before, states], 1));
  const ends = g.apply("pad", g.op("select", { self: total }, { dim: 3, index: chunk - 1 }), { pad: [1, 0] });
  const between = g.set("decay_chunk", g.transpose(g.apply("exp", segmentSum(g, ends)), 1, 3));
  const handed = g.set("new_states", product("bzch,bzhpn->bchpn", between, states));
  const count = g.shape(handed)[1] as number;
  states = g.set("states", g.op("slice", { self: handed }, { dim: 1, start: 0, end: count - 1 }));

  const fromStart = g.set("state_decay_out", g.apply("exp", total));
  const read = g.set("C_times_states", product("bclhn,bchpn->bclhp", queries, states));
  const outside = g.set("Y_off", g.mul(read, g.unsqueeze(g.permute(fromStart, [0, 2, 3, 1]), -1)));
  return g.set("output", g.contiguous(g.add(inside, outside)));
}

/** Sums of what lies between two places, minus infinity before the diagonal. [..., l] to [..., l, l] */
function segmentSum(f: Frame, x: ValueId): ValueId {
  return f.call([x], (g) => {
    const shape = g.shape(x);
    const size = shape.at(-1) as number;
    const lower = () => g.set("mask", g.apply("tril", g.create([size, size], "bool")));
    const filled = (self: ValueId, mask: ValueId) =>
      g.op("maskedFill", { self, mask: g.apply("bitwiseNot", mask) }, { value: 0 });
    let sums = g.set("argument 0", g.expand(g.unsqueeze(x, -1), [...shape, size]));
    sums = g.set("argument 0", filled(sums, lower()));
    const totals = g.set("tensor_segsum", g.apply("cumsum", sums, { dim: -2 }));
    return g.set("tensor_segsum", filled(totals, lower()));
  });
}

/** `pad_tensor_by_size`: copied even if nothing is added. */
function padded(f: Frame, x: ValueId, extra: number): ValueId {
  const rest = f.shape(x).length - 2;
  return f.call([x], (g) =>
    g.apply("pad", x, { pad: [...Array.from({ length: 2 * rest }, () => 0), 0, extra, 0, 0] }),
  );
}

function intoChunks(f: Frame, x: ValueId, extra: number, chunk: number): ValueId {
  return f.call([x], (g) => {
    const wide = g.set("argument 0", padded(g, x, extra));
    const [batch, , ...rest] = g.shape(wide);
    return g.reshape(wide, [batch as number, -1, chunk, ...rest]);
  });
}
