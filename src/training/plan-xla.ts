/**
 * Tape → Step for functions that XLA compiles as a whole: forward, backward and the optimizer's updates are one program, whose kernels,
 * order and buffers are chosen before it runs.
 *
 * Compared with the compiled programs of the CPU backend: a GPU fuses more, and keeps 16-bit arithmetic in 16 bits.
 */
import { invariant } from "../base/invariant.js";
import { bytes } from "../base/units.js";
import { OPTAX, type OptaxOptimizer } from "../frameworks/jax/optax.js";
import type { Value, ValueId } from "../ir/graph.js";
import type { StepSetup } from "../ir/setup.js";
import { type BlockId, type Category, type Phase, RESIDENT_CATEGORY, type Step } from "../ir/step.js";
import { type Program, savedStorages, type StorageId, type Tape } from "../ir/tape.js";
import { dense, packedSize, type TensorSpec } from "../ir/tensor.js";
import { Ledger } from "./ledger.js";
import { type Interval, neededCopies, placeBuffers } from "./xla/buffers.js";
import { fuse, type Kernel } from "./xla/fuse.js";
import { expand, type Instruction } from "./xla/instructions.js";
import { breadthFirst } from "./xla/schedule.js";
import { loopTurns } from "./xla/turns.js";
import { type Replaced, update } from "./xla/update.js";

const BECAUSE: Partial<Record<Category, string>> = {
  parameters: "arguments of the step that are trained",
  buffers: "arguments of the step that are not trained",
  inputs: "the mini-batch and its targets",
  savedTensors: "a residual, or what one is made of: backward reads it",
  gradients: "read by the optimizer's kernels",
  temporaries: "read by a later kernel",
};
const STATE = "an argument of the step: the optimizer's state";

export function planXla(tape: Tape, setup: StepSetup): Step {
  return new XlaPlanner(tape, setup).plan();
}

class XlaPlanner {
  private readonly tape: Tape;
  private readonly program: Program;
  private readonly setup: StepSetup;
  private readonly ledger = new Ledger();
  /** By storage, which are blocks too. */
  private readonly specs: TensorSpec[] = [];
  private readonly optimizer: OptaxOptimizer | null;
  private readonly residents: StorageId[] = [];
  private readonly replaced: Replaced[] = [];

  constructor(tape: Tape, setup: StepSetup) {
    this.tape = tape;
    invariant(tape.program, "the step was traced");
    this.program = tape.program;
    this.setup = setup;
    const { optimizer, mode } = setup;
    const trains = mode === "train" && tape.graph.traced?.kind === "function";
    this.optimizer = optimizer && trains ? (OPTAX[optimizer.name] ?? null) : null;
  }

  plan(): Step {
    const { ledger, tape } = this;
    this.declareAll();
    const turnOf = loopTurns(tape.graph);
    const instructions = expand(
      this.program.operations,
      {
        specOf: (id) => this.specs[id] as TensorSpec,
        declare: (spec, label) => this.temporary(spec, label),
        widens: tape.graph.traced?.kind !== "compiled",
      },
      turnOf,
    );
    const states = this.allocateResidents();
    const resident = ledger.take()[0] ?? { phase: "resident" as const, actions: [], nodes: [] };
    if (this.optimizer) instructions.push(...this.updates(this.optimizer, states));
    else this.replaceAsSaid();
    const roots = this.roots();
    const fused = fuse(instructions, roots, (id) => this.specs[id] as TensorSpec, turnOf);
    const kernels = this.copied(fused.kernels);
    const order =
      tape.graph.traced?.kind === "compiled" ? kernels : breadthFirst(kernels, this.residents, turnOf);
    const donates = this.setup.donates !== false;
    const residents = new Set(this.residents);
    const outputs = roots.map((id) => fused.bufferOf(id)).filter((id) => !residents.has(id));
    const after = new Map(
      donates ? this.replaced.map((pair) => [fused.bufferOf(pair.after), pair.before]) : [],
    );
    const own = [...new Set(outputs.filter((id) => !after.has(id)))];
    const intervals = placeBuffers({
      kernels: order,
      sizeOf: (id) => packedSize(this.specs[id] as TensorSpec),
      donated: after,
      outputs: own,
      residents,
    });
    this.categorize(order, fused.bufferOf);
    const sections = this.run(order, intervals, own);
    return {
      name: tape.graph.name,
      blocks: ledger.blocks,
      resident,
      first: sections,
      steady: sections,
      carried: [],
    };
  }

  // ------------------------------------------------------------------ what there is

  /** One block for each storage. */
  private declareAll(): void {
    const { tape, ledger } = this;
    for (const { bytes: size, label, spec, node, resident } of tape.storages) {
      const value = resident === undefined ? undefined : (tape.graph.values[resident] as Value);
      const category: Category = (value && RESIDENT_CATEGORY[value.role]) ?? "temporaries";
      ledger.declare(size, category, label, BECAUSE[category] ?? "", spec, node);
      this.specs.push(spec);
    }
  }

  private temporary(spec: TensorSpec, label: string): StorageId {
    this.specs.push(spec);
    return this.ledger.declare(packedSize(spec), "temporaries", label, BECAUSE.temporaries ?? "", spec);
  }

  private allocateResidents(): Map<ValueId, StorageId[]> {
    const { ledger, optimizer, tape, setup } = this;
    const states = new Map<ValueId, StorageId[]>();
    ledger.begin("resident");
    const stay = (id: BlockId) => {
      ledger.allocate(id);
      this.residents.push(id);
    };
    for (const { id, role } of tape.graph.values)
      if (role !== "activation") stay(tape.storageOf[id] as StorageId);
    if (!optimizer) return states;
    const options = setup.optimizer?.options ?? {};
    const counters = optimizer.counters(options);
    if (counters > 0) {
      const spec = dense([counters / 4], "int32");
      this.specs.push(spec);
      stay(ledger.declare(bytes(counters), "optimizerStates", "counters", STATE, spec, -1));
    }
    for (const { parameter, spec } of this.program.gradients) {
      const { name } = tape.graph.values[parameter] as Value;
      const own = optimizer.states(options, spec.shape).map((state) => {
        const shape = dense(state.shape ?? spec.shape, spec.dtype);
        this.specs.push(shape);
        const block = ledger.declare(
          packedSize(shape),
          "optimizerStates",
          `${state.name} of ${name}`,
          STATE,
          shape,
          -1,
        );
        stay(block);
        return block;
      });
      states.set(parameter, own);
    }
    return states;
  }

  private updates(
    optimizer: OptaxOptimizer,
    states: ReadonlyMap<ValueId, readonly StorageId[]>,
  ): Instruction[] {
    const out: Instruction[] = [];
    for (const { parameter, storage, spec } of this.program.gradients) {
      const { instructions, replaced } = update({
        optimizer,
        options: this.setup.optimizer?.options ?? {},
        gradient: storage,
        parameter: this.tape.storageOf[parameter] as StorageId,
        spec,
        states: (states.get(parameter) ?? []).map((id) => ({
          storage: id,
          spec: this.specs[id] as TensorSpec,
        })),
        declare: (made, label) => this.temporary(made, label),
      });
      out.push(...instructions);
      this.replaced.push(...replaced);
    }
    return out;
  }

  /** Of a whole step: what its text says is donated. */
  private replaceAsSaid(): void {
    const { graph, storageOf } = this.tape;
    for (const [at, input] of graph.traced?.donated ?? []) {
      const output = graph.outputs[at];
      if (output === undefined) continue;
      this.replaced.push({ before: storageOf[input] as StorageId, after: storageOf[output] as StorageId });
    }
  }

  /** What the step returns. */
  private roots(): StorageId[] {
    const { tape, program, optimizer } = this;
    const outputs = tape.graph.outputs.map((id) => tape.storageOf[id] as StorageId);
    const made = optimizer
      ? this.replaced.map(({ after }) => after)
      : program.gradients.map(({ storage }) => storage);
    return [...made, ...outputs];
  }

  /** Inputs that are read after they were overwritten are copied at the start; every reader then reads the copy. */
  private copied(kernels: readonly Kernel[]): readonly Kernel[] {
    if (this.setup.donates === false || this.tape.graph.traced?.kind === "compiled") return kernels;
    const donated = new Map(this.replaced.map(({ before, after }) => [after, before]));
    const copies = new Map<StorageId, StorageId>();
    const made: Kernel[] = neededCopies(kernels, donated).map((before) => {
      const copy = this.temporary(this.specs[before] as TensorSpec, "copy");
      copies.set(before, copy);
      const instruction = {
        op: "copy",
        node: -1,
        phase: "forward",
        reads: [before],
        makes: [copy],
        attributes: {},
        stored: true,
      } as const;
      return { instruction, reads: [before], makes: [copy] };
    });
    if (made.length === 0) return kernels;
    return [
      ...made,
      ...kernels.map((kernel) => ({ ...kernel, reads: kernel.reads.map((id) => copies.get(id) ?? id) })),
    ];
  }

  // ------------------------------------------------------------------ in order

  /** What lives from forward to backward was kept for it; gradients are what the optimizer reads. */
  private categorize(order: readonly Kernel[], bufferOf: (id: StorageId) => StorageId): void {
    const { ledger, program, tape } = this;
    const forward = new Set<StorageId>(savedStorages(tape).map(({ id }) => bufferOf(id)));
    for (const { instruction, makes } of order)
      if (instruction.phase === "forward") for (const id of makes) forward.add(id);
    for (const { instruction, reads } of order) {
      if (instruction.phase === "forward") continue;
      for (const id of reads)
        if (forward.has(id) && ledger.blocks[id]?.category === "temporaries")
          ledger.categorize(id, "savedTensors", BECAUSE.savedTensors ?? "");
    }
    for (const { storage, parameter } of program.gradients) {
      const id = bufferOf(storage);
      if (ledger.blocks[id]?.category !== "temporaries") continue;
      ledger.categorize(id, "gradients", BECAUSE.gradients ?? "");
      ledger.rename(id, (tape.graph.values[parameter] as Value).name);
    }
  }

  private run(order: readonly Kernel[], intervals: readonly Interval[], outputs: readonly StorageId[]) {
    const { ledger } = this;
    const phases = phasesOf(order);
    const made = new Map<number, StorageId[]>();
    const dying = new Map<number, StorageId[]>();
    const note = (map: Map<number, StorageId[]>, at: number, id: StorageId) => {
      if (!map.get(at)?.push(id)) map.set(at, [id]);
    };
    for (const { id, from, until } of intervals) {
      note(made, from, id);
      note(dying, until, id);
    }
    let phase: Phase | null = null;
    ledger.at = -1;
    order.forEach(({ instruction }, at) => {
      if (phases[at] !== phase) {
        const isFirst = phase === null;
        phase = phases[at] as Phase;
        ledger.begin(phase);
        if (isFirst) for (const id of outputs) ledger.allocate(id);
      }
      ledger.at = instruction.node;
      for (const id of made.get(at) ?? []) ledger.allocate(id);
      for (const id of dying.get(at) ?? []) ledger.free(id);
    });
    ledger.at = -1;
    ledger.begin("zero-grad");
    if (phase !== null) for (const id of outputs) ledger.free(id);
    return ledger.take();
  }
}

/** Kernels of backward start when they can: forward lasts to the first of them, backward to the last. */
function phasesOf(order: readonly Kernel[]): Phase[] {
  const first = order.findIndex(({ instruction }) => instruction.phase === "backward");
  const last = order.findLastIndex(({ instruction }) => instruction.phase !== "optimizer");
  return order.map((_, at) => (at > last ? "optimizer" : first >= 0 && at >= first ? "backward" : "forward"));
}
