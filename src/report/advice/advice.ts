/** What a change of the setup would bring: the vocabulary of advice. */
import type { EstimateReport } from "../report.js";

/** Settings as flags spell them in camel case; null takes one back to its default. */
export type Change = Readonly<Record<string, string | number | boolean | null>>;

/**
 * What a change does to the training run: nothing, another order of rounding, another recipe (types of states, a compiler), another
 * optimizer, fewer trained parameters, or other hardware.
 */
export const EFFECTS = ["same", "rounding", "recipe", "optimizer", "adapters", "hardware"] as const;
export type Effect = (typeof EFFECTS)[number];

/** How to apply a change, per library. */
export type Code = Readonly<
  Partial<Record<"pytorch" | "transformers" | "accelerate" | "deepspeed" | "keras", string>>
>;

export interface Proposal {
  /** Names the rule and, where it proposes several, which. */
  readonly id: string;
  /** Of proposals of one group at most one is applied. */
  readonly group: string;
  readonly title: string;
  readonly change: Change;
  readonly effect: Effect;
  /** What a reader should know before. */
  readonly price: string;
  readonly code: Code;
}

/** A setup, simulated. */
export interface Outcome {
  readonly deviceTotalBytes: number;
  readonly allocatedBytes: number;
  readonly fits: boolean;
  /** By the roofline; compare with others of the same device only. */
  readonly seconds: number;
}

/** What rules may ask of the model beyond its report. */
export interface Facts {
  readonly hasConvolutions: boolean;
  readonly hasAttention: boolean;
  readonly hasBatchNorm: boolean;
  readonly hasLinear: boolean;
  /** Blocks in a numbered list, which can be checkpointed. */
  readonly hasBlocks: boolean;
  /** It can have its loss computed over hidden states and the head. */
  readonly takesLoss: boolean;
  readonly computeCapability: number;
}

export interface AdviceContext {
  readonly report: EstimateReport;
  readonly facts: Facts;
  /** The setup with this changed, simulated; null where it cannot be. */
  whatIf(change: Change): Outcome | null;
}

/** One kind of advice: what it proposes for a setup; nothing where it does not apply. */
export interface AdviceRule {
  readonly id: string;
  propose(context: AdviceContext): readonly Proposal[];
}
