/** The answer to "what can I change": what `advise --json` prints and `advise()` returns (schema `plimsoll/advice@1`). */
import type { MachineReport, ModelReport, SetupReport } from "../report.js";
import type { Change, Outcome, Proposal } from "./advice.js";

export interface AdviceReport {
  readonly schema: "plimsoll/advice@1";
  readonly model: Pick<ModelReport, "name" | "source">;
  readonly setup: SetupReport;
  readonly machine: MachineReport;
  /** The asked setup. */
  readonly now: Outcome;
  /** Every change alone: those of `plan` first, then by what they save. */
  readonly changes: readonly AdvisedChange[];
  /** Changes that make it fit together, in the order to try them; null where it fits, or nothing helps. */
  readonly plan: AdvisedCombination | null;
  /** Trades that no other beats in both memory and time, the fastest first. */
  readonly front: readonly AdvisedCombination[];
  /** Where peak arithmetic is from: the device's own figures, or an A100's ratio to its bandwidth. */
  readonly roofline: "stated" | "assumed";
}

export interface AdvisedChange extends Omit<Proposal, "group"> {
  /** The change as flags of the command line. */
  readonly flags: string;
  readonly savedBytes: number;
  readonly deviceTotalBytes: number;
  readonly fits: boolean;
  /** Time of the step over that of the asked one, by the roofline. */
  readonly relativeTime: number;
}

export interface AdvisedCombination {
  readonly ids: readonly string[];
  readonly change: Change;
  readonly flags: string;
  readonly deviceTotalBytes: number;
  readonly fits: boolean;
  readonly relativeTime: number;
}
