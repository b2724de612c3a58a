/** The answer as data: what `--json` prints and what the library returns (schema `plimsoll/estimate@1`). */
import type { Diagnostic } from "../base/complaint.js";
import type {
  AttentionChoice,
  CudnnChoice,
  LossChoice,
  Mode,
  Precision,
  StepChoice,
  ZeroGrad,
} from "../ir/setup.js";
import type { Category } from "../ir/step.js";

export type ReportPhase = "forward" | "backward" | "optimizer" | "validation";

interface PhaseReport {
  readonly peakAllocatedBytes: number;
}

export interface OptimizerReport {
  /** As `--optimizer` spells it. */
  readonly name: string;
  /** As the framework spells it. */
  readonly title: string;
  readonly implementation: "foreach" | "fused" | "for-loop" | "elementwise";
  readonly options: Readonly<Record<string, number | boolean>>;
}

/** Every resolved setting, defaults included. */
export interface SetupReport {
  readonly mode: Mode;
  readonly framework: "pytorch" | "tensorflow" | "jax";
  readonly precision: Precision;
  readonly batch: number;
  /** Height and width that were asked for. */
  readonly image: readonly [number, number] | null;
  /** Tokens per sample; null for a model that has no such size. */
  readonly sequence: number | null;
  /** The head that was asked for; null: the one the model names. */
  readonly task: string | null;
  readonly shape: Readonly<Record<string, readonly number[]>>;
  readonly optimizer: OptimizerReport | null;
  readonly optimizerInBackward: boolean;
  readonly ema: boolean;
  readonly validate: boolean;
  readonly offload: string | null;
  /** Micro-batches per optimizer step. */
  readonly accumulate: number;
  readonly loss: LossChoice;
  readonly freeze: readonly string[];
  /** Adapters as they were asked for; null: none. */
  readonly lora: string | null;
  /** Ranks along each axis; null on one GPU. All figures are of one rank. */
  readonly parallel: string | null;
  readonly fsdp: string | null;
  /** Blocks of every stage of a pipeline; null: divided evenly. */
  readonly stageBlocks: string | null;
  /** Whose float32 copies the optimizer steps, and what gradients are added up in; null: none, or as the library has it. */
  readonly masterWeights: string | null;
  readonly gradients: string | null;
  /** DeepSpeed's stage and options; null: not its engine. */
  readonly zero: number | null;
  readonly deepspeed: string | null;
  /** Packed weights as they were asked for; null: none. */
  readonly quantize: string | null;
  readonly zeroGrad: ZeroGrad;
  readonly freshInputs: boolean;
  readonly clipGrad: boolean;
  readonly channelsLast: boolean;
  readonly attention: AttentionChoice;
  readonly compile: boolean;
  readonly checkpointing: string;
  readonly step: StepChoice;
  readonly cudnn: CudnnChoice;
  readonly expandableSegments: boolean;
  /** The value of PYTORCH_CUDA_ALLOC_CONF; empty where it is not set. */
  readonly allocatorConf: string;
  /** TensorFlow takes memory as it needs it; absent for PyTorch. */
  readonly memoryGrowth?: boolean;
  /** JAX's: whether the step takes over the memory of its arguments. */
  readonly donates?: boolean;
  readonly gpu: string | null;
}

export interface ModelReport {
  readonly name: string;
  readonly source: string;
  /** Tied parameters count once. */
  readonly parameterCount: number;
  readonly trainableParameterCount: number;
}

/** Plain tensor bytes: elements x item size, no rounding. */
export interface Totals {
  readonly parameterBytes: number;
  readonly bufferBytes: number;
  readonly gradientBytes: number;
  readonly optimizerStateBytes: number;
  readonly masterParameterBytes: number;
  readonly inputBytes: number;
  /** What backward will read, once per storage, parameters excluded. */
  readonly savedTensorBytes: number;
}

export interface PeakReport {
  /** As `torch.cuda.max_memory_allocated()`. */
  readonly allocatedBytes: number;
  /** As `torch.cuda.max_memory_reserved()`. */
  readonly reservedBytes: number;
  /** As nvidia-smi: reserved, communication outside the allocator, context. */
  readonly deviceTotalBytes: number;
  readonly phase: ReportPhase;
  /** Module path of the op at the peak; the op itself where no module owns it. */
  readonly at: string;
}

/** One straight stretch of the peak as a function of the batch B: `fixedBytes + perBatchBytes x B`. */
export interface FormulaPiece {
  readonly from: number;
  readonly to: number | null;
  readonly fixedBytes: number;
  readonly perBatchBytes: number;
}

export interface Formula {
  readonly text: string;
  readonly pieces: readonly FormulaPiece[];
  /** By how much the allocated peak can exceed the formula, in words. */
  readonly bound: string;
}

export type Verdict = "fits" | "tight" | "does-not-fit";

export interface MachineReport {
  readonly gpu: string;
  /** The load line: the most a process can use. */
  readonly capacityBytes: number;
  readonly verdict: Verdict;
  /** Capacity less device total; negative when it does not fit. */
  readonly headroomBytes: number;
}

/** Around `peak.deviceTotalBytes`. */
export interface Interval {
  readonly lowBytes: number;
  readonly highBytes: number;
  readonly confidence: number;
  readonly basis: string;
}

/** A default that mattered, or a figure that is assumed. */
export interface Assumption {
  readonly setting: string;
  readonly value: string;
  readonly because: string;
}

export interface EstimateReport {
  readonly schema: "plimsoll/estimate@1";
  readonly model: ModelReport;
  readonly setup: SetupReport;
  readonly totals: Totals;
  readonly peak: PeakReport;
  /** Zero for a phase that does not run; `validation` is there when it was asked for. */
  readonly phases: Readonly<Record<Exclude<ReportPhase, "validation">, PhaseReport>> & {
    readonly validation?: PhaseReport;
  };
  /** Blocks alive at the peak, rounded to 512 B; what the allocator did not split off counts as temporaries. */
  readonly atPeak: Readonly<Record<Category, number>>;
  readonly overhead: {
    /** `peak.reservedBytes` less `peak.allocatedBytes`. */
    readonly allocatorSlackBytes: number;
    readonly communicationBytes: number;
    readonly contextBytes: number;
  };
  /** Every stage of a pipeline, in order; the other figures are of the one that takes most. Empty without a pipeline. */
  readonly stages: readonly StageReport[];
  readonly formula: Formula;
  readonly machine: MachineReport | null;
  readonly interval: Interval;
  readonly assumptions: readonly Assumption[];
  readonly diagnostics: readonly Diagnostic[];
}

/** What one stage of a pipeline takes. */
export interface StageReport {
  /** From 0. */
  readonly stage: number;
  readonly allocatedBytes: number;
  readonly reservedBytes: number;
}

/** One line of a receipt: a tensor with its numbers filled in. */
export interface Receipt {
  readonly text: string;
  readonly bytes: number;
}

/** One call of a module, or one operator that a module with children runs itself. */
export interface LayerReport {
  readonly path: string;
  /** The module's class, or the operator. */
  readonly op: string;
  readonly isModule: boolean;
  readonly outputShapes: readonly (readonly number[])[];
  /**
   * Elements of the first output per sample: the column of a hand calculation. Null where the batch does not lead, and
   * for operators between modules that only show their input in another way.
   */
  readonly activationsPerSample: number | null;
  readonly parameterCount: number;
  readonly parameterBytes: number;
  readonly savedTensorBytes: number;
  readonly receipts: readonly Receipt[];
}

/** A block alive at the peak. */
export interface AliveReport {
  readonly name: string;
  readonly category: Category;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Rounded to 512 B. */
  readonly bytes: number;
  readonly from: string;
  readonly until: string;
  readonly because: string;
}

export interface ExplainReport extends EstimateReport {
  readonly layers: readonly LayerReport[];
  readonly alive: readonly AliveReport[];
}
