/**
 * Tape → Step: forward, backward, optimizer and zero_grad in execution order, from the resident tensors to the state
 * that every later step repeats.
 */
import type { DType } from "../base/dtype.js";
import type { Device } from "../frameworks/pytorch/kernel.js";
import type { NodeId, Value, ValueId } from "../ir/graph.js";
import type { OptimizerChoice, StepSetup } from "../ir/setup.js";
import {
  allocation,
  type Block,
  blockOf,
  type BlockId,
  type Category,
  type Phase,
  RESIDENT_CATEGORY,
  type Section,
  type Step,
} from "../ir/step.js";
import {
  type ForwardEvent,
  savedStorages,
  type Storage,
  type StorageId,
  type Tape,
  type TapeTensor,
} from "../ir/tape.js";
import { GradientClipping } from "./clip-gradients.js";
import { GradScaler } from "./grad-scaler.js";
import { suggestsChannelsLast, type TensorSpec } from "../ir/tensor.js";
import { dyingAfter } from "./lifetimes.js";
import { Ledger } from "./ledger.js";
import { Recomputation } from "./recompute.js";
import { OptimizerRun } from "./optimizer-run.js";
import { unscalesItself } from "./optimizers.js";
import type { Gradients, RankHooks } from "./parallel/rank-hooks.js";
import { rankHooks } from "./parallel/strategies.js";
import { inFlight, scheduled, type Turn } from "./parallel/pipeline-schedule.js";
import { receiveBuffers } from "./parallel/receive-buffers.js";
import { Offload } from "./offload.js";
import { planBackward } from "./plan-backward.js";
import { ValidationPass } from "./plan-validation.js";

const RESIDENT_BECAUSE: Partial<Record<Category, string>> = {
  parameters: "trained tensors, resident on the device",
  buffers: "untrained module state, resident on the device",
  inputs: "the mini-batch and its targets",
};

/** `validation`: the model in eval mode, when it runs after every step. */
export function planStep(tape: Tape, setup: StepSetup, device: Device, validation: Tape | null = null): Step {
  const planner = new StepPlanner(tape, setup, device, validation);
  const resident = planner.residents();
  const first = planner.step(true);
  const steady = planner.step(false);
  const { blocks } = planner.ledger;
  return { name: tape.graph.name, blocks, resident, first, steady, carried: planner.carried() };
}

const EMA_BECAUSE = "the copy of the model that is averaged after every step";

/** Micro-batches after which the further ones only repeat what the cache has seen. */
const SETTLED = 8;

interface PlannedPasses {
  readonly sections: readonly Section[];
  /** The gradients they make; null when they add to those that are there. */
  readonly gradients: ReadonlyMap<ValueId, BlockId> | null;
  /** Of results that were made to have a gradient. */
  readonly leafGradients: ReadonlySet<BlockId>;
}

class StepPlanner {
  readonly ledger = new Ledger();
  private readonly tape: Tape;
  private readonly setup: StepSetup;
  private readonly device: Device;
  /** By operator, the storages that lose their last Python reference after it. */
  private readonly dying: readonly (readonly StorageId[] | undefined)[];
  private recomputation: Recomputation;
  private offload: Offload | null = null;
  private readonly forwardBlas: BlockId;
  private readonly backwardBlas: BlockId;
  private readonly gradients = new Map<ValueId, BlockId>();
  /** In the order the module lists them. */
  private readonly trained: readonly Value[];
  private readonly optimizer: OptimizerRun | null;
  private isFirst = true;
  /** By thread: whether its cuBLAS handle has its workspace. */
  private readonly hasWorkspace = { forward: false, backward: false };
  private readonly planned = new Map<"fresh" | "adding", PlannedPasses>();
  /** What the first pass made once and for all. */
  private readonly kept: StorageId[] = [];
  /** Inputs that a step makes, and those they replace. */
  private loaded: { readonly made: BlockId; readonly before: BlockId }[] = [];
  /** Results that were made to have a gradient: the graph of the loss holds both until it dies. */
  private readonly leaves: readonly ValueId[];
  /** Of the last pass. */
  private leafGradients: ReadonlySet<BlockId> = new Set();
  private readonly scaler: GradScaler;
  private readonly clipping: GradientClipping;
  /** What several GPUs add to the step of one; null on one. */
  private readonly ranks: RankHooks | null;

  /** Where a pipeline's next stage sends gradients to. */
  private received: BlockId | undefined;
  /** Appends a validation pass. */
  private readonly validate: (() => void) | null;

  constructor(tape: Tape, setup: StepSetup, device: Device, validation: Tape | null) {
    this.tape = tape;
    this.setup = setup;
    this.device = device;
    this.dying = dyingAfter(tape);
    this.recomputation = this.newRecomputation();
    this.leaves = tape.graph.nodes.flatMap(({ op, outputs }) => (op === "requireGrad" ? outputs : []));
    const parameters = tape.graph.values.filter(
      ({ role, trainable, unstepped, tiedTo }) =>
        role === "parameter" && trainable && !unstepped && tiedTo === undefined,
    );
    this.trained = parameters;
    const saved = new Uint8Array(tape.storages.length);
    for (const { id } of savedStorages(tape)) saved[id] = 1;
    for (const storage of tape.storages) {
      const role = storage.resident === undefined ? undefined : tape.graph.values[storage.resident]?.role;
      const category: Category =
        (role && RESIDENT_CATEGORY[role]) ??
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
    this.scaler = new GradScaler(this.ledger);
    this.clipping = new GradientClipping(this.ledger);
    this.ranks = rankHooks({ tape, setup, ledger: this.ledger, device, gradients: this.gradients });
    this.optimizer = setup.optimizer && this.optimizerOf(setup.optimizer);
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
    this.validate = validation && this.validationOf(validation);
  }

  private optimizerOf(choice: OptimizerChoice): OptimizerRun {
    const { ledger, device, trained, setup, gradients } = this;
    return new OptimizerRun({
      ledger,
      device,
      choice,
      parameters: this.ranks?.stepped?.(trained) ?? trained,
      inBackward: setup.optimizerInBackward === true,
      specOf: (parameter) => this.ownedSpec(parameter),
      gradients,
    });
  }

  private validationOf(validation: Tape): () => void {
    const { ledger } = this;
    const pass = new ValidationPass({
      training: this.tape,
      validation,
      ledger,
      blas: () => this.blas("forward"),
      rowMajor: (storage) => this.rowMajorInput(storage),
    });
    return () => {
      ledger.begin("validation");
      pass.run();
    };
  }

  /** Parameters and buffers as `Module.to` moves them, what the optimizer's constructor makes, inputs and targets. */
  residents(): Section {
    const { ledger, tape, setup } = this;
    ledger.begin("resident");
    const { residents, values } = tape.graph;
    const inputs = values.filter(({ role }) => role === "input" || role === "target").map(({ id }) => id);
    const arrive = (id: ValueId): void => {
      const storage = tape.storageOf[id] as StorageId;
      const value = values[id] as Value;
      const { role, spec } = value;
      if (this.ranks?.arrive && role === "parameter") {
        this.ranks.arrive(value);
        return;
      }
      const loads = role === "input" && suggestsChannelsLast(spec);
      const rowMajor = loads ? this.rowMajorInput(tape.storages[storage] as Storage) : null;
      if (ledger.holdersOf(storage) === 0) ledger.allocate(storage);
      ledger.hold(storage);
      if (rowMajor !== null) ledger.free(rowMajor);
    };
    residents.forEach(arrive);
    this.ranks?.wrapped?.();
    if (setup.ema) this.copyModel();
    if (setup.mode === "train") this.optimizer?.construct();
    this.ranks?.stepAtOnce?.(() => this.optimizer?.step(true));
    inputs.forEach(arrive);
    this.received = receiveBuffers(tape, ledger, {
      microBatches: setup.accumulate,
      anew: this.ranks?.receivesAnew === true,
    });
    const [section] = ledger.take();
    return section ?? { phase: "resident", actions: [], nodes: [] };
  }

  /** Images come row-major; the loop stores them NHWC and lets go of the others. */
  private rowMajorInput({ bytes, label, spec }: Storage): BlockId {
    const because = "what the loop loads before it is stored NHWC";
    const block = this.ledger.declare(bytes, "temporaries", label, because, spec);
    this.ledger.allocate(block);
    return block;
  }

  step(first: boolean): Section[] {
    const { ledger, setup, tape } = this;
    this.isFirst = first;
    if (!first && this.ranks?.learns) this.planned.clear();
    if (!first && setup.zeroGrad === "at-start") {
      ledger.begin("zero-grad");
      this.zeroGradients();
    }
    if (!first && setup.freshInputs) {
      ledger.begin("forward");
      this.loadInputs();
    }
    if (this.ranks?.beginStep) {
      ledger.begin("forward");
      this.ranks.beginStep(first);
    }
    const sections = [...ledger.take(), ...(tape.graph.stage ? this.pipelined() : this.microBatches())];
    ledger.at = -1;
    const returned = setup.accumulate > 1 || tape.graph.stage !== undefined;
    if (setup.mode === "train") {
      if (returned && !tape.graph.stage) this.returnFromPass("backward");
      if (setup.optimizer || setup.clipGradients) ledger.begin("optimizer");
      this.update(first);
      ledger.begin("zero-grad");
      if (setup.zeroGrad === "set-to-none") this.zeroGradients();
    } else ledger.begin("zero-grad");
    if (!returned) {
      this.returnFromPass();
      if (first) this.ranks?.afterFirstPass?.();
    }
    this.validate?.();
    return [...sections, ...ledger.take()];
  }

  /** One after the other. */
  private microBatches(): Section[] {
    const { ledger, setup, isFirst } = this;
    const count = Math.min(setup.accumulate, SETTLED);
    const sections = this.passes(count === 1);
    for (let micro = 1; micro < count; micro++) {
      this.returnFromPass("backward");
      if (isFirst && micro === 1) this.ranks?.afterFirstPass?.();
      sections.push(...ledger.take(), ...this.passes(micro === count - 1));
    }
    return sections;
  }

  /** A stage's micro-batches, several of them under way. */
  private pipelined(): Section[] {
    const { setup, tape, ledger } = this;
    const { index = 0, count = 1 } = tape.graph.stage ?? {};
    const most = inFlight(setup.parallel?.schedule ?? "1f1b", index, count, setup.accumulate);
    const first = this.turn(() => this.isFirst && this.ranks?.afterFirstPass?.());
    const others = setup.accumulate > 1 ? this.turn() : first;
    return scheduled(ledger, { first, others }, most, Math.min(setup.accumulate, most + SETTLED));
  }

  private turn(returned?: () => void): Turn {
    const sections = this.passes();
    this.returnFromPass("backward");
    returned?.();
    const all = [...sections, ...this.ledger.take()];
    return {
      forward: all.filter(({ phase }) => phase === "forward"),
      backward: all.filter(({ phase }) => phase !== "forward"),
    };
  }

  /** New inputs take the place of the last step's, which die when the loop's variable is bound again. */
  private loadInputs(): void {
    const { ledger, tape } = this;
    const inputs = tape.graph.values.filter(({ role }) => role === "input" || role === "target");
    const before = inputs.map(({ id }) => tape.storageOf[id] as StorageId);
    if (this.loaded.length === 0)
      this.loaded = before.map((storage) => {
        const { bytes, label, spec } = tape.storages[storage] as Storage;
        return {
          made: ledger.declare(bytes, "inputs", label, "the mini-batch of this step", spec),
          before: storage,
        };
      });
    for (const { made } of this.loaded) ledger.allocate(made);
    for (const { before } of this.loaded) ledger.free(before);
  }

  /** Forward and backward. Where gradients are there already, backward adds to them. */
  private passes(last = false): Section[] {
    const { ledger, setup, gradients } = this;
    const key = gradients.size > 0 ? "adding" : "fresh";
    this.ranks?.micro?.(last);
    // with the optimizer in backward, the first pass makes its states
    const differ = setup.optimizerInBackward || this.ranks?.reducesLast;
    const planned = differ ? undefined : this.planned.get(key);
    if (planned) return this.repeat(planned);
    ledger.begin("forward");
    this.offload = this.setup.offloadActivations ? new Offload(this.tape, ledger) : null;
    this.recomputation = this.newRecomputation();
    this.ranks?.enter?.();
    const saved = this.forward();
    if (setup.mode === "train") {
      if (!this.tape.graph.scaledLoss) ledger.begin("backward");
      this.backward(saved);
    }
    const tried = ledger.take();
    const first = this.isFirst && this.planned.size === 0;
    const sections = tried.map((section) => this.withoutTrials(section));
    const { leafGradients } = this;
    this.planned.set(key, {
      sections,
      gradients: key === "fresh" ? new Map(gradients) : null,
      leafGradients,
    });
    return first ? tried : [...sections];
  }

  /** Plans are timed in the first pass alone. */
  private withoutTrials(section: Section): Section {
    if (this.device.cudnn !== "benchmark") return section;
    const { blocks } = this.ledger;
    const kept = section.actions.map((action) => !blocks[blockOf(action)]?.trial);
    if (kept.every(Boolean)) return section;
    const only = <T>(list: readonly T[]): T[] => list.filter((_, i) => kept[i]);
    return { phase: section.phase, actions: only(section.actions), nodes: only(section.nodes) };
  }

  /** The same passes again, without what stays from the first time on: cuBLAS workspaces, the loss scale. */
  private repeat({ sections, gradients, leafGradients }: PlannedPasses): Section[] {
    const { ledger } = this;
    this.leafGradients = leafGradients;
    for (const [parameter, block] of gradients ?? []) {
      this.gradients.set(parameter, block);
      ledger.hold(block);
    }
    for (const storage of this.returned()) ledger.hold(storage);
    const once = new Set([this.forwardBlas, this.backwardBlas, ...this.kept].map(allocation));
    return sections.map((section) => {
      if (!section.actions.some((action) => once.has(action))) return section;
      const keeps = section.actions.map((action) => !once.has(action));
      const without = <T>(list: readonly T[]): T[] => list.filter((_, i) => keeps[i]);
      return { phase: section.phase, actions: without(section.actions), nodes: without(section.nodes) };
    });
  }

  /** Runs the tape's events; returns how often each storage is still saved. */
  private forward(): Int32Array {
    const { ledger, tape, dying, recomputation, offload } = this;
    const saved = new Int32Array(tape.storages.length);
    let at = 0;
    const perform = (node: NodeId) => {
      for (; at < tape.events.length && tape.events[at]?.node === node; at++) {
        const event = tape.events[at] as (typeof tape.events)[number];
        if (event.kind === "allocate") {
          ledger.allocate(event.storage);
          ledger.hold(event.storage);
          recomputation.cache(event.storage);
        } else if (event.kind === "drop") ledger.drop(event.storage);
        else if (event.kind === "keep") this.keep(event.storage);
        else if (event.kind === "save") {
          if (recomputation.covers(node)) continue;
          if (offload) {
            offload.pack(event.by);
            continue;
          }
          saved[event.storage] = (saved[event.storage] as number) + 1;
          ledger.hold(event.storage);
        } else this.blas("forward");
      }
    };
    for (const { id } of tape.graph.nodes) {
      ledger.at = id;
      if (id === tape.graph.scaledLoss?.node) {
        while (tape.events[at]?.node === id && tape.events[at]?.kind === "drop")
          ledger.drop((tape.events[at++] as ForwardEvent).storage); // autocast exits before backward is called
        ledger.begin("backward");
        this.makeScaler();
      }
      recomputation.enter(id);
      this.ranks?.beforeForward?.(id);
      perform(id);
      const held = this.ranks?.heldByCall?.(id);
      for (const storage of dying[id] ?? []) if (!held?.has(storage)) ledger.drop(storage);
      this.ranks?.afterForward?.(id);
      if (held) for (const storage of dying[id] ?? []) if (held.has(storage)) ledger.drop(storage);
    }
    ledger.at = -1;
    perform(tape.graph.nodes.length);
    return saved;
  }

  private backward(saved: Int32Array): void {
    const { tape, ledger, device, gradients, ranks } = this;
    const computed: Gradients = ranks?.separateGradients ? new Map() : gradients;
    planBackward({
      tape,
      ledger,
      device,
      parameterGradients: computed,
      ...(ranks?.parameterStream !== undefined && { parameterStream: ranks.parameterStream }),
      blas: () => this.blas("backward"),
      recomputation: this.recomputation,
      before: (node) => ranks?.beforeGradient?.(node, computed),
      finished: () => ranks?.afterBackward?.(computed),
      accumulated: (id) => {
        ranks?.accumulated?.(id, computed);
        this.optimizer?.stepInBackward(id, this.isFirst);
      },
      offload: this.offload,
      ...(this.received !== undefined && { received: this.received }),
      releaseSaved: (storage) => {
        saved[storage] = (saved[storage] as number) - 1;
        ledger.drop(storage);
      },
    });
    const leafGradients = new Set<BlockId>();
    for (const id of this.leaves) {
      const block = computed.get(id);
      if (block !== undefined) leafGradients.add(block);
      computed.delete(id);
    }
    this.leafGradients = leafGradients;
    // grad nodes that backward does not reach die with the loss; their saved tensors with them
    saved.forEach((count, storage) => {
      for (let i = 0; i < count; i++) ledger.drop(storage);
    });
    this.recomputation.finish();
    const { scaledLoss } = tape.graph;
    if (scaledLoss) ledger.drop(tape.storageOf[scaledLoss.value] as StorageId);
  }

  /** The scale and its growth tracker are made when the first loss is scaled. */
  private makeScaler(): void {
    for (const storage of this.scalerStorages()) this.keep(storage);
  }

  /** Once made, it stays. */
  private keep(storage: StorageId): void {
    if (this.ledger.holdersOf(storage) > 0) return;
    this.kept.push(storage);
    this.ledger.allocate(storage);
    this.ledger.hold(storage);
  }

  private scalerStorages(): StorageId[] {
    const { values } = this.tape.graph;
    return values
      .filter(({ role }) => role === "scaler")
      .map(({ id }) => this.tape.storageOf[id] as StorageId);
  }

  private newRecomputation(): Recomputation {
    const { tape, ledger, dying, offload } = this;
    const fetch =
      offload && ((tensor: TapeTensor) => offload.fetch(tensor, "input of a checkpointed stretch"));
    return new Recomputation(tape, ledger, dying, () => this.blas("backward"), fetch);
  }

  private blas(thread: "forward" | "backward"): void {
    if (this.hasWorkspace[thread]) return;
    this.hasWorkspace[thread] = true;
    const block = thread === "forward" ? this.forwardBlas : this.backwardBlas;
    this.ledger.allocate(block);
    this.ledger.hold(block);
  }

  /** What lies between backward and zero_grad: gradients are unscaled, clipped, and applied. */
  private update(first: boolean): void {
    const { setup, scaler } = this;
    const ownUnscaling = setup.optimizer !== null && unscalesItself(setup.optimizer);
    const unscaled = setup.gradScaler && (setup.clipGradients || !ownUnscaling);
    if (unscaled) scaler.unscale();
    if (setup.clipGradients && !this.ranks?.clipsItself) {
      const clipped = this.tape.graph.values.filter(({ id }) => this.gradients.has(id));
      this.clipping.run(clipped.map((parameter) => this.ownedSpec(parameter)));
    }
    if (setup.gradScaler && !unscaled) scaler.check();
    if (setup.optimizer) this.ranks?.beforeStep?.();
    this.optimizer?.step(first && !this.ranks?.stepAtOnce);
    if (setup.optimizer) this.ranks?.afterStep?.();
    if (setup.gradScaler) scaler.update();
  }

  /** AveragedModel copies the whole model. torch/optim/swa_utils.py, torch 2.14.1. */
  private copyModel(): void {
    const { ledger, tape } = this;
    for (const storage of new Set(tape.graph.residents.map((id) => tape.storageOf[id] as StorageId))) {
      const { bytes, label, shape, dtype } = ledger.blocks[storage] as Block;
      const spec = { shape, dtype: dtype as DType }; // as: blocks print the dtype of their tensor
      const copy = ledger.declare(bytes, "buffers", `moving average of ${label}`, EMA_BECAUSE, spec);
      ledger.allocate(copy);
      ledger.hold(copy);
    }
  }

  /** What the optimizer sees of a parameter. */
  private ownedSpec(parameter: Value): Pick<TensorSpec, "shape" | "dtype"> {
    const { shape, dtype } = this.ranks?.ownedSpec?.(parameter) ?? parameter.spec;
    return { shape, dtype };
  }

  /** What a step makes anew and keeps until the next. */
  carried(): Step["carried"] {
    return [...this.loaded, ...(this.optimizer?.carried() ?? [])];
  }

  /** Optimizer.zero_grad walks the parameters it was given, in their order. */
  private zeroGradients(): void {
    if (this.ranks?.zeroed) this.ranks.zeroed();
    else this.dropGradients();
    this.gradients.clear();
  }

  private dropGradients(): void {
    for (const { id } of this.trained) {
      const block = this.gradients.get(id);
      if (block !== undefined) this.ledger.drop(block);
    }
  }

  /** The locals of the loop's body die: what the forward pass returned. */
  private returnFromPass(phase?: Phase): void {
    if (phase) this.ledger.begin(phase);
    for (const storage of this.returned()) this.ledger.drop(storage);
  }

  private returned(): Set<StorageId> {
    const { tape } = this;
    const held = new Set<StorageId>(this.leafGradients);
    for (const id of [...this.leaves, ...tape.graph.outputs]) {
      const storage = tape.storageOf[id];
      if (storage !== undefined && tape.storages[storage]?.resident === undefined) held.add(storage);
    }
    return held;
  }
}
