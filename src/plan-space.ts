/** Every layout of a model over a number of GPUs that the settings leave open. */
import type { Mesh } from "./ir/setup.js";
import { type Layout, takes, WAY_IDS, WAYS } from "./report/plan/layout.js";
import type { PlanQuestion } from "./plan-options.js";

export interface Space {
  readonly question: PlanQuestion;
  /** Degrees of tensor parallelism that the model takes. */
  readonly tensors: readonly number[];
  readonly blocks: number;
}

/** A pipeline's bubble is small long before, and each of its micro-batches is simulated. */
const MOST_PIPED = 256;

/** One after another; a hundred thousand are made in a fraction of a second. */
export function* layouts({ question, tensors, blocks }: Space): Generator<Layout> {
  const { gpus, globalBatch, engine, fixed } = question;
  for (const mesh of meshes(gpus, tensors, blocks)) {
    if (fixed.mesh && !sameMesh(fixed.mesh, mesh)) continue;
    const perRank = globalBatch / (mesh.dp * mesh.fsdp);
    if (!Number.isInteger(perRank)) continue;
    for (const way of WAY_IDS) {
      const { zero, engines, checkpointing } = WAYS[way];
      if (!takes(way, mesh) || (fixed.zero !== null && zero !== fixed.zero)) continue;
      if (engine && !engines.includes(engine)) continue;
      for (const each of checkpointing) {
        if (fixed.checkpointing !== null && fixed.checkpointing !== each) continue;
        if (blocks === 0 && each !== "none") continue;
        for (const batch of divisors(perRank)) {
          const accumulate = perRank / batch;
          if (mesh.pp > 1 && accumulate > MOST_PIPED) continue;
          if (fixed.batch !== null && fixed.batch !== batch) continue;
          if (fixed.accumulate !== null && fixed.accumulate !== accumulate) continue;
          yield { way, mesh, batch, accumulate, checkpointing: each };
        }
      }
    }
  }
}

function* meshes(gpus: number, tensors: readonly number[], blocks: number): Generator<Mesh> {
  for (const tp of tensors) {
    if (gpus % tp !== 0) continue;
    for (const pp of divisors(gpus / tp)) {
      if (!cuts(blocks, pp)) continue;
      const ranks = gpus / tp / pp;
      for (const fsdp of divisors(ranks)) yield { dp: ranks / fsdp, fsdp, tp, pp };
    }
  }
}

/** As `cutStage` divides: alike, or one block less on the outer stages. */
export function cuts(blocks: number, pp: number): boolean {
  if (pp === 1) return true;
  if (blocks > 0 && blocks % pp === 0) return true;
  return (blocks + 2) % pp === 0 && (blocks + 2) / pp >= 2;
}

function sameMesh(a: Mesh, b: Mesh): boolean {
  return a.dp === b.dp && a.fsdp === b.fsdp && a.tp === b.tp && a.pp === b.pp;
}

export function divisors(number: number): number[] {
  const small: number[] = [];
  const large: number[] = [];
  for (let each = 1; each * each <= number; each++) {
    if (number % each !== 0) continue;
    small.push(each);
    if (each * each !== number) large.unshift(number / each);
  }
  return [...small, ...large];
}
