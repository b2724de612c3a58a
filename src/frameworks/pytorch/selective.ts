/**
 * Operators whose results selective checkpointing keeps: products, convolutions and attention, which cost most to run again.
 *
 * Source  torch/utils/checkpoint.py (create_selective_checkpoint_contexts); the list is that of its documentation and of
 *         torchtitan's per-operator policy: matrix products and scaled dot-product attention, and convolutions.
 *         Of products, torchtitan (2024-2025, parallelize_llama.py _custom_policy) leaves out every second `mm` of a block
 */
const KEPT: ReadonlySet<string> = new Set([
  ...["mm", "addmm", "bmm", "baddbmm", "convolution"],
  ...["flashAttention", "efficientAttention", "cudnnAttention"],
]);

/** Says of the operators of one checkpointed block, in order, whether the result is kept; every `skip`-th `mm` is not. */
export function selection(skip: number | null): (op: string) => boolean {
  let products = 0;
  return (op) => {
    if (op === "mm") products += 1;
    return KEPT.has(op) && !(op === "mm" && skip !== null && products % skip === 0);
  };
}
