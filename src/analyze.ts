/** The pipeline. Every answer of Plimsoll goes through it. */
import { differentiate } from "./autograd/differentiate.js";
import type { Device } from "./frameworks/pytorch/kernel.js";
import type { Graph } from "./ir/graph.js";
import type { Machine, TrainingSetup } from "./ir/setup.js";
import type { Step } from "./ir/step.js";
import type { Tape } from "./ir/tape.js";
import type { Timeline } from "./ir/timeline.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import { attachLoss } from "./training/attach-loss.js";
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

export function analyze(model: Graph, setup: TrainingSetup, machine: Machine, options: AnalyzeOptions = {}): Analysis {
  const device: Device = machine;
  const graph = attachLoss(model, setup); // what the training loop runs
  const tape = differentiate(graph, setup, device); // what backward must keep
  const step = planStep(tape, setup, device); // what is allocated and freed, in order
  const timeline = simulateMemory(step, machine, options); // what the allocator hands out
  return { graph, tape, step, timeline };
}
