/** Setup → the hooks of the way its model is spread over GPUs. */
import type { Device } from "../../frameworks/pytorch/kernel.js";
import type { DType } from "../../base/dtype.js";
import { storedType, type StepSetup, type Zero } from "../../ir/setup.js";
import type { Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { MegatronMasters } from "./megatron-masters.js";
import { NanotronMasters } from "./nanotron-masters.js";
import { ALONE } from "./choose-parallel.js";
import { FullySharded } from "./fully-sharded.js";
import { FullyShardedFlat } from "./fully-sharded-flat.js";
import { Replicated } from "./replicated.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";
import { ZeroAccumulated } from "./zero-accumulated.js";
import { ZeroFlat } from "./zero-flat.js";
import { ZeroGathered } from "./zero-gathered.js";
import { ZeroWhole } from "./zero-whole.js";

export interface RankContext {
  readonly tape: Tape;
  readonly setup: StepSetup;
  readonly ledger: Ledger;
  readonly device: Device;
  /** Of what this rank owns, by parameter. */
  readonly gradients: Gradients;
}

export function rankHooks({ setup, ...context }: RankContext): RankHooks | null {
  const { parallel, masters, zero } = setup;
  const { mesh, sharding, replication } = parallel ?? { mesh: ALONE, sharding: null, replication: null };
  const stored = storedType(setup.precision);
  if (zero) return deepspeed({ ...context, zero, ranks: mesh.dp, stored });
  if (masters?.by === "megatron") return new MegatronMasters({ ...context, masters, mesh, stored });
  if (masters) return new NanotronMasters({ ...context, masters, mesh, replication, stored });
  if (sharding?.flat) return new FullyShardedFlat({ ...context, mesh, sharding, stored });
  if (sharding) return new FullySharded({ ...context, mesh, sharding, stored });
  return replication && new Replicated({ ...context, mesh, replication });
}

function deepspeed(
  context: Omit<RankContext, "setup"> & {
    readonly zero: Zero;
    readonly ranks: number;
    readonly stored: DType;
  },
): RankHooks {
  const { zero, stored } = context;
  if (zero.stage === 0) return new ZeroWhole(context);
  if (zero.stage === 1 && zero.gradients !== stored) return new ZeroAccumulated(context);
  return zero.stage === 3 ? new ZeroGathered(context) : new ZeroFlat(context);
}
