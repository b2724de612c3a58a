/** What the user chose, as plain data: how to train, and on what. */
import type { DType } from "../base/dtype.js";
import type { Bytes } from "../base/units.js";

export type Mode = "train" | "inference";
export type Precision = "fp32" | "amp-fp16" | "amp-bf16" | "bf16" | "fp16" | "fp8" | "fp8-rowwise";
/** All but these three are part of the model, which then returns its loss. */
export type LossChoice =
  | "auto"
  | "cross-entropy"
  | "none"
  | "chunked"
  | "chunked-backward"
  | "fused"
  | "linear";
/** Whose kernels, saved values, optimizers and allocator a step has. */
export type Framework = "pytorch" | "tensorflow" | "jax";
export type StepChoice = "first" | "steady";
export type ZeroGrad = "set-to-none" | "keep" | "at-start";
export type CudnnChoice = "default" | "benchmark" | "deterministic" | "no-workspace";
/** Attention written out, as the kernel PyTorch picks (sdpa), or as one kernel that is named. */
export type AttentionChoice = "eager" | "sdpa" | "math" | "flash" | "efficient" | "cudnn";
export type OptimizerPath = "foreach" | "fused" | "for-loop";

export interface OptimizerChoice {
  /** A key of the optimizer table. */
  readonly name: string;
  /** Arguments of the optimizer's constructor that change memory: momentum, amsgrad, centered, … */
  readonly options: Readonly<Record<string, number | boolean>>;
}

/** Blocks of the model whose activations are computed again in backward, `every` of them together. */
export interface Checkpointing {
  readonly every: number;
  /** Results of expensive operators are kept; only the others are computed again. */
  readonly selective: boolean;
  /** Of the matrix products among them, every so-manyth is computed again all the same. Absent: none. */
  readonly skippedProducts?: number;
}

/** Low-rank adapters beside linear layers; all other parameters are frozen. */
export interface Adapters {
  readonly rank: number;
  /** Last parts of module paths; all-linear: every linear layer in a block. */
  readonly targets: "all-linear" | readonly string[];
  readonly dropout: number;
  /** DoRA: a magnitude per output, over the norm of the whole weight. */
  readonly dora?: true;
}

/** Weights of linear layers in few bits, as bitsandbytes stores them; they do not train. */
export interface Quantization {
  readonly kind: "nf4" | "fp4";
  /** Scales of blocks are quantized themselves. */
  readonly double: boolean;
  /** What packed weights are multiplied in, and were loaded in. */
  readonly compute: DType;
  /** peft's prepare_model_for_kbit_training: everything that is not packed becomes float32 and is frozen. */
  readonly prepare: boolean;
}

/** Ranks along each axis of the mesh; 1 where the axis is not there. Their product is the number of GPUs. */
export interface Mesh {
  /** Replicas: each has its own share of the batch, gradients are averaged. */
  readonly dp: number;
  /** Ranks that share out parameters, gradients and states, each with its own share of the batch. */
  readonly fsdp: number;
  /** Ranks that share out the matrices of every layer. */
  readonly tp: number;
  /** Stages of a pipeline. */
  readonly pp: number;
}

/** Whether blocks are given up after forward, kept whole until backward, or never shared out. ShardingStrategy */
export type FlatStrategy = "full-shard" | "shard-grad-op" | "no-shard";

/** PyTorch's fully_shard, or FullyShardedDataParallel. */
export interface FullSharding {
  /** FullyShardedDataParallel's strategy; null: fully_shard. */
  readonly flat: FlatStrategy | null;
  /** What parameters are gathered in; null: in the type they are stored in. MixedPrecisionPolicy.param_dtype */
  readonly gathered: DType | null;
  /** What gradients are reduced in; null: in their own type. MixedPrecisionPolicy.reduce_dtype */
  readonly reduced: DType | null;
  /** Whether blocks give gathered parameters up after forward, and whether the root does. */
  readonly reshard: boolean;
  readonly reshardRoot: boolean;
  /** Whether the last block does too; absent: as the others. */
  readonly reshardLast?: boolean;
}

/** DistributedDataParallel, and what its optimizer keeps on each rank. */
export interface Replication {
  /** Gradients that are reduced together have at least as many bytes; the first bucket has its own limit. */
  readonly bucketBytes: number;
  readonly firstBucketBytes: number;
  /** Gradients are views of the buckets. gradient_as_bucket_view */
  readonly bucketView: boolean;
  /** Each rank has the states of its share of the parameters. torch.distributed.optim.ZeroRedundancyOptimizer */
  readonly shardedOptimizer: boolean;
}

/** Float32 copies of 16-bit parameters, which the optimizer steps in their place, and how gradients reach them. */
export interface MasterWeights {
  /** Whose code makes them. */
  readonly by: "megatron" | "nanotron";
  /** What the gradients of micro-batches are added up in. */
  readonly gradients: DType;
  /** Each replica has the masters and the states of its share. */
  readonly sharded: boolean;
}

/** DeepSpeed's engine; counts are elements, names those of its configuration. deepspeed/runtime/zero/config.py */
export interface Zero {
  readonly stage: 0 | 1 | 2 | 3;
  /** data_types.grad_accum_dtype */
  readonly gradients: DType;
  readonly reduceBucket: number;
  readonly overlapComm: boolean;
  readonly prefetchBucket: number;
  readonly persistenceThreshold: number;
  readonly maxLive: number;
  readonly maxReuseDistance: number;
  /** Masters, states and reduced gradients live in host memory, and so do a stage 3's shares of the parameters. */
  readonly offloadOptimizer: boolean;
  readonly offloadParameters: boolean;
}

/** How one model is spread over several GPUs. */
export interface Parallel {
  readonly mesh: Mesh;
  readonly sharding: FullSharding | null;
  readonly replication: Replication | null;
  /** How a pipeline orders its micro-batches. */
  readonly schedule: "1f1b" | "gpipe";
  /** Blocks of every stage; absent: divided evenly. */
  readonly stageBlocks?: readonly number[];
  /** The stage that is computed, from 0. */
  readonly stage: number;
}

export interface TrainingSetup {
  readonly mode: Mode;
  /** Absent: PyTorch. */
  readonly framework?: Framework;
  readonly precision: Precision;
  readonly attention: AttentionChoice;
  /** `torch.compile`: a compiler chooses what backward keeps. */
  readonly compile: boolean;
  /** Null keeps every activation that backward reads. */
  readonly checkpointing: Checkpointing | null;
  /** 4-d parameters and inputs are stored NHWC. */
  readonly channelsLast: boolean;
  readonly batch: number;
  /** Null trains without an optimizer: gradients only. */
  readonly optimizer: OptimizerChoice | null;
  /** Each parameter's optimizer steps in its post-accumulate-grad hook; absent: one optimizer after backward. */
  readonly optimizerInBackward?: boolean;
  /** A copy of the model is averaged after every step. */
  readonly ema?: boolean;
  /** Micro-batches whose gradients are added up before the optimizer steps; 1 adds none. */
  readonly accumulate: number;
  readonly loss: LossChoice;
  readonly zeroGrad: ZeroGrad;
  /** Every step but the first makes its inputs anew while the old ones are there. */
  readonly freshInputs?: boolean;
  /** After every step the model is run on a batch of its own, in eval mode and without gradients. */
  readonly validate?: boolean;
  /** What backward reads lies in host memory until its gradient runs, as under `torch.autograd.graph.save_on_cpu`. */
  readonly offloadActivations?: boolean;
  /** Gradients are clipped to a norm over all of them before the optimizer steps. */
  readonly clipGradients: boolean;
  /** The loss is scaled by a `torch.amp.GradScaler`. */
  readonly gradScaler: boolean;
  readonly step: StepChoice;
  readonly cudnn: CudnnChoice;
  readonly allocator: AllocatorSettings;
  /** JAX's: false where the step does not take over its arguments' memory. */
  readonly donates?: boolean;
  /** Globs over parameter paths that do not train. */
  readonly freeze: readonly string[];
  readonly adapters?: Adapters | null;
  /** Absent or null: one GPU. */
  readonly parallel?: Parallel | null;
  readonly quantization?: Quantization | null;
  /** Absent or null: the optimizer steps the parameters themselves. */
  readonly masters?: MasterWeights | null;
  /** Absent or null: the loop is PyTorch's own. */
  readonly zero?: Zero | null;
}

/** What no pass before the step reads: a tape serves every choice of these. */
type OfTheStep =
  | "batch"
  | "donates"
  | "optimizer"
  | "optimizerInBackward"
  | "ema"
  | "zeroGrad"
  | "freshInputs"
  | "validate"
  | "offloadActivations"
  | "clipGradients"
  | "step"
  | "allocator"
  | "freeze"
  | "adapters"
  | "quantization"
  | "masters"
  | "zero";

/** What decides how the forward pass runs, and what it keeps. */
export type TapeSetup = Omit<TrainingSetup, OfTheStep>;

/** What decides the step: all but how its blocks are placed, and which step is asked about. */
export type StepSetup = Omit<TrainingSetup, "allocator" | "step">;

/** What PYTORCH_CUDA_ALLOC_CONF tells PyTorch's allocator, as far as it changes device memory. */
export interface AllocatorSettings {
  readonly backend: "native" | "cudaMallocAsync" | "bfc";
  /** TensorFlow's and JAX's: regions are taken as they are needed, not all at the start. */
  readonly growth?: boolean;
  /** TensorFlow's and JAX's: what they leave to the system. */
  readonly leaves?: Bytes;
  /** Segments grow page by page. */
  readonly expandableSegments: boolean;
  /** Segment that large requests below 10 MiB share, or the page that an expandable one grows by. */
  readonly largeSegment: number;
  /** Blocks from this size on are not split, and only serve requests from this size on; `Infinity` splits all. */
  readonly maxSplitSize: number;
  /** Bytes that such a block may have beyond the request. */
  readonly maxNonSplitRounding: number;
  /** Steps between two powers of two, for requests from 1 MiB, 2 MiB, 4 MiB, … on; null rounds to 512 B. */
  readonly roundupPower2Divisions: readonly number[] | null;
  /** Share of the allowed memory above which unused segments are given back before a new one is made; 0 keeps them. */
  readonly garbageCollectionThreshold: number;
  /** Share of the device the process may take; null sets no limit. */
  readonly memoryFraction: number | null;
}

/** The device a step runs on. */
export interface Machine {
  /** The row of the GPU table, or null when the user named none. */
  readonly gpu: string | null;
  /** Null: the device never fills. */
  readonly capacity: Bytes | null;
  /** `[major, minor]` of the CUDA compute capability; what kernels are chosen by. */
  readonly computeCapability: readonly [number, number];
  readonly multiprocessors: number;
  /** What a cuBLAS handle takes at its first use in a thread, and keeps. */
  readonly blasWorkspace: Bytes;
  /** What the process takes outside the framework's allocator. */
  readonly context: Bytes;
}

/** The type autocast lowers to, or null where it is off. */
export function autocastType(precision: Precision): DType | null {
  if (precision === "amp-fp16") return "float16";
  return precision === "amp-bf16" ? "bfloat16" : null;
}

/** The type that parameters are computed with: what a sharded model gathers them in, else what they are stored in. */
export function computedType({ precision, parallel }: Pick<TrainingSetup, "precision" | "parallel">): DType {
  return parallel?.sharding?.gathered ?? storedType(precision);
}

/** The type parameters, buffers and inputs are stored in. */
export function storedType(precision: Precision): DType {
  if (precision === "fp16") return "float16";
  return precision === "bf16" || isFloat8(precision) ? "bfloat16" : "float32";
}

/** Whether linear layers multiply in float8. */
export function isFloat8(precision: Precision): boolean {
  return precision === "fp8" || precision === "fp8-rowwise";
}
