/** Layout → what the engine says of it: the whole pipeline on the stages that can be the largest. */
import { InputError } from "./base/complaint.js";
import type { ImportedModel } from "./importers/model.js";
import type { Mesh } from "./ir/setup.js";
import { spreadOf } from "./report/interval.js";
import type { Layout, WayId } from "./report/plan/layout.js";
import { inFlightAt } from "./report/plan/in-flight.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import { flagOf, type Options } from "./settings.js";

export interface Simulated {
  readonly allocatedBytes: number;
  readonly reservedBytes: number;
  readonly deviceTotalBytes: number;
  /** Device total at the upper end of the interval, less what the device has; negative: room. */
  readonly missingBytes: number;
  readonly fits: boolean;
}

/** The options of `estimate` that a way is. */
const OPTIONS: Readonly<Record<WayId, Options>> = {
  fsdp: { precision: "fp32", fsdp: "params=bf16,reduce=fp32" },
  "fsdp-whole": { precision: "fp32", fsdp: "params=bf16,reduce=fp32,reshard=false" },
  zero1: { precision: "bf16", zero: 1, gradients: "fp32" },
  zero2: { precision: "bf16", zero: 2 },
  zero3: { precision: "bf16", zero: 3 },
  "zero1-offload": { precision: "bf16", zero: 1, offload: "optimizer" },
  "zero2-offload": { precision: "bf16", zero: 2, offload: "optimizer" },
  "zero3-offload": { precision: "bf16", zero: 3, offload: "optimizer" },
  "zero3-offload-all": { precision: "bf16", zero: 3, offload: "optimizer,parameters" },
  megatron: { precision: "bf16", masterWeights: "megatron" },
  "megatron-sharded": { precision: "bf16", masterWeights: "megatron", shardedOptimizer: true },
};

export function optionsOf({ way, mesh, batch, accumulate, checkpointing }: Layout, shared: Options): Options {
  const parallel = meshText(mesh);
  return {
    ...shared,
    ...OPTIONS[way],
    ...(parallel !== "none" && { parallel }),
    batch,
    ...(accumulate > 1 && { accumulate }),
    ...(checkpointing !== "none" && { checkpointing }),
  };
}

/** `fsdp=8,tp=4`; `none` for one GPU. */
export function meshText(mesh: Mesh): string {
  const axes = Object.entries(mesh).filter(([, ranks]) => ranks > 1);
  return axes.length === 0 ? "none" : axes.map(([axis, ranks]) => `${axis}=${ranks}`).join(",");
}

export function flagsOf(options: Options): string {
  return Object.entries(options)
    .flatMap(([name, value]) => {
      if (value === undefined || value === false) return [];
      const text = String(value);
      return [
        `--${flagOf(name)}${value === true ? "" : ` ${/\s/.test(text) ? JSON.stringify(text) : text}`}`,
      ];
    })
    .join(" ");
}

/** Null where the engine refuses the settings. */
export function simulate(
  model: ImportedModel,
  layout: Layout,
  { shared, confidence }: { shared: Options; confidence: number },
): Simulated | null {
  try {
    return simulated(model, standIn(layout), { shared, confidence });
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

/**
 * The one with the fewest micro-batches whose memory is the same: the first makes gradients, the others add to them, and every step is
 * as the one before. A pipeline has buffers for each of its micro-batches.
 */
function standIn(layout: Layout): Layout {
  return layout.mesh.pp > 1 ? layout : { ...layout, accumulate: Math.min(layout.accumulate, MOST_ALONE) };
}

const MOST_ALONE = 3;

function simulated(
  model: ImportedModel,
  layout: Layout,
  { shared, confidence }: { shared: Options; confidence: number },
): Simulated {
  const resolved = resolveSetup(optionsOf(layout, shared), model);
  const { machine, context } = resolved;
  const { pp } = layout.mesh;
  let most = { allocatedBytes: 0, reservedBytes: 0, outOfMemory: false, spread: 0 };
  for (const stage of stagesOf(pp, layout.accumulate)) {
    const { parallel } = resolved.setup;
    const setup = parallel ? { ...resolved.setup, parallel: { ...parallel, stage } } : resolved.setup;
    const { timeline, outOfMemory, graph } = runPipeline(model, { ...resolved, setup });
    if (timeline.reserved <= most.reservedBytes) continue; // as `worstRank` picks
    most = {
      allocatedBytes: timeline.steady.peak.allocated,
      reservedBytes: timeline.reserved,
      outOfMemory: outOfMemory || most.outOfMemory,
      spread: spreadOf(graph, setup, confidence),
    };
  }
  const total = most.reservedBytes + machine.context;
  const high = most.reservedBytes + most.spread + context.highBytes;
  const missing = high - (machine.capacity ?? 0);
  return {
    allocatedBytes: most.allocatedBytes,
    reservedBytes: most.reservedBytes,
    deviceTotalBytes: total,
    missingBytes: most.outOfMemory ? Math.max(1, missing) : missing,
    fits: !most.outOfMemory && missing <= 0,
  };
}

/** Stages between have the blocks of the second and no more micro-batches under way than it. */
function stagesOf(pp: number, microBatches: number): number[] {
  const second = inFlightAt(1, pp, microBatches);
  const stages = [0, ...(pp > 2 && second > 0 ? [1] : []), pp - 1];
  return [...new Set(stages)];
}
