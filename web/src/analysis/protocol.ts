/** What the page and its worker tell each other. */
import type { AdviceReport, Complaint, EstimateReport, ExplainReport, FitReport } from "plimsoll";
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

/** What takes longer still, and is asked for when it is looked at. */
export interface More {
  readonly picture: string;
  readonly advice: AdviceReport;
  readonly gpus: FitReport;
}
export type MoreName = keyof More;

export interface AskMore {
  readonly more: MoreName;
  readonly question: Question;
  readonly base: string;
}

export type ToldMore =
  | { readonly kind: "more"; readonly name: MoreName; readonly value: More[MoreName] }
  | { readonly kind: "less"; readonly name: MoreName; readonly why: string };

/** First the estimate, as soon as it is there; then what takes longer, unless another question has come. */
export type Told =
  | { readonly kind: "estimate"; readonly id: number; readonly report: EstimateReport; readonly took: number }
  | { readonly kind: "details"; readonly id: number; readonly details: Details }
  | { readonly kind: "complaint"; readonly id: number; readonly complaint: Complaint }
  | { readonly kind: "bug"; readonly id: number; readonly message: string };
