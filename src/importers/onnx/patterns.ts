/**
 * Operators that PyTorch runs as one and its exporters write as several: joined again, by what reads what.
 *
 * Source   torch/onnx/_internal/torchscript_exporter/symbolic_opset*.py and onnxscript/function_libs/torch_lib/ops of
 *          torch 2.14: how linear, gelu, silu, layer_norm, hardswish and scaled_dot_product_attention are written
 */
import { attribute, type NodeProto } from "./schema.js";

/** Reading a node list by names. */
class Reading {
  private readonly makers = new Map<string, NodeProto>();
  private readonly readers = new Map<string, NodeProto[]>();
  private readonly kept: ReadonlySet<string>;

  constructor(nodes: readonly NodeProto[], kept: ReadonlySet<string>) {
    this.kept = kept;
    for (const node of nodes) {
      for (const name of node.output ?? []) this.makers.set(name, node);
      for (const name of new Set(node.input ?? [])) {
        const list = this.readers.get(name) ?? [];
        if (list.length === 0) this.readers.set(name, list);
        list.push(node);
      }
    }
  }

  /** The node that makes `name`, if it is of one of these kinds. */
  maker(name: string | undefined, ...kinds: readonly string[]): NodeProto | undefined {
    const node = this.makers.get(name ?? "");
    return node && kinds.includes(node.opType ?? "") ? node : undefined;
  }

  /** The only node that reads what `node` makes, if it is of this kind. */
  reader(node: NodeProto | undefined, ...kinds: readonly string[]): NodeProto | undefined {
    const name = node?.output?.[0] ?? "";
    const list = this.readers.get(name) ?? [];
    const [only] = list;
    return list.length === 1 && !this.kept.has(name) && kinds.includes(only?.opType ?? "") ? only : undefined;
  }

  /** Not made by an operator on data: a weight, a constant, or arithmetic on sizes. */
  isScalar(name: string | undefined): boolean {
    const node = this.makers.get(name ?? "");
    return (
      node === undefined || node.opType === "Constant" || node.opType === "Sqrt" || node.opType === "Cast"
    );
  }

  isMade(name: string | undefined): boolean {
    return this.makers.has(name ?? "");
  }
}

interface Joined {
  readonly op: string;
  readonly input: readonly string[];
  readonly drops: readonly NodeProto[];
  /** The node that gives way; else the one the pattern was found at. */
  readonly at?: NodeProto;
  readonly attribute?: NodeProto["attribute"];
}
type Pattern = (node: NodeProto, reading: Reading) => Joined | undefined;

/** The input of `node` that is not `name`. */
const other = (node: NodeProto, name: string | undefined): string | undefined =>
  node.input?.find((one) => one !== name);

/** x Wᵀ + b; the weight comes transposed, or through a Transpose. */
const linear: Pattern = (node, reading) => {
  if (node.opType !== "Add") return undefined;
  const product = node.input?.map((name) => reading.maker(name, "MatMul")).find((made) => made);
  if (!product || reading.reader(product, "Add") !== node) return undefined;
  const bias = other(node, product.output?.[0]);
  const [x, weight] = product.input ?? [];
  const isWeight = !reading.isMade(weight) || reading.maker(weight, "Transpose");
  if (!bias || reading.isMade(bias) || !x || !weight || !isWeight) return undefined;
  return { op: "PlimsollLinear", input: [x, weight, bias], drops: [product] };
};

/** x · ½ (1 + erf(x / √2)), in the orders it is written. */
const gelu: Pattern = (node, reading) => {
  if (node.opType !== "Erf") return undefined;
  const scaled = reading.maker(node.input?.[0], "Div", "Mul");
  const x = scaled?.input?.[0];
  const plus = reading.reader(node, "Add");
  const first = reading.reader(plus, "Mul");
  if (!scaled || !x || !plus || !first || reading.reader(scaled, "Erf") !== node) return undefined;
  const beside = other(first, plus.output?.[0]);
  const half = reading.maker(beside, "Mul");
  if (half?.input?.includes(x) && reading.reader(half, "Mul") === first)
    return { op: "Gelu", input: [x], drops: [scaled, node, plus, half], at: first };
  const second = reading.reader(first, "Mul");
  const last = second && other(second, first.output?.[0]);
  if (!second || !(beside === x ? reading.isScalar(last) : last === x && reading.isScalar(beside)))
    return undefined;
  return { op: "Gelu", input: [x], drops: [scaled, node, plus, first], at: second };
};

/** x · gate(x), for gates that are one kernel with the product. */
const gated =
  (gate: string, op: string): Pattern =>
  (node, reading) => {
    if (node.opType !== "Mul") return undefined;
    const made = node.input?.map((name) => reading.maker(name, gate)).find((one) => one);
    const x = made?.input?.[0];
    if (!made || !x || other(node, made.output?.[0]) !== x || reading.reader(made, "Mul") !== node)
      return undefined;
    if (gate !== "Tanh") return { op, input: [x], drops: [made] };
    return undefined;
  };

/** x · tanh(softplus(x)) */
const mish: Pattern = (node, reading) => {
  if (node.opType !== "Mul") return undefined;
  const tanh = node.input?.map((name) => reading.maker(name, "Tanh")).find((one) => one);
  const soft = reading.maker(tanh?.input?.[0], "Softplus");
  const x = soft?.input?.[0];
  if (!tanh || !soft || !x || other(node, tanh.output?.[0]) !== x) return undefined;
  if (reading.reader(soft, "Tanh") !== tanh || reading.reader(tanh, "Mul") !== node) return undefined;
  return { op: "Mish", input: [x], drops: [soft, tanh] };
};

/** (x - mean) / sqrt(var + ε) · w + b, before opset 17 had it. */
const layerNorm: Pattern = (node, reading) => {
  if (node.opType !== "Sqrt") return undefined;
  const eps = reading.maker(node.input?.[0], "Add");
  const variance = reading.maker(
    eps?.input?.find((name) => reading.maker(name, "ReduceMean")),
    "ReduceMean",
  );
  const square = reading.maker(variance?.input?.[0], "Pow", "Mul");
  const centred = reading.maker(square?.input?.[0], "Sub");
  const mean = reading.maker(centred?.input?.[1], "ReduceMean");
  const ratio = reading.reader(node, "Div");
  const scaled = reading.reader(ratio, "Mul");
  const shifted = reading.reader(scaled, "Add");
  if (!eps || !variance || !square || !centred || !mean || !ratio || !scaled || !shifted) return undefined;
  const x = centred.input?.[0];
  const [weight, bias] = [other(scaled, ratio.output?.[0]), other(shifted, scaled.output?.[0])];
  if (!x || mean.input?.[0] !== x || !weight || !bias || reading.isMade(weight) || reading.isMade(bias))
    return undefined;
  const drops = [mean, centred, square, variance, eps, node, ratio, scaled];
  return { op: "LayerNormalization", input: [x, weight, bias], drops, at: shifted };
};

/** softmax((q s)(kᵀ s) + mask) v with the scale on both sides, as only the exporters of the one operator write it. */
const attention: Pattern = (node, reading) => {
  if (node.opType !== "Softmax") return undefined;
  const masked = reading.maker(node.input?.[0], "Add");
  const scores = masked
    ? masked.input?.map((name) => reading.maker(name, "MatMul")).find((one) => one)
    : reading.maker(node.input?.[0], "MatMul");
  const [q, k] = (scores?.input ?? []).map((name) => reading.maker(name, "Mul"));
  const dropped = reading.reader(node, "Dropout");
  const product = reading.reader(dropped ?? node, "MatMul");
  if (!scores || !q || !k || !product) return undefined;
  const [query, value] = [q.input?.[0], product.input?.[1]];
  const swapped = untransposed(k.input?.[0], reading);
  if (!query || !value || !swapped || !reading.isScalar(q.input?.[1]) || !reading.isScalar(k.input?.[1]))
    return undefined;
  const mask = masked && other(masked, scores.output?.[0]);
  const drops = [
    q,
    k,
    ...swapped.drops,
    scores,
    ...(masked ? [masked] : []),
    node,
    ...(dropped ? [dropped] : []),
  ];
  const attributes = dropped ? [{ name: "dropout_p", f: 0.1 }] : [];
  const input = [query, swapped.key, value, mask ?? ""];
  return { op: "PlimsollAttention", input, drops, at: product, attribute: attributes };
};

/** k of kᵀ, where the transpose may stand between two reshapes. */
function untransposed(
  name: string | undefined,
  reading: Reading,
): { key: string; drops: readonly NodeProto[] } | undefined {
  const outer = reading.maker(name, "Reshape");
  const transpose = reading.maker(outer ? outer.input?.[0] : name, "Transpose");
  const inner = outer ? reading.maker(transpose?.input?.[0], "Reshape") : undefined;
  const key = (inner ?? transpose)?.input?.[0];
  const perm = transpose && attribute(transpose, "perm")?.ints;
  const rank = perm?.length ?? 0;
  if (!transpose || !key || perm?.[rank - 1] !== rank - 2) return undefined;
  return { key, drops: [outer, transpose, inner].filter((one) => one !== undefined) };
}

const PATTERNS: readonly Pattern[] = [
  linear,
  gelu,
  gated("Sigmoid", "Swish"),
  gated("HardSigmoid", "HardSwish"),
  mish,
  layerNorm,
  attention,
];

/** The nodes with patterns joined. `kept`: names that are results of the whole list. */
export function joinOperators(nodes: readonly NodeProto[], kept: ReadonlySet<string>): readonly NodeProto[] {
  const reading = new Reading(nodes, kept);
  const dropped = new Set<NodeProto>();
  const joined = new Map<NodeProto, NodeProto>();
  for (const node of nodes) {
    for (const pattern of PATTERNS) {
      const found = pattern(node, reading);
      if (!found) continue;
      const { op, input, drops, at = node, attribute: attributes = [] } = found;
      for (const one of drops) dropped.add(one);
      joined.set(at, { ...at, opType: op, domain: "plimsoll", input, attribute: attributes });
      break;
    }
  }
  if (joined.size === 0) return nodes;
  const needed = new Set(kept);
  const out: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    // what something outside of the pattern reads stays
    const stays =
      joined.get(node) ?? (dropped.has(node) && !node.output?.some((one) => needed.has(one)) ? null : node);
    if (stays === null) continue;
    for (const name of stays.input ?? []) needed.add(name);
    out.push(stays);
  }
  return out.reverse();
}
