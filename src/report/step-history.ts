/** One steady step, moment by moment: every block that is alive in it, when it comes and goes. Plain data for charts. */
import type { Graph } from "../ir/graph.js";
import {
  type Action,
  type Block,
  blockOf,
  CATEGORIES,
  type Category,
  type Section,
  type Step,
} from "../ir/step.js";
import type { Timeline } from "../ir/timeline.js";
import { lifetimes, nameOf } from "./at-peak.js";
import { REPORT_PHASES } from "./phases.js";
import { placeOf } from "./places.js";
import type { ReportPhase } from "./report.js";

export interface HistoryBlock {
  readonly name: string;
  readonly category: Category;
  /** Plain bytes. */
  readonly bytes: number;
}

/** A moment is the index of an allocation or a release; what is alive then is alive after it. */
export interface StepHistory {
  readonly blocks: readonly HistoryBlock[];
  /** Indices of blocks that are there when the step begins. */
  readonly before: readonly number[];
  /** By moment: `i + 1` when block i comes, `-(i + 1)` when it goes. */
  readonly actions: readonly number[];
  /** By moment, as the allocator counts: bytes handed out, and bytes held. */
  readonly allocated: readonly number[];
  readonly reserved: readonly number[];
  /** By moment: an index into `places`. */
  readonly at: readonly number[];
  readonly places: readonly string[];
  /** Stretches of one phase: the moment each begins. */
  readonly phases: readonly { readonly phase: ReportPhase; readonly from: number }[];
}

/** A stretch of the step, at its highest moment. */
export interface Column {
  readonly phase: ReportPhase;
  /** The highest moment. */
  readonly moment: number;
  /** Plain bytes alive by category, in the order of CATEGORIES. */
  readonly bytes: readonly number[];
  readonly reservedBytes: number;
}

/** `timeline` must have its moments. */
export function stepHistory(step: Step, { moments }: Timeline, graph: Graph): StepHistory {
  const lives = lifetimes(step, "steady");
  const blocks: HistoryBlock[] = [];
  const index = new Map<number, number>();
  const take = (action: Action): number => {
    const id = blockOf(action);
    const known = index.get(id);
    if (known !== undefined) return known;
    const block = step.blocks[id] as Block;
    index.set(id, blocks.length);
    blocks.push({
      name: nameOf(block, graph, lives.get(id)?.from),
      category: block.category,
      bytes: block.bytes,
    });
    return blocks.length - 1;
  };
  const alive = new Set<number>();
  for (const { actions } of [step.resident, ...step.first])
    for (const action of actions)
      if (action > 0) alive.add(blockOf(action));
      else alive.delete(blockOf(action));
  const before = [...alive].map((id) => take((id + 1) as Action)); // as: an action that makes it
  const places: string[] = [];
  const placed = new Map<string, number>();
  const placeAt = ({ phase }: Section, node: number): number => {
    const name = node < 0 ? (phase === "optimizer" ? "optimizer step" : phase) : placeOf(graph, node);
    const found = placed.get(name) ?? places.length;
    if (found === places.length) places.push(name);
    placed.set(name, found);
    return found;
  };
  const actions: number[] = [];
  const at: number[] = [];
  const phases: { phase: ReportPhase; from: number }[] = [];
  for (const section of step.steady) {
    const phase = REPORT_PHASES[section.phase];
    if (section.actions.length > 0 && phases.at(-1)?.phase !== phase)
      phases.push({ phase, from: actions.length });
    section.actions.forEach((action, i) => {
      const block = take(action) + 1;
      actions.push(action > 0 ? block : -block);
      at.push(placeAt(section, section.nodes[i] ?? -1));
    });
  }
  const counted = moments.filter(({ kind }) => kind === "allocate" || kind === "free");
  return {
    blocks,
    before,
    actions,
    allocated: counted.map((one) => one.allocated),
    reserved: counted.map((one) => one.reserved),
    at,
    places,
    phases,
  };
}

/** The moments from `from` up to `to`, in at most `most` stretches of the same length. */
export function columnsBetween(history: StepHistory, from: number, to: number, most: number): Column[] {
  const { blocks, actions, reserved } = history;
  const sums = sumsBefore(history, from);
  const width = Math.max(1, Math.ceil((to - from) / most));
  const columns: Column[] = [];
  let [top, open] = [-1, null as Column | null];
  for (let moment = from; moment < to; moment++) {
    const action = actions[moment] as number;
    const { category, bytes } = blocks[Math.abs(action) - 1] as HistoryBlock;
    const place = CATEGORIES.indexOf(category);
    sums[place] = (sums[place] as number) + (action > 0 ? bytes : -bytes);
    const total = sums.reduce((sum, each) => sum + each, 0);
    if ((moment - from) % width === 0 && open) {
      columns.push(open);
      top = -1;
    }
    if (total > top) {
      top = total;
      open = {
        phase: phaseAt(history, moment),
        moment,
        bytes: [...sums],
        reservedBytes: reserved[moment] ?? 0,
      };
    }
  }
  return open ? [...columns, open] : columns;
}

export function phaseAt({ phases }: StepHistory, moment: number): ReportPhase {
  return phases.findLast(({ from }) => from <= moment)?.phase ?? "forward";
}

/** Blocks alive after `moment`, the largest first. */
export function aliveAt({ blocks, before, actions }: StepHistory, moment: number): HistoryBlock[] {
  const alive = new Set(before);
  for (const action of actions.slice(0, moment + 1))
    if (action > 0) alive.add(action - 1);
    else alive.delete(-action - 1);
  return [...alive].map((i) => blocks[i] as HistoryBlock).sort((a, b) => b.bytes - a.bytes);
}

/** The moment of the peak. */
export function highestMoment({ allocated }: StepHistory): number {
  let highest = 0;
  allocated.forEach((bytes, moment) => {
    if (bytes > (allocated[highest] as number)) highest = moment;
  });
  return highest;
}

/** Bytes alive by category before `moment`. */
function sumsBefore({ blocks, before, actions }: StepHistory, moment: number): Float64Array {
  const sums = new Float64Array(CATEGORIES.length);
  const apply = (block: number, sign: number) => {
    const { category, bytes } = blocks[block] as HistoryBlock;
    const place = CATEGORIES.indexOf(category);
    sums[place] = (sums[place] as number) + sign * bytes;
  };
  for (const block of before) apply(block, 1);
  for (const action of actions.slice(0, moment)) apply(Math.abs(action) - 1, Math.sign(action));
  return sums;
}
