/** Setup → the hooks of the way its model is spread over GPUs. */
import type { Device } from "../../frameworks/pytorch/kernel.js";
import { storedType, type TrainingSetup } from "../../ir/setup.js";
import type { Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { FullySharded } from "./fully-sharded.js";
import { FullyShardedFlat } from "./fully-sharded-flat.js";
import { Replicated } from "./replicated.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";

export interface RankContext {
  readonly tape: Tape;
  readonly setup: TrainingSetup;
  readonly ledger: Ledger;
  readonly device: Device;
  /** Of what this rank owns, by parameter. */
  readonly gradients: Gradients;
}

export function rankHooks({ setup, ...context }: RankContext): RankHooks | null {
  const { parallel } = setup;
  if (!parallel) return null;
  const { mesh, sharding, replication } = parallel;
  const stored = storedType(setup.precision);
  if (sharding?.flat) return new FullyShardedFlat({ ...context, mesh, sharding, stored });
  if (sharding) return new FullySharded({ ...context, mesh, sharding, stored });
  return replication && new Replicated({ ...context, mesh, replication });
}
