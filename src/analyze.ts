/** The pipeline. Every answer of Plimsoll goes through it. */
import { differentiate } from "./autograd/differentiate.js";
import { traceProgram } from "./autograd/trace-program.js";
import { partition } from "./autograd/partition/partition.js";
import type { Device } from "./frameworks/pytorch/kernel.js";
import type { Graph } from "./ir/graph.js";
import type { Machine, TrainingSetup } from "./ir/setup.js";
import type { Step } from "./ir/step.js";
import type { Tape } from "./ir/tape.js";
import type { Timeline } from "./ir/timeline.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import { markCheckpoints } from "./training/checkpoint-regions.js";
import { attachLoss } from "./training/attach-loss.js";
import { evaluationMode } from "./training/evaluation-mode.js";
import { cutStage } from "./training/parallel/pipeline-stage.js";
import { markShardedUnits } from "./training/parallel/sharded-units.js";
import { convertToFloat8 } from "./training/float8.js";
import { planProgram } from "./training/plan-program.js";
import { planStep } from "./training/plan-step.js";
import { moveTo } from "./training/precision.js";

export interface Analysis {
  readonly graph: Graph;
  readonly tape: Tape;
  readonly step: Step;
  readonly timeline: Timeline;
}

export interface AnalyzeOptions {
  /** Write down every moment of the last step. */
  readonly moments?: boolean;
}

export function analyze(
  model: Graph,
  setup: TrainingSetup,
  machine: Machine,
  options: AnalyzeOptions = {},
): Analysis {
  const { allocator } = setup;
  const planned = plan(model, setup, machine);
  const timeline = simulateMemory(planned.step, machine, { ...options, allocator }); // what the allocator hands out
  return { ...planned, timeline };
}

/** The pipeline up to the allocator. */
export function plan(model: Graph, setup: TrainingSetup, machine: Machine): Omit<Analysis, "timeline"> {
  if (setup.framework === "tensorflow") {
    const tape = traceProgram(model, setup); // forward and backward are one graph
    return { graph: model, tape, step: planProgram(tape, setup) };
  }
  const device: Device = { ...machine, cudnn: setup.cudnn, attention: setup.attention };
  const typed = convertToFloat8(moveTo(model, setup), setup.precision); // what is stored in which type and order
  const { mesh, stage = 0, sharding } = setup.parallel ?? {};
  const staged = mesh && mesh.pp > 1 ? cutStage(typed, stage, mesh.pp) : typed; // by this rank
  const moved = sharding ? markShardedUnits(staged, sharding.flat === null) : staged; // and gathered when
  const graph =
    setup.mode === "train"
      ? attachLoss(markCheckpoints(moved, setup.checkpointing), setup)
      : evaluationMode(moved); // what the loop runs
  const eager = differentiate(graph, setup, device); // what backward must keep
  const tape = setup.compile ? partition(eager, moved.nodes.length) : eager; // or computes again
  const validation = setup.validate ? validationTape(moved, setup, device) : null;
  const step = planStep(tape, setup, device, validation); // what is allocated and freed, in order
  return { graph, tape, step };
}

/** The model in eval mode with its loss, without gradients. */
function validationTape(moved: Graph, setup: TrainingSetup, device: Device): Tape {
  const plain: TrainingSetup = {
    ...setup,
    accumulate: 1,
    gradScaler: false,
    compile: false,
    checkpointing: null,
  };
  return differentiate(attachLoss(evaluationMode(moved), plain), { ...plain, mode: "inference" }, device);
}
