/** ONNX operators with weights, windows or statistics: what PyTorch's layers of the same name run. */
import { wrapDim } from "../../base/shape.js";
import type { ValueId } from "../../ir/graph.js";
import type { Call, Lowering } from "./call.js";

const RESTORED =
  "the file was exported for inference: batch norm is put back into training mode, with the batch's own statistics";
const FOLDED =
  "the exporter folded batch norm into convolutions: it is put back behind each, with a scale, a shift and running statistics, and the convolution without a bias";

export const convolution: Lowering = (call) => convolved(call, false);
export const transposedConvolution: Lowering = (call) => convolved(call, true);

function convolved(call: Call, transposed: boolean): ValueId[] {
  const [input, weight] = [call.spec(0), call.spec(1)];
  const rank = weight.shape.length - 2;
  const { padding, before } = paddingOf(call, input.shape.slice(2), weight.shape.slice(2));
  const self = before ? call.step("pad", { self: call.id(0) }, { pad: before }) : call.id(0);
  const attributes = {
    stride: call.ints("strides") ?? new Array<number>(rank).fill(1),
    dilation: call.ints("dilations") ?? new Array<number>(rank).fill(1),
    groups: call.int("group", 1),
    padding,
    ...(transposed && { transposed: true, output_padding: call.ints("output_padding") ?? [0] }),
  };
  const folded = !transposed && call.foldedNorm();
  if (!folded)
    return call.result(
      "convolution",
      { input: self, weight: call.id(1), bias: call.optional(2) },
      attributes,
    );
  call.note("onnx/folded-batch-norm", FOLDED, "info");
  const convolved = call.step("convolution", { input: self, weight: call.id(1), bias: null }, attributes);
  const channels = [weight.shape[0] as number];
  countBatches(call);
  return call.result(
    "batchNorm",
    {
      input: convolved,
      weight: call.restore("bn_weight", channels, "parameter"),
      bias: call.restore("bn_bias", channels, "parameter"),
      running_mean: call.restore("bn_running_mean", channels, "buffer"),
      running_var: call.restore("bn_running_var", channels, "buffer"),
    },
    { training: true, momentum: 0.1, eps: 1e-5 },
  );
}

/** PyTorch's batch norm counts batches; ONNX leaves that out. */
function countBatches(call: Call): void {
  call.restore("num_batches_tracked", [], "buffer", "int64");
}

/** Padding as PyTorch's operator takes it; what is uneven is padded before. */
function paddingOf(
  call: Call,
  sizes: readonly number[],
  kernel: readonly number[],
): { padding: number[]; before?: number[] } {
  const rank = kernel.length;
  const auto = call.text("auto_pad", "NOTSET");
  const strides = call.ints("strides") ?? new Array<number>(rank).fill(1);
  const dilations = call.ints("dilations") ?? new Array<number>(rank).fill(1);
  let pads = call.ints("pads") ?? new Array<number>(2 * rank).fill(0);
  if (auto.startsWith("SAME")) {
    const totals = kernel.map((k, dim) => {
      const [size, s, d] = [sizes[dim] as number, strides[dim] as number, dilations[dim] as number];
      return Math.max((Math.ceil(size / s) - 1) * s + d * (k - 1) + 1 - size, 0);
    });
    const half = totals.map((total) => Math.floor(total / 2));
    const rest = totals.map((total, dim) => total - (half[dim] as number));
    pads = auto === "SAME_UPPER" ? [...half, ...rest] : [...rest, ...half];
  } else if (auto === "VALID") pads = new Array<number>(2 * rank).fill(0);
  const [start, end] = [pads.slice(0, rank), pads.slice(rank)];
  if (start.every((size, dim) => size === end[dim])) return { padding: start };
  const before = start.map((size, dim) => [size, end[dim] ?? 0]).reverse();
  return { padding: new Array<number>(rank).fill(0), before: before.flat() };
}

export const pool =
  (family: "avgPool" | "maxPool"): Lowering =>
  (call) => {
    const kernel = call.ints("kernel_shape") ?? [];
    const rank = kernel.length;
    const { padding, before } = paddingOf(call, call.spec(0).shape.slice(2), kernel);
    const self = before ? call.step("pad", { self: call.id(0) }, { pad: before }) : call.id(0);
    return call.result(
      `${family}${rank}d`,
      { self },
      {
        kernel_size: kernel,
        stride: call.ints("strides") ?? new Array<number>(rank).fill(1),
        padding,
        ...(family === "maxPool" && { dilation: call.ints("dilations") ?? [1] }),
        ceil_mode: call.int("ceil_mode", 0) === 1,
      },
    );
  };

export const globalPool =
  (family: string, otherwise: string): Lowering =>
  (call) => {
    const rank = call.spec(0).shape.length - 2;
    if (rank >= 1 && rank <= 3)
      return call.result(
        `${family}${rank}d`,
        { self: call.id(0) },
        { output_size: new Array<number>(rank).fill(1) },
      );
    const dim = Array.from({ length: rank }, (_, i) => i + 2);
    return call.result(otherwise, { self: call.id(0) }, { dim, keepdim: true });
  };

export const batchNorm: Lowering = (call) => {
  if (call.int("training_mode", 0) === 0) call.note("onnx/batch-norm", RESTORED, "info");
  countBatches(call);
  return call.result(
    "batchNorm",
    {
      input: call.id(0),
      weight: call.id(1),
      bias: call.id(2),
      running_mean: call.buffer(3),
      running_var: call.buffer(4),
    },
    { training: true, momentum: 0.1, eps: 1e-5 },
  );
};

export const dropout: Lowering = (call) => {
  const p = call.known(1)?.data[0] ?? call.float("ratio", 0.5);
  if (call.known(2)?.data[0] !== 1)
    call.note("onnx/dropout", "the file was exported for inference: its dropout is active again", "info");
  return call.result("dropout", { input: call.id(0) }, { p, train: true });
};

export const layerNorm =
  (op: "layerNorm" | "rmsNorm"): Lowering =>
  (call) => {
    const { shape } = call.spec(0);
    const axis = wrapDim(call.int("axis", -1), shape.length);
    return call.result(
      op,
      { input: call.id(0), weight: call.optional(1), ...(op === "layerNorm" && { bias: call.optional(2) }) },
      { normalized_shape: shape.slice(axis), eps: 1e-5 },
    );
  };

/** x, a weight [in, out], a bias: torch.nn.Linear. */
export const linear: Lowering = (call) =>
  call.spec(1).shape.length === 2
    ? call.result("linear", { input: call.id(0), weight: call.matrix(1, "transposed"), bias: call.id(2) })
    : call.result("add", {
        self: call.step("matmul", { self: call.id(0), other: call.id(1) }),
        other: call.id(2),
      });

export const matmul: Lowering = (call) =>
  call.isWeight(1) && call.spec(1).shape.length === 2
    ? call.result("linear", { input: call.id(0), weight: call.matrix(1, "transposed"), bias: null })
    : call.result("matmul", { self: call.id(0), other: call.id(1) });

export const gemm: Lowering = (call) => {
  const [flippedA, flippedB] = [call.int("transA", 0) === 1, call.int("transB", 0) === 1];
  const plain = !flippedA && call.float("alpha", 1) === 1 && call.float("beta", 1) === 1;
  const bias = call.has(2) && call.spec(2).shape.length <= 1 ? call.optional(2) : null;
  if (plain && call.isWeight(1) && (bias !== null || !call.has(2))) {
    const weight = call.matrix(1, flippedB ? "as-kept" : "transposed");
    return call.result("linear", { input: call.id(0), weight, bias });
  }
  const operand = (index: number, flipped: boolean): ValueId =>
    flipped ? call.step("transpose", { self: call.id(index) }, { dim0: 0, dim1: 1 }) : call.id(index);
  const [mat1, mat2] = [operand(0, flippedA), operand(1, flippedB)];
  return call.has(2)
    ? call.result("addmm", { self: call.id(2), mat1, mat2 })
    : call.result("mm", { self: mat1, mat2 });
};

/** One attention operator on [B, H, S, E]. */
export const attention: Lowering = (call) => {
  const mask = call.known(3) ? null : call.optional(3);
  const causal = call.int("is_causal", 0) === 1;
  const heads = call.int("q_num_heads", 0);
  const [rank] = [call.spec(0).shape.length];
  if (rank === 3 && heads > 0) {
    const [q, k, v] = [0, 1, 2].map((i) =>
      byHeads(call, i, i === 0 ? heads : call.int("kv_num_heads", heads)),
    );
    const merged = call.step(
      "scaledDotProductAttention",
      {
        query: q as ValueId,
        key: k as ValueId,
        value: v as ValueId,
        attn_mask: mask,
      },
      { is_causal: causal, dropout_p: 0 },
    );
    const moved = call.step("transpose", { self: merged }, { dim0: 1, dim1: 2 });
    const [B, S] = call.spec(0).shape as [number, number, number];
    return call.result("reshape", { self: moved }, { shape: [B, S, -1] });
  }
  return call.result(
    "scaledDotProductAttention",
    { query: call.id(0), key: call.id(1), value: call.id(2), attn_mask: mask },
    { is_causal: causal, dropout_p: call.float("dropout_p", 0) },
  );
};

/** [B, S, H x E] → [B, H, S, E] */
function byHeads(call: Call, index: number, heads: number): ValueId {
  const [B, S, width] = call.spec(index).shape as [number, number, number];
  const apart = call.step("view", { self: call.id(index) }, { size: [B, S, heads, width / heads] });
  return call.step("transpose", { self: apart }, { dim0: 1, dim1: 2 });
}

/** `T` steps, `B` batch, `I` inputs, `H` hidden, `D` directions. W is [D, gates x H, I], R [D, gates x H, H], B [D, 2 x gates x H]. */
export const recurrent =
  (op: "lstm" | "gru" | "rnnTanh", gates: number): Lowering =>
  (call) => {
    const [D, rows, I] = call.spec(1).shape as [number, number, number];
    const H = call.int("hidden_size", rows / gates);
    const [T, B] = call.spec(0).shape as [number, number];
    const parts = (index: number, shape: readonly number[], times: number) =>
      call.split(
        index,
        Array.from({ length: D * times }, () => shape),
      );
    const [input, hidden] = [parts(1, [rows, I], 1), parts(2, [rows, H], 1)];
    const biases = call.has(3) ? parts(3, [rows], 2) : [];
    const params = input.flatMap((w, d) => [w, hidden[d] as ValueId, ...biases.slice(2 * d, 2 * d + 2)]);
    call.flatten(params);
    const state = (index: number) =>
      call.has(index)
        ? call.id(index)
        : call.step("create", {}, { size: [D, B, H], dtype: call.spec(0).dtype });
    const hx = op === "lstm" ? [state(5), state(6)] : [state(5)];
    const outputs = call.steps(
      op,
      { input: call.id(0), hx, params },
      {
        has_biases: call.has(3),
        num_layers: 1,
        dropout: 0,
        train: true,
        bidirectional: D === 2,
        batch_first: false,
      },
    );
    // Y is [T, D, B, H] where PyTorch has [T, B, D x H]
    const apart = call.step("view", { self: outputs[0] as ValueId }, { size: [T, B, D, H] });
    return [call.step("permute", { self: apart }, { dims: [0, 2, 1, 3] }), ...outputs.slice(1)];
  };
