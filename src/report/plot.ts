/** What charts show: one step over time by category, the blocks of the peak, the peak over the batch. */
import type { AliveReport, ExplainReport } from "./report.js";
import { type Column, columnsBetween, type StepHistory } from "./step-history.js";

/** What is drawn of a step, or of a part of it. */
export interface TimelineData {
  readonly columns: readonly Column[];
  readonly contextBytes: number;
  /** The load line; null without a device. */
  readonly capacityBytes: number | null;
  readonly gpu: string | null;
}

export interface PlotData extends TimelineData {
  readonly title: string;
  readonly alive: readonly Pick<AliveReport, "name" | "category" | "bytes">[];
  readonly pieces: ExplainReport["formula"]["pieces"];
  readonly batch: number;
  /** At the asked batch. */
  readonly deviceTotalBytes: number;
  /** Devices whose lines the batch curve crosses. */
  readonly gpus: readonly { readonly name: string; readonly capacityBytes: number }[];
}

export interface PlotInput {
  readonly report: ExplainReport;
  readonly history: StepHistory;
  readonly gpus: PlotData["gpus"];
}

/** Columns of the timeline: more than that cannot be told apart. */
export const MOST_COLUMNS = 480;

export function plotData({ report, history, gpus }: PlotInput): PlotData {
  const { model, setup, machine, peak, overhead } = report;
  return {
    title: `${model.name} · ${setup.precision} · batch ${setup.batch}`,
    columns: columnsBetween(history, 0, history.actions.length, MOST_COLUMNS),
    contextBytes: overhead.contextBytes,
    capacityBytes: machine?.capacityBytes ?? null,
    gpu: machine?.gpu ?? null,
    alive: report.alive,
    pieces: report.formula.pieces,
    batch: setup.batch,
    deviceTotalBytes: peak.deviceTotalBytes,
    gpus,
  };
}
