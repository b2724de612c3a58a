/** What all modules and all frames of one model share while it is drawn. */
import type { GraphBuilder } from "../ops/build.js";
import type { TensorSplit } from "./tensor-plan.js";

/** What the forward pass depends on beside the configuration. */
export interface RunOptions {
  /** Dropout drops, and a loss is computed. */
  readonly training: boolean;
  /** Whether attention writes its scores out, as Hugging Face's `attn_implementation="eager"` does. */
  readonly eager: boolean;
  /** Blocks run under `torch.utils.checkpoint`. */
  readonly checkpointing: boolean;
  /** Layers whose matrices are shared out over several ranks; null: none. */
  readonly tensor: TensorSplit | null;
}

/** What all modules and frames of one model share. */
export interface Drawing {
  readonly builder: GraphBuilder;
  readonly run: RunOptions;
}
