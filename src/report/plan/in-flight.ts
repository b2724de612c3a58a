/** Micro-batches whose activations a stage holds at most under 1F1B: torch/distributed/pipelining/schedules.py (Schedule1F1B). */
export function inFlightAt(stage: number, stages: number, microBatches: number): number {
  return Math.min(microBatches, stages - stage);
}
