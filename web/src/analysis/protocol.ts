/** What the page and its workers tell each other. */
import type {
  AdviceReport,
  CompareReport,
  Complaint,
  EstimateReport,
  ExplainReport,
  FitReport,
  PlotData,
  StepHistory,
} from "plimsoll";
import type { Question } from "../question.js";

/** The estimate without its formula, which takes further steps to find; `explained` has it. */
export type Figures = Omit<EstimateReport, "formula">;

export interface Ask {
  readonly id: number;
  /** Null: it is answered already. */
  readonly question: Question | null;
  /** What may be asked next, the likeliest first: answered ahead while nothing else is asked. */
  readonly ahead: readonly Question[];
  /** Where the catalogue's files are. */
  readonly base: string;
}

export type Told =
  | { readonly kind: "estimate"; readonly id: number; readonly report: Figures; readonly took: number }
  | { readonly kind: "ahead"; readonly id: number; readonly question: Question; readonly report: Figures }
  | { readonly kind: "complaint"; readonly id: number; readonly complaint: Complaint }
  | { readonly kind: "bug"; readonly id: number; readonly message: string };

/** What takes longer, in the order it is computed; the first two are always wanted, the others when they are looked at. */
export interface More {
  readonly largest: { readonly batch: number; readonly exact: boolean } | null;
  readonly explained: Explained;
  readonly picture: Picture;
  readonly advice: AdviceReport;
  readonly gpus: FitReport;
  readonly compared: CompareReport;
}
export type MoreName = keyof More;

export interface Explained {
  readonly report: ExplainReport;
  readonly rules: readonly {
    readonly name: string;
    readonly source: string;
    readonly bytes: number;
    readonly formula: string;
    readonly misses: readonly string[];
  }[];
}

export interface Picture {
  /** All of it, to take away. */
  readonly svg: string;
  readonly data: PlotData;
  readonly history: StepHistory;
}

export interface AskMore {
  readonly more: MoreName;
  readonly question: Question;
  /** What was measured, where that is asked about. */
  readonly recording: File | null;
  readonly base: string;
}

export type ToldMore =
  | { readonly kind: "more"; readonly name: MoreName; readonly value: More[MoreName] }
  | { readonly kind: "less"; readonly name: MoreName; readonly why: Complaint | string };
