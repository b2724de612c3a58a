/** What the page and its worker tell each other. */
import type { Complaint, EstimateReport, ExplainReport } from "plimsoll";
import type { Question } from "../question.js";

export interface Ask {
  readonly id: number;
  readonly question: Question;
  /** Where the catalogue's files are. */
  readonly base: string;
}

export interface Details {
  readonly report: ExplainReport;
  readonly largest: { readonly batch: number; readonly exact: boolean } | null;
  readonly rules: readonly {
    readonly name: string;
    readonly source: string;
    readonly bytes: number;
    readonly misses: readonly string[];
  }[];
}

/** First the estimate, as soon as it is there; then what takes longer, unless another question has come. */
export type Told =
  | { readonly kind: "estimate"; readonly id: number; readonly report: EstimateReport; readonly took: number }
  | { readonly kind: "details"; readonly id: number; readonly details: Details }
  | { readonly kind: "complaint"; readonly id: number; readonly complaint: Complaint }
  | { readonly kind: "bug"; readonly id: number; readonly message: string };
