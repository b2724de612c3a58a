/** Two estimates side by side: what `estimate --vs … --json` prints (schema `plimsoll/versus@1`). */
import { CATEGORIES } from "../ir/step.js";
import type { EstimateReport } from "./report.js";

export interface VersusReport {
  readonly schema: "plimsoll/versus@1";
  readonly a: EstimateReport;
  readonly b: EstimateReport;
  /** By category, with slack and context: they sum to the difference of the device totals. */
  readonly differences: readonly Difference[];
  /** What each changed setting adds, one put on top of the other; they sum to the same. */
  readonly bySetting: readonly SettingDifference[];
}

export interface Difference {
  readonly part: keyof EstimateReport["atPeak"] | "allocatorSlack" | "context";
  readonly aBytes: number;
  readonly bBytes: number;
  /** B less A. */
  readonly deltaBytes: number;
}

export interface SettingDifference {
  /** `model`, or settings as flags spell them; several where only together they can be computed. */
  readonly setting: string;
  readonly from: string;
  readonly to: string;
  readonly deltaBytes: number;
}

export function differencesOf(a: EstimateReport, b: EstimateReport): Difference[] {
  const difference = (part: Difference["part"], aBytes: number, bBytes: number): Difference => ({
    part,
    aBytes,
    bBytes,
    deltaBytes: bBytes - aBytes,
  });
  return [
    ...CATEGORIES.map((category) => difference(category, a.atPeak[category], b.atPeak[category])),
    difference("allocatorSlack", a.overhead.allocatorSlackBytes, b.overhead.allocatorSlackBytes),
    difference("context", a.overhead.contextBytes, b.overhead.contextBytes),
  ].filter(({ aBytes, bBytes }) => aBytes !== 0 || bBytes !== 0);
}
