/**
 * Operators whose results selective checkpointing keeps: products, convolutions and attention, which cost most to run again.
 *
 * Source  torch/utils/checkpoint.py (create_selective_checkpoint_contexts); the list is that of its documentation and of
 *         torchtitan's per-operator policy: matrix products and scaled dot-product attention, and convolutions
 */
const KEPT: ReadonlySet<string> = new Set([
  ...["mm", "addmm", "bmm", "baddbmm", "convolution"],
  ...["flashAttention", "efficientAttention", "cudnnAttention"],
]);

export function isKeptSelectively(op: string): boolean {
  return KEPT.has(op);
}
