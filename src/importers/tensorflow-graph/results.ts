/** Functions name results; a node's are numbered. tensorflow/core/ops/*_ops.cc */

/** A result's place among all, where functions name results and a row has several. */
export const RESULTS: Readonly<Record<string, readonly string[]>> = {
  FusedBatchNorm: ["y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"],
  FusedBatchNormV2: ["y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"],
  FusedBatchNormV3: [
    "y",
    "batch_mean",
    "batch_variance",
    "reserve_space_1",
    "reserve_space_2",
    "reserve_space_3",
  ],
  SparseSoftmaxCrossEntropyWithLogits: ["loss", "backprop"],
  SoftmaxCrossEntropyWithLogits: ["loss", "backprop"],
  StatelessRandomGetKeyCounter: ["key", "counter"],
  TopKV2: ["values", "indices"],
  Switch: ["output_false", "output_true"],
  Merge: ["output", "value_index"],
};
