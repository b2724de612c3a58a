/** Spans of a trace that say what runs: backward functions, optimizer steps, modules; and what lies inside which. */
import type { MeasuredPhase } from "../../ir/recording.js";

/** One span on one thread; times are microseconds. */
export interface Mark {
  readonly thread: number;
  readonly start: number;
  readonly end: number;
  readonly phase: MeasuredPhase | null;
  /** Index of the module that is called, -1 for none. */
  readonly module: number;
}

export interface Place {
  readonly phase: MeasuredPhase;
  readonly module: number;
}

/** Something that happens on a thread. */
export interface Moment {
  readonly thread: number;
  readonly time: number;
}

/** By moment: the phase of the spans around it, and the innermost module. Moments must be in order of time. */
export function placesOf(moments: readonly Moment[], marks: readonly Mark[]): Place[] {
  const sorted = [...marks].sort((a, b) => a.start - b.start || b.end - a.end);
  const threads = new Map<number, { readonly marks: Mark[]; next: number; open: Mark[] }>();
  for (const mark of sorted) {
    const own = threads.get(mark.thread);
    if (own) own.marks.push(mark);
    else threads.set(mark.thread, { marks: [mark], next: 0, open: [] });
  }
  return moments.map(({ thread, time }) => {
    const own = threads.get(thread);
    if (!own) return { phase: "forward", module: -1 };
    for (; own.next < own.marks.length && (own.marks[own.next] as Mark).start <= time; own.next++) {
      const mark = own.marks[own.next] as Mark;
      own.open = own.open.filter(({ end }) => end >= mark.start);
      own.open.push(mark);
    }
    own.open = own.open.filter(({ end }) => end >= time);
    const phase = own.open.find((mark) => mark.phase !== null)?.phase ?? "forward";
    const module = own.open.findLast((mark) => mark.module >= 0)?.module ?? -1;
    return { phase, module };
  });
}
