/**
 * Tape → Step: forward, backward, optimizer and zero_grad in execution order, from the resident tensors to the state
 * that every later step repeats.
 */
import type { Device } from "../frameworks/pytorch/kernel.js";
import type { ValueId, ValueRole } from "../ir/graph.js";
import type { TrainingSetup } from "../ir/setup.js";
import {
  allocation,
  blockOf,
  type BlockId,
  type Category,
  type Phase,
  type Section,
  type Step,
} from "../ir/step.js";
import { savedStorages, type StorageId, type Tape } from "../ir/tape.js";
import { lastUses } from "./lifetimes.js";
import { Ledger } from "./ledger.js";
import { type OptimizerAction, type OptimizerPlan, planOptimizer } from "./optimizers.js";
import { planBackward } from "./plan-backward.js";

const RESIDENT: Partial<Record<ValueRole, Category>> = {
  parameter: "parameters",
  buffer: "buffers",
  constant: "buffers",
  input: "inputs",
  target: "inputs",
};

const RESIDENT_BECAUSE: Partial<Record<Category, string>> = {
  parameters: "trained tensors, resident on the device",
  buffers: "untrained module state, resident on the device",
  inputs: "the mini-batch and its targets",
};

export function planStep(tape: Tape, setup: TrainingSetup, device: Device): Step {
  const planner = new StepPlanner(tape, setup, device);
  const resident = planner.residents();
  const first = planner.step(true);
  const steady = planner.step(false);
  return { name: tape.graph.name, blocks: planner.ledger.blocks, resident, first, steady };
}

/** Micro-batches after which the further ones only repeat what the cache has seen. */
const SETTLED = 8;

interface PlannedPasses {
  readonly sections: readonly Section[];
  /** The gradients they make; null when they add to those that are there. */
  readonly gradients: ReadonlyMap<ValueId, BlockId> | null;
}

class StepPlanner {
  readonly ledger = new Ledger();
  private readonly tape: Tape;
  private readonly setup: TrainingSetup;
  private readonly device: Device;
  private readonly ends: Float64Array;
  private readonly forwardBlas: BlockId;
  private readonly backwardBlas: BlockId;
  private readonly gradients = new Map<ValueId, BlockId>();
  private optimizer: {
    plan: OptimizerPlan;
    /** By the id of the optimizer's tensor. */
    blocks: BlockId[];
    parameters: readonly ValueId[];
  } | null = null;
  /** By thread: whether its cuBLAS handle has its workspace. */
  private readonly hasWorkspace = { forward: false, backward: false };
  private readonly planned = new Map<"fresh" | "adding", PlannedPasses>();

  constructor(tape: Tape, setup: TrainingSetup, device: Device) {
    this.tape = tape;
    this.setup = setup;
    this.device = device;
    this.ends = lastUses(tape, tape.storages.length);
    const saved = new Uint8Array(tape.storages.length);
    for (const { id } of savedStorages(tape)) saved[id] = 1;
    for (const storage of tape.storages) {
      const role = storage.resident === undefined ? undefined : tape.graph.values[storage.resident]?.role;
      const category: Category =
        (role && RESIDENT[role]) ??
        (storage.workspace ? "workspace" : saved[storage.id] === 1 ? "savedTensors" : "temporaries");
      const because =
        RESIDENT_BECAUSE[category] ??
        (category === "savedTensors"
          ? "read again by backward"
          : category === "workspace"
            ? "scratch of a forward kernel"
            : "a forward result that nothing keeps");
      const block = this.ledger.declare(
        storage.bytes,
        category,
        storage.label,
        because,
        storage.spec,
        storage.node,
      );
      if (storage.trial) this.ledger.tries(block);
    }
    const workspace = (thread: string) =>
      this.ledger.declare(
        device.blasWorkspace,
        "workspace",
        `cuBLAS workspace, ${thread} thread`,
        "kept per handle and stream from the first matrix product on",
        null,
      );
    this.forwardBlas = workspace("forward");
    this.backwardBlas = workspace("backward");
  }

  /** Parameters and buffers as `Module.to` moves them, then inputs and targets. */
  residents(): Section {
    const { ledger, tape } = this;
    ledger.begin("resident");
    const { residents, values } = tape.graph;
    const inputs = values.filter(({ role }) => role === "input" || role === "target").map(({ id }) => id);
    for (const id of [...residents, ...inputs]) {
      const storage = tape.storageOf[id] as StorageId;
      if (ledger.holdersOf(storage) === 0) ledger.allocate(storage);
      ledger.hold(storage);
    }
    const [section] = ledger.take();
    return section ?? { phase: "resident", actions: [], nodes: [] };
  }

  step(first: boolean): Section[] {
    const { ledger, setup } = this;
    const sections = this.passes();
    for (let micro = 1; micro < Math.min(setup.accumulate, SETTLED); micro++) {
      this.returnFromPass("backward");
      sections.push(...ledger.take(), ...this.passes());
    }
    ledger.at = -1;
    if (setup.mode === "train") {
      if (setup.accumulate > 1) this.returnFromPass("backward");
      if (setup.optimizer) {
        ledger.begin("optimizer");
        this.optimize(first);
      }
      ledger.begin("zero-grad");
      this.zeroGradients();
    } else ledger.begin("zero-grad");
    if (setup.accumulate === 1) this.returnFromPass();
    return [...sections, ...ledger.take()];
  }

  /** Forward and backward. Where gradients are there already, backward adds to them. */
  private passes(): Section[] {
    const { ledger, setup, gradients } = this;
    const key = gradients.size > 0 ? "adding" : "fresh";
    const planned = this.planned.get(key);
    if (planned) return this.repeat(planned);
    ledger.begin("forward");
    const saved = this.forward();
    if (setup.mode === "train") {
      ledger.begin("backward");
      this.backward(saved);
    }
    const tried = ledger.take();
    const first = this.planned.size === 0;
    const sections = tried.map((section) => this.withoutTrials(section));
    this.planned.set(key, { sections, gradients: key === "fresh" ? new Map(gradients) : null });
    return first ? tried : [...sections];
  }

  /** Plans are timed in the first pass alone. */
  private withoutTrials(section: Section): Section {
    const { blocks } = this.ledger;
    const kept = section.actions.map((action) => !blocks[blockOf(action)]?.trial);
    if (kept.every(Boolean)) return section;
    const only = <T>(list: readonly T[]): T[] => list.filter((_, i) => kept[i]);
    return { phase: section.phase, actions: only(section.actions), nodes: only(section.nodes) };
  }

  /** The same passes again, without the workspaces that the threads' cuBLAS handles have by then. */
  private repeat({ sections, gradients }: PlannedPasses): Section[] {
    const { ledger } = this;
    for (const [parameter, block] of gradients ?? []) {
      this.gradients.set(parameter, block);
      ledger.hold(block);
    }
    for (const storage of this.returned()) ledger.hold(storage);
    const once = new Set([allocation(this.forwardBlas), allocation(this.backwardBlas)]);
    return sections.map((section) => {
      const at = section.actions.findIndex((action) => once.has(action));
      if (at < 0) return section;
      const without = <T>(list: readonly T[]): T[] => [...list.slice(0, at), ...list.slice(at + 1)];
      return { phase: section.phase, actions: without(section.actions), nodes: without(section.nodes) };
    });
  }

  /** Runs the tape's events; returns how often each storage is still saved. */
  private forward(): Int32Array {
    const { ledger, tape, ends } = this;
    const saved = new Int32Array(tape.storages.length);
    const dying: StorageId[][] = [];
    for (const storage of tape.storages) {
      const end = ends[storage.id] as number;
      if (end < 0 || !Number.isFinite(end)) continue;
      const together = dying[end];
      if (together) together.push(storage.id);
      else dying[end] = [storage.id];
    }
    let at = 0;
    for (const node of tape.graph.nodes) {
      ledger.at = node.id;
      for (; at < tape.events.length && tape.events[at]?.node === node.id; at++) {
        const event = tape.events[at] as (typeof tape.events)[number];
        if (event.kind === "allocate") {
          ledger.allocate(event.storage);
          ledger.hold(event.storage);
        } else if (event.kind === "drop") ledger.drop(event.storage);
        else if (event.kind === "save") {
          saved[event.storage] = (saved[event.storage] as number) + 1;
          ledger.hold(event.storage);
        } else this.blas("forward");
      }
      for (const storage of dying[node.id] ?? []) ledger.drop(storage);
    }
    ledger.at = -1;
    return saved;
  }

  private backward(saved: Int32Array): void {
    const { tape, ledger, device, gradients } = this;
    planBackward({
      tape,
      ledger,
      device,
      parameterGradients: gradients,
      blas: () => this.blas("backward"),
      releaseSaved: (storage) => {
        saved[storage] = (saved[storage] as number) - 1;
        ledger.drop(storage);
      },
    });
    // grad nodes that backward does not reach die with the loss; their saved tensors with them
    saved.forEach((count, storage) => {
      for (let i = 0; i < count; i++) ledger.drop(storage);
    });
  }

  private blas(thread: "forward" | "backward"): void {
    if (this.hasWorkspace[thread]) return;
    this.hasWorkspace[thread] = true;
    const block = thread === "forward" ? this.forwardBlas : this.backwardBlas;
    this.ledger.allocate(block);
    this.ledger.hold(block);
  }

  private optimize(first: boolean): void {
    const { setup, tape } = this;
    if (!setup.optimizer) return;
    if (!this.optimizer) {
      const parameters = [...this.trained()];
      const specs = parameters.map((id) => {
        const { shape, dtype } = (
          tape.graph.values[id] as { spec: { shape: readonly number[]; dtype: "float32" } }
        ).spec;
        return { shape, dtype };
      });
      this.optimizer = { plan: planOptimizer(setup.optimizer, specs), blocks: [], parameters };
      this.perform(this.optimizer.plan.init);
    }
    this.perform(first ? this.optimizer.plan.first : this.optimizer.plan.steady);
  }

  /** Parameters with a gradient, in the order the module lists them. */
  private trained(): ValueId[] {
    return this.tape.graph.values.filter(({ id }) => this.gradients.has(id)).map(({ id }) => id);
  }

  private perform(actions: readonly OptimizerAction[]): void {
    const { ledger } = this;
    const { blocks, parameters } = this.optimizer as NonNullable<typeof this.optimizer>;
    for (const action of actions) {
      if (action.kind === "free") {
        ledger.drop(blocks[action.id] as BlockId);
        continue;
      }
      let block = blocks[action.id];
      if (block === undefined) {
        const state = action.role === "state";
        const parameter =
          action.parameter === null
            ? undefined
            : this.tape.graph.values[parameters[action.parameter] as number]?.name;
        block = ledger.declare(
          action.bytes,
          state ? "optimizerStates" : "temporaries",
          parameter ? `${action.name} of ${parameter}` : action.name,
          state
            ? "made by the first optimizer step, kept from then on"
            : "an intermediate list of the optimizer step",
          action,
        );
        blocks[action.id] = block;
      }
      ledger.allocate(block);
      ledger.hold(block);
    }
  }

  private zeroGradients(): void {
    if (this.setup.zeroGrad === "keep") return;
    for (const block of this.gradients.values()) this.ledger.drop(block);
    this.gradients.clear();
  }

  /** The locals of the loop's body die: what the forward pass returned. */
  private returnFromPass(phase?: Phase): void {
    if (phase) this.ledger.begin(phase);
    for (const storage of this.returned()) this.ledger.drop(storage);
  }

  private returned(): Set<StorageId> {
    const { tape } = this;
    const held = new Set<StorageId>();
    for (const id of tape.graph.outputs) {
      const storage = tape.storageOf[id];
      if (storage !== undefined && tape.storages[storage]?.resident === undefined) held.add(storage);
    }
    return held;
  }
}
