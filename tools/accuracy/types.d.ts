/** What a recorded case holds of the figures that are compared, and what the comparison makes of them. */
import type { EstimateReport, ImportedModel, Options } from "../../dist/index.js";

export interface RecordedSpec {
  readonly source: string;
  readonly model?: string;
  readonly file?: string;
  readonly batch: number;
  readonly mode?: NonNullable<Options["precision"]>;
  readonly optimizer?:
    | string
    | { readonly name: string; readonly [option: string]: string | number | boolean };
  readonly inference?: string | false;
  readonly ema?: boolean;
  readonly optimizer_in_backward?: boolean;
  readonly grad_accum?: number;
  readonly set_to_none?: boolean;
  readonly zero_grad?: string;
  /** Channels, height, width; or the length of a vector. */
  readonly input_shape?: readonly number[];
  /** Of the hand-written networks: which one, widths of a perceptron, its activation. */
  readonly factory?: string;
  readonly dims?: readonly number[];
  readonly act?: string;
  readonly frozen?: readonly string[];
  readonly steps?: number;
  /** Settings of which only the presence matters. */
  readonly channels_last?: boolean;
  readonly ckpt?: boolean;
  /** Of torchtitan's model: which of its policies recomputes blocks. */
  readonly ac?: "titan" | "full";
  readonly lora?: {
    readonly r: number;
    readonly lora_dropout: number;
    readonly use_dora?: boolean;
    readonly target_modules: string | readonly string[];
  };
  /** Of models that are made from a configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly task?: string;
  readonly seq?: number;
  readonly tgt_seq?: number;
  /** Recorded with lengths of transcriptions that the device did not have to be asked for. */
  readonly count_labels?: boolean;
  readonly attn?: string;
  /** Of the recorder of variations. */
  readonly sdpa?: "flash" | "efficient" | "cudnn" | "math";
  readonly float8?: "tensorwise" | "rowwise";
  readonly offload?: boolean | "pinned";
  readonly validate?: boolean;
  readonly attention_mask?: boolean;
  readonly quantize?: string;
  readonly double_quant?: boolean;
  readonly prepare?: boolean;
  readonly loss_kind?: NonNullable<Options["loss"]>;
  readonly model_kwargs?: unknown;
  readonly clip_grad?: number;
  readonly dist?: {
    readonly kind: "ddp" | "fsdp1" | "fsdp2" | "fsdp2+tp" | "tp" | "zero1";
    readonly world: number;
    readonly replicate?: number;
    readonly tp?: number;
    readonly mp?: string | null;
    readonly reshard_after_forward?: boolean | "but-last";
    readonly strategy?: string;
    readonly bucket_cap_mb?: number;
    readonly gradient_as_bucket_view?: boolean;
  };
  /** DeepSpeed's engine over so many ranks, and its configuration. */
  readonly ds?: {
    readonly world: number;
    readonly config: {
      readonly zero_optimization?: {
        readonly stage?: 0 | 1 | 2 | 3;
        readonly offload_optimizer?: object;
        readonly offload_param?: object;
        readonly [option: string]: unknown;
      };
      readonly data_types?: { readonly grad_accum_dtype?: "fp32" | "bf16" | "fp16" };
      readonly gradient_clipping?: number;
    };
  };
  readonly fresh_inputs?: boolean;
}

export interface Recorded {
  readonly ok: boolean;
  readonly spec: RecordedSpec;
  readonly gpu: string;
  readonly alloc_conf?: NonNullable<Options["allocatorConf"]> | "";
  readonly cudnn_ws?: string;
  readonly cudnn_benchmark?: boolean;
  readonly steps: readonly {
    readonly step: number;
    readonly peak_allocated: number;
    readonly peak_phase?: string;
    readonly reserved_peak: number;
  }[];
  readonly phases: readonly { readonly step: number; readonly phase: string; readonly peak: number }[];
  readonly params: { readonly bytes: number };
  readonly buffers: { readonly bytes: number };
  readonly grads?: { readonly bytes: number };
  readonly optimizer_state?: { readonly bytes: number };
  readonly saved?: { readonly saved_unique_activation_bytes?: number };
  readonly max_memory_reserved: number;
}

export interface RecordedCase {
  readonly name: string;
  readonly group: string;
  readonly recorded: Recorded;
  /** Path of the exported program. */
  readonly model: string;
  /** The text of a config.json. */
  readonly config: string | null;
  /** Why it is left out; null when it is compared. */
  readonly why: string | null;
  readonly options: Options;
}

/** Predicted and recorded. */
export type Pair = readonly [number | undefined, number | undefined];

export interface Compared {
  readonly name: string;
  readonly states: boolean;
  /** Whether the peak is in the recorded phase. */
  readonly phase: boolean;
  readonly pairs: Readonly<Record<string, Pair>>;
}

export interface Row {
  readonly figure: string;
  readonly cases: number;
  readonly exact: number;
  readonly within1: number;
  readonly within5: number;
  readonly median: number;
  readonly p90: number;
  readonly worst: number;
}

/** How many of `of` cases are right by one criterion. */
export interface Count {
  readonly criterion: string;
  readonly right: number;
  readonly of: number;
}

export interface Group {
  readonly name: string;
  readonly cases: readonly Compared[];
  readonly skipped: readonly RecordedCase[];
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  readonly rows: readonly Row[];
}

export type Results = "results" | "results-cudnn" | "results-compile" | "results-benchmark";

export interface Section {
  readonly results: Results;
  readonly groups: readonly Group[];
  readonly counts: readonly Count[];
}

/** Models by name, each read once. */
export interface Models {
  /** By path of an exported program. */
  readonly file: (path: string) => Promise<ImportedModel>;
  /** By `source/name`: the exported program, else the catalogue's, else null. */
  readonly named: (name: string) => Promise<ImportedModel | null>;
  /** By text of a layer spec. */
  readonly spec: (text: string) => Promise<ImportedModel>;
  /** By text of a config.json. */
  readonly config: (text: string) => Promise<ImportedModel>;
  /** As `named`, the catalogue's alone. */
  readonly catalogued: (name: string) => Promise<ImportedModel | null>;
}

/** One row of the timm table: which batch fitted the card, and which we say fits. */
export interface Fit {
  readonly model: string;
  readonly layout: "nhwc" | "nchw";
  readonly measured: number;
  readonly predicted: number;
  /** Rungs of the ladder between the two; positive: we say more fits. */
  readonly rungs: number;
}

/** A peak that somebody published, beside ours. */
export interface Measured {
  readonly id: string;
  readonly source: string;
  readonly what: string;
  readonly assumes: string;
  readonly figure: "allocated" | "active" | "reserved";
  readonly pair: readonly [number, number];
}

/** A row of a collection, as far as it is read. */
export interface PublishedRow {
  readonly id: string;
  readonly source: string;
  readonly kind: string;
  readonly metric: string;
  readonly completeness: number;
  readonly value_bytes: number | null;
  readonly num_gpus?: number;
  readonly model?: { readonly hf_id?: string } | null;
  readonly lora?: unknown;
  readonly quantization?: unknown;
  readonly compile?: boolean | string | null;
  readonly activation_checkpointing?: string | null;
  readonly precision?: { readonly compute?: string } | null;
  readonly parallelism?: {
    readonly cp?: number;
    readonly sp?: boolean;
    readonly zero_or_fsdp?: string | null;
  } | null;
}

/** The step of a language model that a published row measured; the model by name, or by the text of a config.json. */
export type LanguageStep = ({ readonly named: string } | { readonly config: string }) & {
  readonly what: string;
  readonly assumes: string;
  readonly options: Options;
};

export interface LeftOut {
  readonly source: string;
  readonly reason: string;
  readonly rows: number;
}

export interface Published {
  readonly fits: readonly Fit[];
  readonly measured: readonly Measured[];
  readonly left: readonly LeftOut[];
}

/** What the rules of other tools read of a step. Bytes of an element are those of the module's own tensors. */
export interface PeerCount {
  readonly activations: number;
  readonly parameterLayerActivations: number;
  readonly parameters: number;
  readonly largestLayerParameters: number;
  readonly inputElements: number;
  readonly batch: number;
  readonly bytesPerElement: number;
  readonly precision: NonNullable<Options["precision"]>;
  /** Tensors of a parameter's size that the optimizer keeps for it: 2 for Adam. */
  readonly optimizerStates: number;
  readonly stateBytes: number;
}

export interface Peer {
  readonly name: string;
  /** P parameters, A layer outputs of one sample, Aw of layers with parameters, I inputs of one sample, B batch, e bytes of an element. */
  readonly formula: string;
  readonly source: string;
  /** Undefined where the rule does not speak about such a step. */
  readonly bytes: (count: PeerCount) => number | undefined;
}

export interface Score {
  readonly median: number;
  readonly p90: number;
}

export interface PeerRow {
  readonly name: string;
  readonly formula: string;
  readonly source: string;
  readonly cases: number;
  readonly allocated: Score;
  readonly reserved: Score;
  /** Names of the cases in which it is nearer to the allocated peak than Plimsoll. */
  readonly nearer: readonly string[];
  /** Median error of the allocated peak by precision. */
  readonly byPrecision: Readonly<Record<string, number | undefined>>;
}

/** What another system reports about itself. */
export interface Claim {
  readonly system: string;
  readonly claim: string;
}

export type { EstimateReport, ImportedModel, Options };

/** A row of nanotron_runs.csv, as text. */
export interface NanotronRun {
  readonly name: string;
  readonly status: "Success" | "OOM" | "Other";
  readonly hidden_size: string;
  readonly num_layers: string;
  readonly num_heads: string;
  readonly num_kv_heads: string;
  readonly vocab_size: string;
  readonly tie_word_embeddings: string;
  readonly seq_len: string;
  readonly mbs: string;
  readonly batch_accum: string;
  readonly dp: string;
  readonly tp: string;
  readonly pp: string;
  readonly zero_stage: string;
  readonly after_pp_fix: string;
  readonly "Mem Res (GB)": string;
}
