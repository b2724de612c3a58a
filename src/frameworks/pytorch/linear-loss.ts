/**
 * The head's product and its cross-entropy together, a few rows at a time, with the gradients made in forward.
 *
 * The bodies run without history; what they leave is a loss and the gradients that backward hands out. Statements that
 * only fill memory that is there already (`out=`, slices that are assigned) are left out.
 * Source  Liger Kernel 0.8.5: ops/fused_linear_cross_entropy.py; torchtitan (2026-08): components/loss.py ChunkedLossWrapper;
 *         PyTorch 2.14.1: torch/nn/modules/linear_cross_entropy.py (acc_policy compact)
 */
import type { DType } from "../../base/dtype.js";
import { invariant } from "../../base/invariant.js";
import { text } from "../../ops/rule.js";
import { given, type Lowering, optional, type Traced, type Tracer } from "./kernel.js";

interface Head {
  /** [T, D] */
  readonly input: Traced;
  /** [V, D] */
  readonly weight: Traced;
  /** [T] */
  readonly target: Traced;
}

interface Made {
  /** Gradients that autograd does not show among saved tensors: they lie in `.grad` already, or in a field of the node. */
  readonly stashed?: "weight" | "both";
  readonly loss: Traced;
  readonly toInput: Traced | null;
  readonly toWeight: Traced | null;
}

type Body = (trace: Tracer, head: Head) => Made;

const empty = (trace: Tracer, size: readonly number[], dtype: DType): Traced =>
  trace.call("create", {}, { size, dtype });

const rows = (trace: Tracer, self: Traced, start: number, end: number): Traced =>
  trace.call("slice", { self }, { dim: 0, start, end });

/**
 * As many rows as make logits about as large as the input: what Liger and PyTorch (`aspect_ratio`) both take.
 * `next_pow2(ceil(T / ceil(V / D)))`
 */
function rowsOfChunk({ input, weight }: Head): number {
  const [tokens, width] = input.spec.shape as readonly [number, number];
  const vocabulary = weight.spec.shape[0] as number;
  const share = Math.ceil(tokens / Math.ceil(vocabulary / width));
  return Math.min(2 ** Math.ceil(Math.log2(Math.max(share, 1))), tokens);
}

function chunksOf(head: Head, size: number): [number, number][] {
  const tokens = head.input.spec.shape[0] as number;
  return Array.from({ length: Math.ceil(tokens / size) }, (_, i) => [
    i * size,
    Math.min((i + 1) * size, tokens),
  ]);
}

/** Gradients of one chunk at a time, logits in the input's type. The weight's gradient is made when the input has one. */
const liger: Body = (trace, head) => {
  const { input, weight, target } = head;
  const { dtype } = input.spec;
  const [tokens] = input.spec.shape as readonly [number];
  const vocabulary = weight.spec.shape[0] as number;
  const size = rowsOfChunk(head);
  const toInput = trace.call("create", { self: input });
  const toWeight = input.edge && weight.edge ? trace.call("create", { self: weight }) : null;
  const losses = empty(trace, [tokens], "float32");
  const mask = trace.call("ne", { self: target }, { other: -100 });
  trace.drop(trace.statement(() => trace.call("sum", { self: mask })));
  // out= of a product is no operator that autocast casts for
  const inPlace = dtype === weight.spec.dtype && (trace.autocast === null || trace.autocast === dtype);
  const storage = inPlace ? empty(trace, [size, vocabulary], dtype) : null;
  const accumulates = (logits: Traced) =>
    trace.device.computeCapability[0] >= 8 && logits.spec.dtype !== "float32";
  for (const [start, end] of chunksOf(head, size)) {
    const chunk = rows(trace, input, start, end);
    const logits =
      storage ??
      trace.statement(() => trace.call("matmul", { self: chunk, other: transposed(trace, weight) }));
    if (input.edge && !storage)
      trace.drop(trace.statement(() => trace.call("matmul", { self: logits, other: weight })));
    if (toWeight && accumulates(logits)) {
      if (chunk.spec.dtype !== logits.spec.dtype)
        trace.drop(trace.call("cast", { self: chunk }, { dtype: logits.spec.dtype }));
    } else if (toWeight)
      trace.drop(
        trace.statement(() => {
          const product = trace.call("matmul", { self: transposed(trace, logits), other: chunk });
          return product.spec.dtype === "float32"
            ? product
            : trace.call("cast", { self: product }, { dtype: "float32" });
        }),
      );
    if (!storage) trace.drop(logits);
  }
  if (storage) trace.drop(storage);
  return { loss: trace.call("sum", { self: losses }), toInput: input.edge && toInput, toWeight };
};

const transposed = (trace: Tracer, self: Traced) => trace.call("transpose", { self }, { dim0: 0, dim1: 1 });

/** Number of chunks of torchtitan's ChunkedLossWrapper and torchtune's LinearCrossEntropyLoss. */
export const CHUNKS = 8;

/** Each chunk's logits, loss and whole backward before the next chunk's; gradients of the input in float32. */
const titan: Body = (trace, head) => {
  const { input, weight, target } = head;
  const [tokens, width] = input.spec.shape as readonly [number, number];
  const { dtype } = input.spec;
  const sum = input.edge ? empty(trace, [tokens, width], "float32") : null;
  let toWeight: Traced | null = null;
  let before: Traced | null = null;
  for (const [start, end] of chunksOf(head, Math.ceil(tokens / CHUNKS))) {
    const chunk = rows(trace, input, start, end);
    const logits = trace.call("linear", { input: chunk, weight }); // a chunk is a leaf: autocast keeps its cast
    if (before) trace.drop(before);
    before = logits;
    const narrow = logits.spec.dtype;
    const like = (size: readonly number[], type: DType) => empty(trace, size, type);
    const { shape } = logits.spec;
    // log_softmax of float32 logits, which die with the function that made them
    const wide = narrow === "float32" ? null : like(shape, "float32");
    const probabilities = like(shape, "float32");
    if (wide) trace.drop(wide);
    const ofLoss = like(shape, "float32");
    const ofSoftmax = like(shape, "float32");
    trace.drop(ofLoss);
    trace.drop(probabilities);
    const ofLogits = narrow === "float32" ? ofSoftmax : like(shape, narrow);
    if (ofLogits !== ofSoftmax) trace.drop(ofSoftmax);
    let ofWeight = weight.edge ? like(weight.spec.shape, narrow) : null;
    let ofChunk = input.edge ? like(chunk.spec.shape, narrow) : null;
    trace.drop(ofLogits);
    if (ofChunk && narrow !== dtype) ofChunk = replaced(trace, ofChunk, dtype);
    if (ofWeight && narrow !== weight.spec.dtype) ofWeight = replaced(trace, ofWeight, weight.spec.dtype);
    if (ofWeight && toWeight) trace.drop(ofWeight);
    toWeight ??= ofWeight;
    if (ofChunk && dtype !== "float32")
      trace.drop(trace.call("cast", { self: ofChunk }, { dtype: "float32" }));
    if (ofChunk) trace.drop(ofChunk);
  }
  const loss = trace.call("create", {}, { size: [], dtype: "float32" });
  const toInput = sum && dtype !== "float32" ? trace.call("cast", { self: sum }, { dtype }) : sum;
  if (sum && toInput !== sum) trace.drop(sum);
  invariant(target.spec.shape.length === 1, "targets are rows");
  return { loss, toInput, toWeight, stashed: "weight" };
};

function replaced(trace: Tracer, tensor: Traced, dtype: DType): Traced {
  const cast = trace.call("cast", { self: tensor }, { dtype });
  trace.drop(tensor);
  return cast;
}

/** `F.linear_cross_entropy(…, options=LinearCrossEntropyOptions())`: logits of one chunk in float32, everything else in the input's type. */
const torch: Body = (trace, head) => {
  const { input, weight, target } = head;
  const { dtype } = input.spec;
  const [tokens, width] = input.spec.shape as readonly [number, number];
  const vocabulary = weight.spec.shape[0] as number;
  const size = rowsOfChunk(head);
  const wide = widened(trace, dtype);
  empty(trace, [size, vocabulary], dtype === "float16" ? dtype : wide);
  empty(trace, [size], wide);
  const loss = empty(trace, [], dtype === "float16" ? wide : dtype);
  const toInput = input.edge ? empty(trace, [tokens, width], dtype) : null;
  const toWeight = weight.edge ? empty(trace, [vocabulary, width], dtype) : null;
  const mask = trace.call("eq", { self: target }, { other: -100 });
  trace.call("clone", { self: target }); // where(mask, 0, target)
  const share = empty(trace, [tokens], wide);
  trace.drop(trace.statement(() => trace.call("sum", { self: share })));
  const narrows = wide !== dtype;
  if (toWeight && narrows) empty(trace, [size, width], wide);
  let before: Traced | null = null;
  for (const [start, end] of chunksOf(head, size)) {
    if (!input.edge && !weight.edge) continue;
    const copy = narrows && dtype !== "float16" ? empty(trace, [end - start, vocabulary], dtype) : null;
    if (before) trace.drop(before);
    before = copy;
    if (input.edge) trace.drop(empty(trace, [end - start, width], dtype));
  }
  invariant(mask.spec.dtype === "bool", "a comparison is a mask");
  const done = loss.spec.dtype === dtype ? loss : trace.call("cast", { self: loss }, { dtype });
  return { loss: done, toInput, toWeight, stashed: "both" };
};

/** Tensor cores that add up 16-bit products in float32 have them from Volta on, bfloat16 from Ampere on. */
function widened({ device }: Tracer, dtype: DType): DType {
  const [major] = device.computeCapability;
  const adds = (dtype === "bfloat16" && major >= 8) || (dtype === "float16" && major >= 7);
  return adds ? "float32" : dtype;
}

const BODIES: Readonly<Record<string, Body>> = { fused: liger, "chunked-backward": titan, linear: torch };

export const lowerLinearLoss: Lowering = (trace, inputs, attributes) => {
  const head = {
    input: given(inputs, "input"),
    weight: given(inputs, "weight"),
    target: given(inputs, "target"),
  };
  const body = BODIES[text(attributes, "kind", "")];
  invariant(body, "the loss is of a known kind");
  invariant(optional(inputs, "bias") === null, "heads with a bias are refused before");
  const { loss, toInput, toWeight, stashed } = trace.withoutGradients(() => body(trace, head));
  const weight = toWeight ? head.weight : null;
  return trace.call(
    "givenGradients",
    { loss, input: head.input, weight, toInput, toWeight },
    stashed ? { stashed } : {},
  );
};
