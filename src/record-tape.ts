/**
 * The pipeline's first half, Graph → Tape. The last few tapes of a graph are kept: the optimizer, the allocator and the
 * size of the device change nothing before the step.
 */
import { differentiate } from "./autograd/differentiate.js";
import { partition } from "./autograd/partition/partition.js";
import { Kept } from "./base/kept.js";
import type { Device } from "./frameworks/pytorch/kernel.js";
import type { Graph } from "./ir/graph.js";
import type { TapeSetup } from "./ir/setup.js";
import type { Tape } from "./ir/tape.js";
import { attachLoss } from "./training/attach-loss.js";
import { markCheckpoints } from "./training/checkpoint-regions.js";
import { evaluationMode } from "./training/evaluation-mode.js";
import { convertToFloat8 } from "./training/float8.js";
import { cutStage } from "./training/parallel/pipeline-stage.js";
import { markShardedUnits } from "./training/parallel/sharded-units.js";
import { moveTo } from "./training/precision.js";

export interface RecordedTape {
  /** What this rank's loop runs. */
  readonly graph: Graph;
  readonly tape: Tape;
  /** The model alone, as it is stored. */
  readonly moved: Graph;
}

/** A tape is the largest structure there is. */
const tapes = new Kept<Graph, RecordedTape>({ each: 2, overall: 16 });

export function recordTape(model: Graph, setup: TapeSetup, device: Device): RecordedTape {
  return tapes.get(model, keyOf(setup, device), () => record(model, setup, device));
}

function record(model: Graph, setup: TapeSetup, device: Device): RecordedTape {
  const typed = convertToFloat8(moveTo(model, setup), setup.precision); // what is stored in which type and order
  const { mesh, stage = 0, sharding, stageBlocks = null } = setup.parallel ?? {};
  const staged = mesh && mesh.pp > 1 ? cutStage(typed, stage, mesh.pp, stageBlocks) : typed; // by this rank
  const moved = sharding ? markShardedUnits(staged, sharding.flat === null) : staged; // and gathered when
  const graph =
    setup.mode === "train"
      ? attachLoss(markCheckpoints(moved, setup.checkpointing), setup)
      : evaluationMode(moved); // what the loop runs
  const eager = differentiate(graph, setup, device); // what backward must keep
  const tape = setup.compile ? partition(eager, moved.nodes.length) : eager; // or computes again
  return { graph, tape, moved };
}

/** The model in eval mode with its loss, without gradients. */
export function validationTape(moved: Graph, setup: TapeSetup, device: Device): Tape {
  const plain: TapeSetup = {
    ...setup,
    accumulate: 1,
    gradScaler: false,
    compile: false,
    checkpointing: null,
  };
  return differentiate(attachLoss(evaluationMode(moved), plain), { ...plain, mode: "inference" }, device);
}

/** Everything that the passes above may read: their types name no more. */
function keyOf(setup: TapeSetup, device: Device): string {
  const ofSetup: Record<keyof TapeSetup, unknown> = {
    mode: setup.mode,
    framework: setup.framework,
    precision: setup.precision,
    attention: setup.attention,
    compile: setup.compile,
    checkpointing: setup.checkpointing,
    channelsLast: setup.channelsLast,
    accumulate: setup.accumulate,
    loss: setup.loss,
    gradScaler: setup.gradScaler,
    cudnn: setup.cudnn,
    parallel: setup.parallel,
  };
  return JSON.stringify([ofSetup, deviceKey(device)]);
}

/** Everything that a device decides, in one order. */
export function deviceKey(device: Device): Record<keyof Device, unknown> {
  return {
    computeCapability: device.computeCapability,
    multiprocessors: device.multiprocessors,
    blasWorkspace: device.blasWorkspace,
    attention: device.attention,
    tf32: device.tf32,
    cudnn: device.cudnn,
  };
}
