/**
 * Published rows of language models: which step each one measured, and why the others are left out.
 *
 * Untrue   litgpt's and torchtune's rows are compared with transformers' modules of the same sizes; `assumes` says what differs
 * Ignores  the mesh of an FSDP2 run beyond its first rank
 */

/** @import { LanguageStep, Options, PublishedRow } from "./types.js" */

/** @type {(values: object) => string} */
const text = (values) => JSON.stringify(values);

const LLAMA3_8B = {
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
};
/** The class written out in Python, until 2025-03; PyTorch's own computed the same way until 2.9. */
const TITAN = text({ model_type: "torchtitan_llama", ...LLAMA3_8B, norm_type: "rmsnorm" });
const TITAN_FUSED = text({ model_type: "torchtitan_llama", ...LLAMA3_8B });
/**
 * run_train.sh and llama3_8b.toml: fused AdamW, gradients clipped and set to none before the forward, reserved memory of
 * segments that grow.
 * @type {Options}
 */
const TITAN_STEP = {
  batch: 1,
  sequence: 8192,
  gpu: "H100-80GB:95",
  parallel: "fsdp=8",
  fsdp: "params=bf16,reduce=fp32,reshard=but-last",
  checkpointing: "selective=2",
  optimizer: "adamw:fused",
  clipGrad: true,
  zeroGrad: "at-start",
  freshInputs: true,
  allocatorConf: "expandable_segments:True",
};
/** @type {(what: string, options?: Options, assumes?: string) => LanguageStep} */
const titan = (what, options = {}, assumes = "nothing") => ({
  config: TITAN,
  what: `Llama 3 8B, FSDP2 over 8, op checkpointing, ${what}`,
  assumes,
  options: { ...TITAN_STEP, ...options },
});
const QWEN3_32B = "hf/Qwen/Qwen3-32B";
/** @type {(batch: number, ranks: number) => LanguageStep} */
const qwen = (batch, ranks) => ({
  named: QWEN3_32B,
  what: `Qwen3 32B, FSDP2 over ${ranks}, every block checkpointed, batch ${batch}`,
  assumes: "transformers' model and loss in place of torchtitan's",
  options: {
    ...TITAN_STEP,
    batch,
    sequence: 4096,
    parallel: `fsdp=${ranks}`,
    fsdp: "params=bf16,reduce=fp32,reshard=true",
    checkpointing: "full",
  },
});

const LITGPT = "transformers' modules and loss, peft's float32 adapters, in place of litgpt's own";
/** bitsandbytes 9e753741 (2024-07) fixed it. */
const LITGPT_4BIT = `${LITGPT}; its bitsandbytes still kept the inputs of 4-bit layers for backward`;
/** @type {(name: string, what: string, options: Options) => LanguageStep} */
const litgpt = (name, what, { gpu = "A100-40GB", ...options }) => ({
  named: `hf/${name}`,
  what,
  assumes: options.quantize ? LITGPT_4BIT : LITGPT,
  options: {
    gpu,
    precision: "bf16",
    lora: "rank=8,targets=q_proj+v_proj,dropout=0.05",
    optimizer: "adamw",
    step: "first", // the longest sample comes first, and no optimizer step before it is gone
    ...options,
  },
});
/** bitsandbytes' weights as litgpt leaves them: what is no linear layer stays bf16. */
const NF4 = /** @type {const} */ ({ quantize: "nf4,double=false,prepare=false", optimizer: "paged-adamw" });
const NF4_TWICE = /** @type {const} */ ({ quantize: "nf4,prepare=false", optimizer: "paged-adamw" });
const [LLAMA2_7B, LLAMA2_13B] = ["meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-13b-hf"];
/** @type {(name: string, what: string, options: Options) => LanguageStep} */
const hub = (name, what, options) =>
  litgpt(name, `${what}, 512 tokens`, {
    gpu: "A10G",
    sequence: 512,
    lora: "rank=32,targets=q_proj+v_proj,dropout=0.05",
    step: "steady",
    ...options,
  });
const ALL = "targets=q_proj+k_proj+v_proj+o_proj+gate_proj+up_proj+down_proj+lm_head";

/** @type {Options} */
const TORCHTUNE = {
  gpu: "A100-80GB",
  batch: 2,
  sequence: 4096,
  precision: "bf16",
  loss: "chunked",
  optimizer: "adamw",
  compile: true,
};
const TORCHTUNE_MODEL =
  "transformers' modules, compiled as one, where torchtune compiles layer by layer; AdamW's implementation is not said: foreach, PyTorch's default";
const HF_TRAINER = /** @type {const} */ ({
  gpu: "A100-80GB",
  batch: 8,
  sequence: 4096,
  precision: "bf16",
  checkpointing: "full",
  optimizer: "adamw",
  clipGrad: true,
});

/**
 * Rows that can be asked for: id → the step they measured.
 * @type {Readonly<Record<string, LanguageStep>>}
 */
// biome-ignore format: one line per row
export const LANGUAGE = {
  "torchtitan-bench-001": titan("batch 2", { batch: 2 }),
  "torchtitan-log-001": titan("2025-02"),
  "torchtitan-log-003": titan("never resharded, 2025-02", { fsdp: "params=bf16,reduce=fp32,reshard=false" }),
  "torchtitan-log-004": titan("2025-07", {}, "nn.RMSNorm as PyTorch composed it until 2.9"),
  "torchtitan-log-007": titan("own RMSNorm, 2025-03"),
  "torchtitan-log-008": titan("nn.RMSNorm, 2025-03", {}, "nn.RMSNorm as PyTorch composed it until 2.9"),
  "torchtitan-log-009": titan("2025-03", {}, "nn.RMSNorm as PyTorch composed it until 2.9"),
  "torchtitan-log-021": { ...titan("2025-10", {}, "embedding and output sharded as one unit, where torchtitan has two by then"), config: TITAN_FUSED },
  "torchtitan-log-037": qwen(2, 8),
  "torchtitan-log-040": qwen(16, 16),
  "torchtitan-log-041": qwen(16, 32),
  "litgpt-table-001": litgpt("microsoft/phi-1_5", "phi-1.5, LoRA, 1,044 tokens", { batch: 1, sequence: 1044 }),
  "litgpt-table-002": litgpt("microsoft/phi-1_5", "phi-1.5, QLoRA nf4, 1,044 tokens", { batch: 1, sequence: 1044, ...NF4 }),
  "litgpt-table-011": litgpt(LLAMA2_7B, "Llama 2 7B, LoRA, 1,304 tokens", { batch: 1, sequence: 1304 }),
  "litgpt-table-012": litgpt(LLAMA2_7B, "Llama 2 7B, QLoRA nf4, 1,304 tokens", { batch: 1, sequence: 1304, ...NF4 }),
  "litgpt-table-013": litgpt(LLAMA2_7B, "Llama 2 7B, QLoRA nf4-dq, 1,304 tokens", { batch: 1, sequence: 1304, ...NF4_TWICE }),
  "litgpt-table-016": litgpt(LLAMA2_13B, "Llama 2 13B, LoRA, 1,304 tokens", { batch: 1, sequence: 1304 }),
  "litgpt-table-017": litgpt(LLAMA2_13B, "Llama 2 13B, QLoRA nf4, 1,304 tokens", { batch: 1, sequence: 1304, ...NF4 }),
  "litgpt-table-020": litgpt(LLAMA2_13B, "Llama 2 13B, LoRA, batch 4, 1,304 tokens", { batch: 4, sequence: 1304 }),
  "litgpt-confighub-013": hub(LLAMA2_7B, "Llama 2 7B, LoRA, batch 2", { batch: 2 }),
  "litgpt-confighub-014": hub(LLAMA2_7B, "Llama 2 7B, QLoRA nf4, batch 2", { batch: 2, ...NF4 }),
  "litgpt-confighub-017": hub("meta-llama/Meta-Llama-3-8B", "Llama 3 8B, QLoRA nf4, batch 2", { batch: 2, ...NF4 }),
  "litgpt-confighub-022": hub("meta-llama/Llama-3.2-1B", "Llama 3.2 1B, LoRA, batch 1", { batch: 1 }),
  "litgpt-confighub-026": hub("meta-llama/Llama-3.2-3B", "Llama 3.2 3B, QLoRA nf4, batch 2", { batch: 2, ...NF4 }),
  "litgpt-confighub-029": hub("mistralai/Mistral-7B-v0.1", "Mistral 7B, LoRA, batch 2", { batch: 2 }),
  "litgpt-confighub-033": hub("microsoft/phi-2", "phi-2, QLoRA nf4, batch 4", { batch: 4, ...NF4, lora: "rank=8,dropout=0.05,targets=q_proj+k_proj+v_proj+dense+fc1+fc2+lm_head" }),
  "litgpt-confighub-041": hub("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "TinyLlama, LoRA everywhere, batch 8", { batch: 8, lora: `rank=32,dropout=0.05,${ALL}` }),
  "litgpt-confighub-042": hub("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "TinyLlama, QLoRA nf4 everywhere, batch 8", { batch: 8, ...NF4, lora: `rank=32,dropout=0.05,${ALL}` }),
  "torchtune-flags-004": { named: "hf/meta-llama/Llama-3.2-3B", what: "Llama 3.2 3B, full fine-tune, compiled, 2 x 4,096 packed tokens", assumes: TORCHTUNE_MODEL, options: TORCHTUNE },
  "torchtune-flags-005": { named: "hf/meta-llama/Llama-3.2-3B", what: "the same with every block checkpointed", assumes: TORCHTUNE_MODEL, options: { ...TORCHTUNE, checkpointing: "full" } },
  "torchtune-flags-006": { named: "hf/meta-llama/Llama-3.2-3B", what: "the same with the optimizer in backward", assumes: TORCHTUNE_MODEL, options: { ...TORCHTUNE, checkpointing: "full", optimizerInBackward: true } },
  "fms-acceleration-011": { named: "hf/mistralai/Mistral-7B-v0.1", what: "Mistral 7B, full fine-tune, checkpointed, 8 x 4,096 tokens", assumes: "torch's flash kernel for the flash-attn package's", options: HF_TRAINER },
  "fms-acceleration-035": { named: "hf/mistralai/Mistral-7B-v0.1", what: "Mistral 7B, LoRA, checkpointed, 8 x 4,096 tokens", assumes: "torch's flash kernel for the flash-attn package's", options: { ...HF_TRAINER, lora: "rank=16,targets=q_proj+k_proj+v_proj+o_proj,dropout=0.1" } },
};

/**
 * What rows of other code have that no option says.
 * @type {Readonly<Record<string, string>>}
 */
const DIFFERENT = {
  "torchtitan-log-018": "a trainer of 2024-06 that keeps float32 logits through backward",
  "torchtune-docs-006": "the model alone, no step",
  "deepspeed-examples-001": "DeepSpeed's ZeRO-3",
};

/** Families whose queries, keys and values are one matrix, of which litgpt adapts a part; peft adapts the whole or nothing. */
const FUSED = /falcon|stablelm-base-alpha/;

/**
 * Reasons, the first that holds.
 * @type {readonly [holds: (row: PublishedRow) => unknown, reason: string][]}
 */
// biome-ignore format: one line per reason
const REASONS = [
  [({ source }) => source === "nanotron-csv", "runs of nanotron_runs.csv, which is compared as a whole"],
  [({ parallelism }) => (parallelism?.cp ?? 1) > 1, "context parallelism"],
  [({ parallelism }) => parallelism?.zero_or_fsdp?.includes("FSDP1"), "FSDP1"],
  [({ parallelism }) => parallelism?.sp, "sequence parallelism beside tensor parallelism"],
  [({ precision }) => precision?.compute?.includes("float8"), "float8 layers over float32 shards"],
  [({ compile }) => typeof compile === "string" && compile.startsWith("per TransformerBlock"), "compiled block by block; --compile takes the whole model with its loss"],
  [({ activation_checkpointing }) => activation_checkpointing?.includes("every 2nd layer"), "every second block checkpointed"],
  [({ source, model }) => source.startsWith("litgpt") && FUSED.test(model?.hf_id ?? ""), "adapters of a part of a fused matrix"],
  [({ source, model }) => source.startsWith("litgpt") && model?.hf_id?.includes("gemma"), "adapters of a head that is not tied in litgpt"],
];

/**
 * Why a language model's row is not compared; undefined where this file does not know.
 * @param {PublishedRow} row
 */
export function whyNotLanguage(row) {
  return DIFFERENT[row.id] ?? REASONS.find(([holds]) => holds(row))?.[1];
}
