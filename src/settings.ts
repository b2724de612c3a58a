/**
 * Every setting a step can have: its flag, its values, its default, and which values this release computes.
 *
 * The same names serve as flags (`--zero-grad`), as keys of a setup file (`zero-grad`) and as options of the
 * library (`zeroGrad`). A value that is known but not computed yet is refused, never ignored.
 */
import type { MachineProfile } from "./report/compare.js";

export interface Setting {
  /** What stands behind the flag in help; a switch has none. */
  readonly placeholder?: string;
  readonly kind: "choice" | "count" | "switch" | "text" | "list" | "shapes" | "size" | "profile";
  /** All values of a choice. */
  readonly values?: readonly string[];
  /** Values this release computes; absent: all. An empty list refuses the setting altogether. */
  readonly computes?: readonly (string | number | boolean)[];
  /** The release that is to compute the others. */
  readonly since?: string;
  readonly help: string;
}

// biome-ignore format: one list
const TASKS = ["causal-lm", "masked-lm", "pretraining", "sequence-classification", "token-classification", "question-answering", "seq2seq", "image-classification", "contrastive", "ctc", "speech-seq2seq", "base"];
const PRECISIONS = ["fp32", "amp-fp16", "amp-bf16", "bf16", "fp16", "fp8", "fp8-rowwise"];

// biome-ignore format: one line per setting
const SETTINGS = {
  mode:          { kind: "choice", placeholder: "train|inference", values: ["train", "inference"], help: "what runs: a training step (default) or a forward pass without gradients" },
  batch:         { kind: "count",  placeholder: "N",               help: "micro-batch per GPU; default: the batch the file was made with" },
  shape:         { kind: "shapes", placeholder: "NAME=DIMS",       help: "the whole shape of one input, such as x=8x3x224x224; may be repeated" },
  image:         { kind: "size",   placeholder: "HxW",             help: "height and width of image inputs; default: the file's own" },
  optimizer:     { kind: "text",   placeholder: "NAME",            help: "adamw (default), sgd:momentum=0.9, adam:fused, …; see `plimsoll optimizers`" },
  noOptimizer:   { kind: "switch", help: "train without an optimizer: gradients only" },
  optimizerInBackward: { kind: "switch", help: "each parameter's optimizer steps in a hook as soon as its gradient is there, and frees it" },
  ema:           { kind: "switch", help: "keep a moving average of the parameters, as torch.optim.swa_utils.AveragedModel" },
  loss:          { kind: "choice", placeholder: "KIND",            values: ["auto", "cross-entropy", "chunked", "chunked-backward", "fused", "linear", "none"], help: "auto (default: a scalar output is the loss, logits get cross-entropy), cross-entropy, none; for language models chunked (torchtune), chunked-backward (torchtitan), fused (Liger), linear (torch.nn.functional.linear_cross_entropy)" },
  freeze:        { kind: "list",   placeholder: "GLOB",            help: "parameters that do not train, such as 'layer1.*'; may be repeated" },
  zeroGrad:      { kind: "choice", placeholder: "HOW",             values: ["set-to-none", "keep", "at-start"], help: "set-to-none (default) or keep: what happens to gradients at the end of the step; at-start: set to none before the next forward" },
  freshInputs:   { kind: "switch", help: "every step loads a new mini-batch before it lets go of the last one" },
  validate:      { kind: "switch", help: "after every step, a pass over a batch of its own in eval mode and without gradients" },
  clipGrad:      { kind: "switch", help: "clip_grad_norm_ over all gradients before the optimizer steps" },
  step:          { kind: "choice", placeholder: "first|steady",    values: ["first", "steady"], help: "which step: every later one (steady, default) or the very first" },
  gpu:           { kind: "text",   placeholder: "NAME[:GiB]",      help: "the device: a100, \"RTX 4090\", H100-80GB, a100:40; see `plimsoll gpus`" },
  cudnn:         { kind: "choice", placeholder: "PLANS",           values: ["default", "benchmark", "deterministic", "no-workspace"], help: "default, benchmark, deterministic, or no-workspace, which leaves the scratch of convolutions out" },
  framework:     { kind: "choice", placeholder: "pytorch|…",       values: ["pytorch", "tensorflow", "jax"], help: "pytorch; tensorflow: Keras models in graph mode; jax: programs that JAX printed, compiled by XLA; default: the one the file is made of" },
  memoryGrowth:  { kind: "switch", help: "TensorFlow and JAX take memory as they need it: TF_FORCE_GPU_ALLOW_GROWTH=true, XLA_PYTHON_CLIENT_PREALLOCATE=false" },
  memoryFraction: { kind: "text",  placeholder: "0.75",            help: "the part of the device that JAX takes at the start: XLA_PYTHON_CLIENT_MEM_FRACTION; default: 0.75" },
  noDonate:      { kind: "switch", help: "JAX keeps the old parameters and states until the step returns: jax.jit without donate_argnums" },
  precision:     { kind: "choice", placeholder: "fp32|…",          values: PRECISIONS, help: "fp32 (default); amp-bf16, amp-fp16: autocast over float32 parameters; bf16, fp16: the whole model in 16 bits; fp8, fp8-rowwise: bf16 with torchao's float8 linear layers" },
  accumulate:    { kind: "count",  placeholder: "N",               help: "micro-batches whose gradients are added up before the optimizer steps; default: 1" },
  sequence:      { kind: "count",  placeholder: "N",               help: "tokens per sample, samples of a sound: for models made from a config; default: 512" },
  channelsLast:  { kind: "switch", help: "4-d parameters and inputs stored NHWC" },
  checkpointing: { kind: "text",   placeholder: "none|full|selective[=K]|every=K", help: "full computes every block of the model again in backward; every=K takes K blocks together; selective keeps results of products, convolutions and attention; selective=2 computes every second product again, as torchtitan" },
  attention:     { kind: "choice", placeholder: "eager|sdpa|…",  values: ["eager", "sdpa", "flash", "efficient", "cudnn", "math"], help: "sdpa (default): the kernel PyTorch picks; flash, efficient, cudnn, math: that one alone, as torch.nn.attention.sdpa_kernel allows; eager: scores and softmax written out, as before PyTorch 2.0" },
  compile:       { kind: "switch", help: "torch.compile with its defaults: fused kernels, and a minimum cut of what backward keeps" },
  lora:          { kind: "text",   placeholder: "rank=16,targets=…", help: "train low-rank adapters alone: rank=16,targets=q_proj+v_proj,dropout=0.05; targets=all-linear (default) takes every linear layer in a block; dora=true adds magnitudes" },
  quantize:      { kind: "text",   placeholder: "nf4|fp4",         help: "frozen weights of linear layers in 4 bits, as bitsandbytes: nf4, fp4; with options nf4,double=false,compute=bf16,prepare=false" },
  offload:       { kind: "text",   placeholder: "WHAT,…",          help: "what lives in host memory; activations: saved tensors, as under torch.autograd.graph.save_on_cpu; with --zero optimizer, and from stage 3 on parameters" },
  task:          { kind: "choice", placeholder: "NAME",            values: TASKS, help: "the head of a model made from a config: causal-lm, masked-lm, sequence-classification, …; default: the one it names" },
  imageChannels: { kind: "count",  placeholder: "N",               help: "channels of images, for models made from a config" },
  classes:       { kind: "count",  placeholder: "N",               help: "classes of the head, for models made from a config" },
  gpus:          { kind: "count",  placeholder: "N",               help: "GPUs in all; default: the ranks of --parallel; without that all are replicas" },
  nodes:         { kind: "count",  placeholder: "N",               computes: [1], since: "0.3", help: "machines" },
  parallel:      { kind: "text",   placeholder: "dp=…,fsdp=…",     help: "ranks along each axis: dp (DistributedDataParallel), fsdp (fully_shard), tp (matrices of each layer), pp (stages of a pipeline); dp=2,fsdp=8 shards in groups of 8" },
  fsdp:          { kind: "text",   placeholder: "params=bf16,…",   help: "policy of fully_shard: params=bf16,reduce=fp32,reshard=true|false|auto|but-last; of FullyShardedDataParallel, blocks and then the model as units: version=1,strategy=full-shard|shard-grad-op|no-shard" },
  pipeline:      { kind: "choice", placeholder: "ORDER",           values: ["1f1b", "gpipe", "interleaved", "zero-bubble"], computes: ["1f1b", "gpipe"], since: "0.3", help: "how a pipeline (pp) orders its micro-batches: 1f1b (default), gpipe; --accumulate says how many there are" },
  stageBlocks:   { kind: "text",   placeholder: "N,N,…",           help: "blocks of every stage of a pipeline, such as 18,14; default: divided evenly" },
  bucketMb:      { kind: "count",  placeholder: "N",               help: "bucket_cap_mb of DistributedDataParallel; default: 25, the first 1" },
  bucketView:    { kind: "switch", help: "gradients are views of DistributedDataParallel's buckets" },
  shardedOptimizer: { kind: "switch", help: "each replica has the states of its share of the parameters: ZeroRedundancyOptimizer" },
  masterWeights: { kind: "choice", placeholder: "WHOSE",           values: ["megatron", "nanotron"], help: "float32 copies of 16-bit parameters, which the optimizer steps: megatron (Megatron-LM's optimizer, with --sharded-optimizer its distributed one), nanotron (with --sharded-optimizer ZeRO-1)" },
  gradients:     { kind: "choice", placeholder: "TYPE",            values: ["fp32", "bf16", "fp16"], help: "what the gradients of 16-bit parameters are added up in; default: fp32 with --master-weights, the parameters' type with --zero" },
  zero:          { kind: "count",  placeholder: "0|1|2|3",         computes: [0, 1, 2, 3], help: "DeepSpeed's engine with this stage of ZeRO over dp: 1 shares out masters and states, 2 gradients too, 3 parameters too; 0 none" },
  deepspeed:     { kind: "text",   placeholder: "KEY=VALUE,…",     help: "options of its zero_optimization, with their names: reduce_bucket_size=5e8,overlap_comm=true,stage3_param_persistence_threshold=1e5, …" },
  ddp:           { kind: "switch", help: "DistributedDataParallel over all GPUs: what --gpus alone means" },
  profile:       { kind: "profile", placeholder: "FILE",           help: "what a measurement told of this machine: a file that `plimsoll compare --save-profile` wrote" },
  allocatorConf: { kind: "text",   placeholder: "STRING",          help: "the value of PYTORCH_CUDA_ALLOC_CONF, such as expandable_segments:True" },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

/** Rows seen through the one interface, for code that treats all alike. */
export const SETTING_ROWS: Readonly<Record<SettingName, Setting>> = SETTINGS;

/** `zeroGrad` as a flag and as a key of a setup file: `zero-grad`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The setting that `key` spells, in camel or kebab case. */
export function settingOf(key: string): SettingName | undefined {
  const name = key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.hasOwn(SETTINGS, name) ? (name as SettingName) : undefined; // as: hasOwn says so
}

/**
 * Options of `estimate` and `explain`. Values may also be the strings a flag takes. Settings that are not listed
 * here are known by name (see SETTINGS) and refused with the release that is to bring them.
 */
export interface Options {
  /** What runs: a training step (default), or a forward pass without gradients. */
  readonly mode?: "train" | "inference";
  /** Micro-batch; default: the batch the file was made with. */
  readonly batch?: number;
  /** Height and width of image inputs; default: the file's own. */
  readonly image?: readonly [number, number] | `${number}x${number}`;
  /** Tokens per sample, for models made from a configuration. */
  readonly sequence?: number;
  /** The head of a model made from a configuration. */
  readonly task?: string;
  /** Classes of that head. */
  readonly classes?: number;
  /** Channels of images, for models made from a configuration. */
  readonly imageChannels?: number;
  /** Whole shapes of named inputs; an optional one is passed when its shape is given. */
  readonly shape?: Readonly<Record<string, readonly number[]>>;
  /** `adamw` (default), `sgd:momentum=0.9`, …; `false` or `"none"` trains without one. */
  readonly optimizer?: string | false;
  readonly noOptimizer?: boolean;
  /** Each parameter's optimizer steps in a hook as soon as its gradient is there, and frees it. */
  readonly optimizerInBackward?: boolean;
  /** A moving average of the parameters is kept, as by torch.optim.swa_utils.AveragedModel. */
  readonly ema?: boolean;
  /** `chunked`, `chunked-backward`, `fused` and `linear` take hidden states and the head of a language model instead of logits. */
  readonly loss?: "auto" | "cross-entropy" | "chunked" | "chunked-backward" | "fused" | "linear" | "none";
  /** Micro-batches whose gradients are added up before the optimizer steps. */
  readonly accumulate?: number;
  /** Globs over parameter names that do not train. */
  readonly freeze?: readonly string[];
  /** Low-rank adapters, `rank=16,targets=q_proj+v_proj,dropout=0.05`; nothing else trains. */
  readonly lora?: string;
  /** `nf4` or `fp4`: weights in 4 bits, scales quantized too, the rest prepared as by peft; `nf4,double=false,compute=bf16,prepare=false`. */
  readonly quantize?: string;
  readonly zeroGrad?: "set-to-none" | "keep" | "at-start";
  /** Every step loads a new mini-batch before it lets go of the last one. */
  readonly freshInputs?: boolean;
  /** After every step, a pass over a batch of its own in eval mode and without gradients. */
  readonly validate?: boolean;
  /** What lives in host memory: saved tensors, as under `torch.autograd.graph.save_on_cpu`; or `optimizer`, `optimizer,parameters` of ZeRO. */
  readonly offload?: string;
  /** `clip_grad_norm_` over all gradients before the optimizer steps. */
  readonly clipGrad?: boolean;
  /** Which step: every later one (steady, default) or the very first. */
  readonly step?: "first" | "steady";
  /** A device by any of its names, with `:GiB` for another memory size. */
  readonly gpu?: string;
  /** What a measurement told of this machine (plimsoll/profile@1): the calibration of a comparison, or its JSON. */
  readonly profile?: MachineProfile | string;
  /** The value of `PYTORCH_CUDA_ALLOC_CONF`, such as `expandable_segments:True`. */
  readonly allocatorConf?: string;
  readonly cudnn?: "default" | "benchmark" | "deterministic" | "no-workspace";
  /** `fp32` (default); `amp-…` is autocast over float32 parameters; `bf16` and `fp16` store the whole model in 16 bits; `fp8…` is bf16 with float8 linear layers. */
  readonly precision?: "fp32" | "amp-fp16" | "amp-bf16" | "bf16" | "fp16" | "fp8" | "fp8-rowwise";
  /** `torch.compile` with its defaults. */
  readonly compile?: boolean;
  /** How scaled dot-product attention runs: the kernel PyTorch picks (`sdpa`, default), one by its name, or written out (`eager`). */
  readonly attention?: "eager" | "sdpa" | "flash" | "efficient" | "cudnn" | "math";
  /**
   * `full`: every block of the model is computed again in backward; `every=K`: K blocks together; `selective`: results
   * of products, convolutions and attention are kept; `selective=K`: of matrix products all but every K-th.
   */
  readonly checkpointing?: "none" | "full" | "selective" | `selective=${number}` | `every=${number}`;
  /** 4-d parameters and inputs stored NHWC. */
  readonly channelsLast?: boolean;
  /** GPUs in all. */
  readonly gpus?: number;
  /** Ranks along each axis, `dp=2,fsdp=8`. */
  readonly parallel?: string;
  /** Policy of `fully_shard`: `params=bf16,reduce=fp32,reshard=false`. */
  readonly fsdp?: string;
  /** `bucket_cap_mb` and `gradient_as_bucket_view` of DistributedDataParallel. */
  /** How a pipeline orders its micro-batches. */
  readonly pipeline?: "1f1b" | "gpipe";
  /** Blocks of every stage, `18,14`. */
  readonly stageBlocks?: string;
  readonly bucketMb?: number;
  readonly bucketView?: boolean;
  /** ZeroRedundancyOptimizer over the replicas. */
  readonly shardedOptimizer?: boolean;
  readonly ddp?: boolean;
  /** Float32 copies of 16-bit parameters, which the optimizer steps. */
  readonly masterWeights?: "megatron" | "nanotron";
  /** What the gradients of 16-bit parameters are added up in. */
  readonly gradients?: "fp32" | "bf16" | "fp16";
  /** DeepSpeed's engine with this stage of ZeRO over the replicas. */
  readonly zero?: 0 | 1 | 2 | 3;
  /** Options of DeepSpeed's `zero_optimization`, `reduce_bucket_size=2e8`. */
  readonly deepspeed?: string;
  /** Default: the one the model's file is made of. */
  readonly framework?: "pytorch" | "tensorflow" | "jax";
  /** TensorFlow and JAX take memory as they need it: TF_FORCE_GPU_ALLOW_GROWTH=true, XLA_PYTHON_CLIENT_PREALLOCATE=false. */
  readonly memoryGrowth?: boolean;
  /** The part of the device that JAX takes at the start, `0.75`: XLA_PYTHON_CLIENT_MEM_FRACTION. */
  readonly memoryFraction?: string;
  /** JAX keeps the old parameters and states until the step returns: `jax.jit` without donate_argnums. */
  readonly noDonate?: boolean;
}
