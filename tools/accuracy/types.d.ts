/** What a recorded case holds of the figures that are compared, and what the comparison makes of them. */
import type { EstimateReport, Options } from "../../dist/index.js";

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
  /** Channels, height, width. */
  readonly input_shape?: readonly [number, number, number];
  readonly frozen?: readonly string[];
  readonly steps?: number;
  /** Settings of which only the presence matters. */
  readonly channels_last?: boolean;
  readonly ckpt?: boolean;
  readonly lora?: unknown;
  readonly attn?: unknown;
  readonly attention_mask?: unknown;
  readonly clip_grad?: number;
  readonly dist?: unknown;
  readonly fresh_inputs?: boolean;
}

export interface Recorded {
  readonly ok: boolean;
  readonly spec: RecordedSpec;
  readonly gpu: string;
  readonly alloc_conf?: NonNullable<Options["allocatorConf"]> | "";
  readonly cudnn_ws?: string;
  readonly steps: readonly { readonly step: number; readonly peak_allocated: number }[];
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
  /** Why it is left out; null when it is compared. */
  readonly why: string | null;
  readonly options: Options;
}

/** Predicted and recorded. */
export type Pair = readonly [number | undefined, number | undefined];

export interface Compared {
  readonly name: string;
  readonly states: boolean;
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

export interface Group {
  readonly name: string;
  readonly cases: readonly Compared[];
  readonly skipped: readonly RecordedCase[];
  readonly failed: readonly { readonly name: string; readonly message: string }[];
  readonly rows: readonly Row[];
}

export type Results = "results" | "results-cudnn";

export interface Section {
  readonly results: Results;
  readonly groups: readonly Group[];
}

export type { EstimateReport, Options };
