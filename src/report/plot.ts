/** What charts show: one step over time by category, the blocks of the peak, the peak over the batch. */
import { type Block, blockOf, CATEGORIES, type Category, type Step } from "../ir/step.js";
import type { Timeline } from "../ir/timeline.js";
import { REPORT_PHASES } from "./phases.js";
import type { AliveReport, ExplainReport, ReportPhase } from "./report.js";

/** A stretch of the step, at its highest moment. */
export interface Column {
  readonly phase: ReportPhase;
  /** Plain bytes alive by category, in the order of CATEGORIES. */
  readonly bytes: readonly number[];
  readonly reservedBytes: number;
}

export interface PlotData {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly contextBytes: number;
  /** The load line; null without a device. */
  readonly capacityBytes: number | null;
  readonly gpu: string | null;
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
  readonly step: Step;
  /** With its moments. */
  readonly timeline: Timeline;
  readonly gpus: PlotData["gpus"];
}

/** Columns of the timeline: more than that cannot be told apart. */
const MOST_COLUMNS = 480;

export function plotData({ report, step, timeline, gpus }: PlotInput): PlotData {
  const { model, setup, machine, peak, overhead } = report;
  return {
    title: `${model.name} · ${setup.precision} · batch ${setup.batch}`,
    columns: columnsOf(step, timeline),
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

function columnsOf(step: Step, { moments }: Timeline): Column[] {
  const sums = new Float64Array(CATEGORIES.length);
  const apply = (action: number) => {
    const { category, bytes } = step.blocks[blockOf(action)] as Block;
    const index = CATEGORIES.indexOf(category as Category);
    sums[index] = (sums[index] as number) + (action > 0 ? bytes : -bytes);
  };
  for (const section of [step.resident, ...step.first]) for (const action of section.actions) apply(action);
  const reserved = moments
    .filter(({ kind }) => kind === "allocate" || kind === "free")
    .map((moment) => moment.reserved);
  const count = step.steady.reduce((total, { actions }) => total + actions.length, 0);
  const width = Math.max(1, Math.ceil(count / MOST_COLUMNS));
  const columns: Column[] = [];
  let [index, top] = [0, -1];
  let open: Column | null = null;
  for (const { phase, actions } of step.steady) {
    for (const action of actions) {
      apply(action);
      const total = sums.reduce((sum, bytes) => sum + bytes, 0);
      if (index % width === 0 && open) {
        columns.push(open);
        top = -1;
      }
      if (total > top) {
        top = total;
        open = { phase: REPORT_PHASES[phase], bytes: [...sums], reservedBytes: reserved[index] ?? 0 };
      }
      index++;
    }
  }
  return open ? [...columns, open] : columns;
}
