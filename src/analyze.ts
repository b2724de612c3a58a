/** The pipeline. Every answer of Plimsoll goes through it. */
import { linearize } from "./autograd/linearize.js";
import { traceProgram } from "./autograd/trace-program.js";
import { Kept } from "./base/kept.js";
import type { Device } from "./frameworks/pytorch/kernel.js";
import type { Graph } from "./ir/graph.js";
import type { Machine, StepSetup, TrainingSetup } from "./ir/setup.js";
import type { Step } from "./ir/step.js";
import type { Tape } from "./ir/tape.js";
import type { Timeline } from "./ir/timeline.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import { deviceKey, recordTape, validationTape } from "./record-tape.js";
import { planProgram } from "./training/plan-program.js";
import { planXla } from "./training/plan-xla.js";
import { planStep } from "./training/plan-step.js";

export interface Analysis {
  readonly graph: Graph;
  readonly tape: Tape;
  readonly step: Step;
  readonly timeline: Timeline;
}

type Planned = Omit<Analysis, "timeline">;

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
  const before = plan(model, setup, machine);
  const timeline = simulateMemory(before.step, machine, { ...options, allocator }); // what the allocator hands out
  return { ...before, timeline };
}

/** A step serves every allocator, capacity and report. */
const planned = new Kept<Graph, Planned>({ each: 2, overall: 4 });

/** The pipeline up to the allocator. */
export function plan(model: Graph, setup: TrainingSetup, machine: Machine): Planned {
  const device: Device = { ...machine, cudnn: setup.cudnn, attention: setup.attention };
  const { allocator, step, ...ofStep } = setup;
  const key = JSON.stringify([ofStep, deviceKey(device)]);
  return planned.get(model, key, () => planAnew(model, ofStep, device));
}

function planAnew(model: Graph, setup: StepSetup, device: Device): Planned {
  if (setup.framework === "tensorflow") {
    const tape = traceProgram(model, setup); // forward and backward are one graph
    return { graph: model, tape, step: planProgram(tape, setup) };
  }
  if (setup.framework === "jax") {
    const tape = linearize(model, setup); // what jax.vjp keeps
    return { graph: model, tape, step: planXla(tape, setup) }; // what XLA stores, in its order
  }
  const { graph, tape, moved } = recordTape(model, setup, device); // what backward must keep
  const validation = setup.validate ? validationTape(moved, setup, device) : null;
  const step = planStep(tape, setup, device, validation); // what is allocated and freed, in order
  return { graph, tape, step };
}
