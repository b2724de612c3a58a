/**
 * Tape → Step for frameworks that trace a step before it runs: every operation allocates its results, and a buffer dies after its
 * last reader. Gradients wait for each other before the first update.
 *
 * Operations run in the order they were added to the graph. An elementwise kernel writes over an input of the same size that
 * nobody reads later.
 */
import { elements } from "../base/shape.js";
import { bytes } from "../base/units.js";
import {
  KERAS_OPTIMIZERS,
  type KerasOptimizer,
  LOSS_SCALE_BYTES,
  SCALAR_BYTES,
  type Update,
  type UpdateTensor,
} from "../frameworks/tensorflow/optimizers.js";
import { operationOf } from "../frameworks/tensorflow/table.js";
import { dense, packedSize, type TensorSpec } from "../ir/tensor.js";
import type { Value, ValueId } from "../ir/graph.js";
import type { StepSetup } from "../ir/setup.js";
import {
  type BlockId,
  type Category,
  type Phase,
  RESIDENT_CATEGORY,
  type Section,
  type Step,
} from "../ir/step.js";
import { type Program, savedStorages, type StorageId, type Tape } from "../ir/tape.js";
import { invariant } from "../base/invariant.js";
import { Ledger } from "./ledger.js";

/** An operation over blocks. */
interface Planned {
  readonly phase: Phase;
  readonly node: number;
  readonly reads: readonly BlockId[];
  readonly makes: readonly BlockId[];
  readonly overwrites: boolean;
}

interface Held extends UpdateTensor {
  readonly block: BlockId;
  readonly sparse: boolean;
}

const BECAUSE: Partial<Record<Category, string>> = {
  parameters: "variables of the model, resident on the device",
  buffers: "untrained state, resident on the device",
  inputs: "the mini-batch and its targets",
  savedTensors: "read again by a gradient function",
  gradients: "all gradients are there before the first update",
  temporaries: "a result that dies after its last reader",
};

export function planProgram(tape: Tape, setup: StepSetup): Step {
  return new ProgramPlanner(tape, setup).plan();
}

class ProgramPlanner {
  private readonly tape: Tape;
  private readonly program: Program;
  private readonly setup: StepSetup;
  private readonly ledger = new Ledger();
  private readonly operations: Planned[] = [];
  /** Slots, by parameter and name. */
  private readonly slots = new Map<string, Held>();
  private readonly optimizer: KerasOptimizer | null;
  /** Blocks that are there before the step. */
  private readonly residents: BlockId[] = [];

  constructor(tape: Tape, setup: StepSetup) {
    this.tape = tape;
    invariant(tape.program, "the step was traced");
    this.program = tape.program;
    this.setup = setup;
    const { optimizer, mode } = setup;
    this.optimizer = optimizer && mode === "train" ? (KERAS_OPTIMIZERS[optimizer.name] ?? null) : null;
  }

  plan(): Step {
    const { ledger, tape, program } = this;
    this.declare();
    this.allocateResidents();
    const resident = ledger.take()[0] ?? { phase: "resident" as const, actions: [], nodes: [] };
    for (const { phase, node, reads, makes, overwrites } of program.operations)
      this.operations.push({ phase, node, reads, makes, overwrites });
    if (this.optimizer) this.update(this.optimizer);
    const sections = this.run();
    return {
      name: tape.graph.name,
      blocks: ledger.blocks,
      resident,
      first: sections,
      steady: sections,
      carried: [],
    };
  }

  /** One block for each storage. */
  private declare(): void {
    const { tape, ledger, program } = this;
    const saved = new Set(savedStorages(tape).map(({ id }) => id));
    const gradients = new Map(program.gradients.map(({ storage, parameter }) => [storage, parameter]));
    for (const { id, bytes: size, label, spec, node, resident } of tape.storages) {
      const value = resident === undefined ? undefined : (tape.graph.values[resident] as Value);
      const parameter = gradients.get(id);
      const category: Category =
        (value && RESIDENT_CATEGORY[value.role]) ??
        (parameter !== undefined ? "gradients" : saved.has(id) ? "savedTensors" : "temporaries");
      const name = parameter === undefined ? label : (tape.graph.values[parameter] as Value).name;
      ledger.declare(size, category, name, BECAUSE[category] ?? "", spec, node);
    }
  }

  /** Variables, what the optimizer keeps of them, and the mini-batch. */
  private allocateResidents(): void {
    const { tape, ledger, optimizer, setup } = this;
    ledger.begin("resident");
    const { values, residents } = tape.graph;
    const arrive = (id: ValueId) => this.stay(tape.storageOf[id] as StorageId);
    residents.forEach(arrive);
    if (optimizer) {
      const scalars = SCALAR_BYTES + (optimizer.scalars ?? 0) + (setup.gradScaler ? LOSS_SCALE_BYTES : 0);
      const state = "kept by the optimizer from its construction on";
      this.stay(ledger.declare(bytes(scalars), "optimizerStates", "counters", state, null));
      for (const { id, name, spec } of this.trained()) {
        for (const slot of optimizer.slots(setup.optimizer?.options ?? {}, spec.shape)) {
          const own = dense(slot.shape ?? spec.shape, slot.dtype ?? spec.dtype);
          const block = ledger.declare(
            packedSize(own),
            "optimizerStates",
            `${slot.name} of ${name}`,
            state,
            own,
          );
          this.slots.set(`${id}/${slot.name}`, { ...own, block, sparse: false });
          this.stay(block);
        }
      }
    }
    for (const { id, role } of values) if (role === "input" || role === "target") arrive(id);
  }

  private stay(block: BlockId): void {
    this.ledger.allocate(block);
    this.residents.push(block);
  }

  private trained(): readonly Value[] {
    return this.tape.graph.values.filter(({ role, trainable }) => role === "parameter" && trainable);
  }

  // ------------------------------------------------------------------ optimizer

  /** Decay first, then all gradients pass one barrier, then each parameter's operations. base_optimizer.py apply */
  private update(optimizer: KerasOptimizer): void {
    const { program, tape } = this;
    const trained = program.gradients.map((gradient) => ({
      ...gradient,
      value: tape.graph.values[gradient.parameter] as Value,
    }));
    const variableOf = ({ id, spec }: Value): Held => ({
      shape: spec.shape,
      dtype: spec.dtype,
      block: tape.storageOf[id] as StorageId,
      sparse: false,
    });
    if (optimizer.decays) {
      for (const { value } of trained) {
        const variable = variableOf(value);
        this.added("Mul", variable, [this.added("Mul", variable, [variable])]);
      }
    }
    this.operations.push({
      phase: "optimizer",
      node: -1,
      reads: trained.map(({ storage }) => storage),
      makes: [],
      overwrites: false,
    });
    const options = this.setup.optimizer?.options ?? {};
    for (const { value, storage, spec } of trained) {
      const variable = variableOf(value);
      const given: Held = {
        shape: spec.shape,
        dtype: spec.dtype,
        block: storage,
        sparse: isSparse(spec, value.spec),
      };
      const gradient =
        given.dtype === variable.dtype
          ? given
          : { ...this.added("Cast", variable, [given]), sparse: given.sparse };
      const update: Update<Held> = {
        variable,
        gradient,
        slot: (name) => this.slots.get(`${value.id}/${name}`) as Held,
        op: (name, ...inputs) => this.updated(name, variable, inputs),
        shaped: (name, shape, ...inputs) => this.added(name, { ...variable, shape }, inputs),
        assign: (_, made) => this.operations.push(effect([made.block])),
      };
      optimizer.update(update, options);
    }
  }

  /** Rows of a sparse gradient stay rows until they meet a dense operand. */
  private updated(name: string, variable: Held, inputs: readonly Held[]): Held {
    const rows = inputs.find(({ sparse }) => sparse);
    if (rows && inputs.every(({ sparse }) => sparse))
      return { ...this.added(name, rows, inputs), sparse: true };
    const whole = inputs.map((input) =>
      input.sparse ? this.added("UnsortedSegmentSum", variable, [input]) : input,
    );
    return this.added(name, variable, whole);
  }

  private added(name: string, { shape, dtype }: UpdateTensor, inputs: readonly Held[]): Held {
    const spec = dense(shape, dtype);
    const because = "an intermediate result of the update";
    const block = this.ledger.declare(packedSize(spec), "temporaries", name, because, spec, -1);
    this.operations.push({
      phase: "optimizer",
      node: -1,
      reads: inputs.map((input) => input.block),
      makes: [block],
      overwrites: operationOf(name)?.overwrites === true,
    });
    return { shape, dtype, block, sparse: false };
  }

  // ------------------------------------------------------------------ lifetimes

  private run(): Section[] {
    const { ledger, operations, tape } = this;
    const { blocks } = ledger;
    const last = new Map<BlockId, number>();
    operations.forEach(({ reads }, at) => {
      for (const block of reads) last.set(block, at);
    });
    const end = operations.length;
    for (const id of tape.graph.outputs) last.set(tape.storageOf[id] as StorageId, end);
    if (!this.optimizer) for (const { storage } of this.program.gradients) last.set(storage, end);
    const stays = new Set(this.residents);
    /** The block in whose memory another's result was written. */
    const within = new Map<BlockId, BlockId>();
    const alive = new Set<BlockId>();
    const dying = new Map<number, BlockId[]>();
    let phase: Phase | null = null;
    operations.forEach((operation, at) => {
      if (operation.phase !== phase) {
        phase = operation.phase;
        ledger.begin(phase);
      }
      ledger.at = operation.node;
      for (const made of operation.makes) {
        if (blocks[made]?.bytes === 0) continue;
        const over = operation.overwrites
          ? operation.reads.find(
              (read) =>
                !stays.has(read) &&
                alive.has(read) &&
                last.get(read) === at &&
                blocks[read]?.bytes === blocks[made]?.bytes,
            )
          : undefined;
        if (over === undefined) ledger.allocate(made);
        else {
          alive.delete(over);
          within.set(made, within.get(over) ?? over);
        }
        alive.add(made);
        const until = Math.max(last.get(made) ?? at, at);
        dying.set(until, [...(dying.get(until) ?? []), made]);
      }
      for (const block of dying.get(at) ?? []) {
        if (!alive.delete(block)) continue;
        ledger.free(within.get(block) ?? block);
      }
    });
    this.nameAfterWhatTheyHold(within);
    ledger.at = -1;
    ledger.begin("zero-grad");
    for (const block of alive) ledger.free(within.get(block) ?? block);
    return ledger.take();
  }

  /** A block that a gradient or a kept value was written into counts as such. */
  private nameAfterWhatTheyHold(within: ReadonlyMap<BlockId, BlockId>): void {
    const { ledger } = this;
    const rank: Partial<Record<Category, number>> = { gradients: 2, savedTensors: 1 };
    for (const [made, holder] of within) {
      const { category, label } = ledger.blocks[made] as { category: Category; label: string };
      const own = ledger.blocks[holder]?.category as Category;
      if ((rank[category] ?? 0) <= (rank[own] ?? 0)) continue;
      ledger.categorize(holder, category, BECAUSE[category] ?? "");
      ledger.rename(holder, label);
    }
  }
}

function effect(reads: readonly BlockId[]): Planned {
  return { phase: "optimizer", node: -1, reads, makes: [], overwrites: false };
}

/** The rows an embedding was asked for stand for its gradient. */
function isSparse(gradient: TensorSpec, parameter: TensorSpec): boolean {
  return elements(gradient.shape) !== elements(parameter.shape) || gradient.shape[0] !== parameter.shape[0];
}
