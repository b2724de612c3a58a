/** Fused batch norms: an inference graph's are put back into training mode, as the layer that trains is. */
import type { Lowering } from "./node-call.js";
import { notComputed } from "./complaints.js";

const fused: Lowering = (call) => {
  const format = call.text("data_format", "NHWC");
  if (format.startsWith("NC"))
    throw notComputed(
      call.where,
      `data_format ${format}`,
      "TensorFlow's own layout is NHWC; convert the model",
    );
  const { writer, where } = call;
  const { training } = writer.drawing.options;
  const stated = call.int("is_training", 1) === 1;
  const [x, scale, offset] = [call.value(0), call.value(1), call.value(2)];
  const [size] = call.shape(1);
  if (size !== call.shape(0).at(-1))
    throw call.refuse(`a scale of ${call.shape(0).at(-1)} channels`, `[${call.shape(1)}]`);
  if (training && !stated)
    call.note("inference-norm", "info", "saved for inference: the batch norm is put back into training mode");
  // while it trains, the vectors that are given are empty: constants
  const statistics = stated
    ? [null, null]
    : [writer.statistic(call.tensor(3), where), writer.statistic(call.tensor(4), where)];
  const results = call.all("FusedBatchNormV3", [x, scale, offset, ...statistics], { training });
  if (training && !stated)
    for (const [i, moving] of statistics.entries())
      average(call, moving as number, (results[i + 1] as { id: number }).id);
  return [...results, results[4] as (typeof results)[number]];
};

/** moving - (moving - batch) * (1 - momentum), Keras 2's way. */
function average(call: Parameters<Lowering>[0], moving: number, batch: number): void {
  const { writer, where } = call;
  const difference = call.one("Sub", [moving, batch]);
  const scaled = call.one("Mul", [writer.value(difference, where), null]);
  call.all("AssignSubVariableOp", [writer.value(scaled, where)]);
}

export const batchNormOps: Readonly<Record<string, Lowering>> = {
  FusedBatchNorm: fused,
  FusedBatchNormV2: fused,
  FusedBatchNormV3: fused,
};
