/** The pipeline. Every answer of Plimsoll goes through it. */
import { linearize } from "./autograd/linearize.js";
import { traceProgram } from "./autograd/trace-program.js";
import type { Device } from "./frameworks/pytorch/kernel.js";
import type { Graph } from "./ir/graph.js";
import type { Machine, TrainingSetup } from "./ir/setup.js";
import type { Step } from "./ir/step.js";
import type { Tape } from "./ir/tape.js";
import type { Timeline } from "./ir/timeline.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import { recordTape, validationTape } from "./record-tape.js";
import { planProgram } from "./training/plan-program.js";
import { planXla } from "./training/plan-xla.js";
import { planStep } from "./training/plan-step.js";

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
  if (setup.framework === "jax") {
    const tape = linearize(model, setup); // what jax.vjp keeps
    return { graph: model, tape, step: planXla(tape, setup) }; // what XLA stores, in its order
  }
  const device: Device = { ...machine, cudnn: setup.cudnn, attention: setup.attention };
  const { graph, tape, moved } = recordTape(model, setup, device); // what backward must keep
  const validation = setup.validate ? validationTape(moved, setup, device) : null;
  const step = planStep(tape, setup, device, validation); // what is allocated and freed, in order
  return { graph, tape, step };
}
