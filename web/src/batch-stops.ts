/** Where the batch slider stops: powers of two in quarters, as whole numbers. */
const MOST_POWER = 12;
const QUARTERS = 4;

const STOPS: readonly number[] = [
  ...new Set(Array.from({ length: MOST_POWER * QUARTERS + 1 }, (_, i) => Math.round(2 ** (i / QUARTERS)))),
];

export const MOST_STOP = STOPS.length - 1;

export function batchAt(stop: number): number {
  return STOPS[Math.max(0, Math.min(MOST_STOP, Math.round(stop)))] as number; // it is within
}

/** The stop nearest to a batch. */
export function stopOf(batch: number): number {
  const above = STOPS.findIndex((each) => each >= batch);
  if (above < 0) return MOST_STOP;
  const below = STOPS[above - 1];
  return below !== undefined && batch - below < (STOPS[above] as number) - batch ? above - 1 : above;
}

/** Batches of the stops around one, the nearest first. */
export function batchesAround(batch: number, most: number): readonly number[] {
  const here = stopOf(batch);
  const found: number[] = [];
  for (let away = 1; found.length < most && away <= MOST_STOP; away++)
    for (const stop of [here + away, here - away])
      if (stop >= 0 && stop <= MOST_STOP) found.push(batchAt(stop));
  return found.filter((each) => each !== batch).slice(0, most);
}
