/** The stretch of moments that is seen, and where its moments lie in the drawing. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Moments that are still told apart. */
const FEWEST = 8;

/** A stretch of whole moments within `count`, not shorter than can be seen. */
export function zoomed({ from, to }: Span, count: number): Span {
  const length = Math.min(count, Math.max(FEWEST, Math.round(to - from)));
  const start = Math.max(0, Math.min(count - length, Math.round((from + to - length) / 2)));
  return { from: start, to: start + length };
}

export interface Frame {
  /** Share of the drawing's width at which a moment begins. */
  readonly xOf: (moment: number) => number;
  /** The other way round; within the stretch. */
  readonly momentAt: (share: number) => number;
}

export function frameOf({ from, to }: Span, { left, right }: { left: number; right: number }): Frame {
  return {
    xOf: (moment) => left + ((moment - from) / (to - from)) * (right - left),
    momentAt: (share) => {
      const within = Math.max(0, Math.min(1, (share - left) / (right - left)));
      return Math.min(to - 1e-6, from + within * (to - from));
    },
  };
}
