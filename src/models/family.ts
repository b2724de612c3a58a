/** What a model family offers: its heads, and how it is drawn at given sizes. */
import type { Diagnostic } from "../base/complaint.js";
import type { Config } from "./config.js";
import type { LinearLossName } from "./losses.js";
import type { DrawnModel } from "./module.js";

export type Task =
  | "causal-lm"
  | "masked-lm"
  | "pretraining"
  | "sequence-classification"
  | "token-classification"
  | "question-answering"
  | "seq2seq"
  | "image-classification"
  | "contrastive"
  | "ctc"
  | "speech-seq2seq"
  | "base";

export interface FamilyRequest {
  readonly task: Task;
  readonly batch: number;
  /** Tokens of a text, samples of a sound. */
  readonly sequence: number;
  /** Height and width of images, when they are asked for. */
  readonly image?: readonly [number, number];
  /** A loss is computed from labels. */
  readonly training: boolean;
  /** A loss that takes hidden states and the head instead of logits. */
  readonly loss?: LinearLossName;
  /** Whole shapes of named inputs; one that is optional is passed when its shape is given. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

export interface Family {
  /** Heads, the one of a configuration that names none first. */
  readonly tasks: readonly Task[];
  /** Tokens of a text when the user names none; null: the model takes none. Absent: as long as is usual. */
  readonly sequence?: (config: Config) => number | null;
  /** The class and the model. Throws InputError for values the model cannot have. */
  readonly draw: (
    config: Config,
    request: FamilyRequest,
  ) => {
    readonly kind: string;
    readonly model: DrawnModel;
    /** What a step decides at random, and how it was counted. */
    readonly diagnostics?: readonly Diagnostic[];
  };
}
