/** Predicted beside recorded, per case and per group. */

/** @import { Compared, EstimateReport, Pair, Recorded, Row } from "./types.js" */

const FIGURES = [
  "savedTensorBytes",
  "forward",
  "backward",
  "optimizer",
  "peakAllocatedBytes",
  "reservedBytes",
];

/**
 * Peak of every phase of the last recorded step; with accumulation, forward#0, forward#1, … are one phase.
 * @param {Recorded} recorded
 */
export function phasePeaks(recorded) {
  const last = recorded.steps.at(-1)?.step;
  /** @type {Record<string, number>} */
  const peaks = {};
  for (const { step, phase, peak } of recorded.phases) {
    const [name = ""] = phase.split("#");
    if (step === last) peaks[name] = Math.max(peaks[name] ?? 0, peak);
  }
  return peaks;
}

const COUNTS = /** @type {const} */ (["exact", "within1", "within5"]);
const ERRORS = /** @type {const} */ (["median", "p90", "worst"]);

/**
 * Pairs of one case: figure → [predicted, recorded]; `states` tells whether every exact total is equal.
 * @param {EstimateReport} report
 * @param {Recorded} recorded
 * @returns {Omit<Compared, "name">}
 */
export function compareCase(report, recorded) {
  const last = recorded.steps.at(-1);
  const phases = phasePeaks(recorded);
  const states = [
    [report.totals.parameterBytes, recorded.params.bytes],
    [report.totals.bufferBytes, recorded.buffers.bytes],
    [report.totals.gradientBytes, recorded.grads?.bytes ?? 0],
    [report.totals.optimizerStateBytes, recorded.optimizer_state?.bytes ?? 0],
  ];
  /** @type {Record<string, Pair>} */
  const pairs = {
    savedTensorBytes: [report.totals.savedTensorBytes, recorded.saved?.saved_unique_activation_bytes],
    forward: [report.phases.forward?.peakAllocatedBytes, phases["forward"]],
    backward: [report.phases.backward?.peakAllocatedBytes, phases["backward"]],
    optimizer: [report.phases.optimizer?.peakAllocatedBytes, phases["optimizer"]],
    peakAllocatedBytes: [report.peak.allocatedBytes, last?.peak_allocated],
    reservedBytes: [report.peak.reservedBytes, recorded.max_memory_reserved],
  };
  return { states: states.every(([ours, theirs]) => ours === theirs), pairs };
}

/**
 * Exact matches, median, 90th percentile and worst relative error of a figure over `cases`.
 * @param {readonly Compared[]} cases
 * @returns {Row[]}
 */
export function summarize(cases) {
  return FIGURES.map((figure) => {
    const errors = cases
      .flatMap(({ pairs }) => {
        const [ours, theirs] = pairs[figure] ?? [];
        return ours !== undefined && theirs ? [Math.abs(ours / theirs - 1)] : [];
      })
      .sort((a, b) => a - b);
    /** @param {number} share */
    const at = (share) => errors[Math.min(errors.length - 1, Math.floor(errors.length * share))] ?? 0;
    return {
      figure,
      cases: errors.length,
      exact: errors.filter((error) => error === 0).length,
      within1: errors.filter((error) => error <= 0.01).length,
      within5: errors.filter((error) => error <= 0.05).length,
      median: at(0.5),
      p90: at(0.9),
      worst: errors.at(-1) ?? 0,
    };
  });
}

/**
 * Figures that got worse than the baseline: fewer exact or near cases, or a larger error by more than 0.01 points.
 * @param {string} group
 * @param {readonly Row[]} rows
 * @param {readonly Row[] | undefined} baseline
 */
export function regressions(group, rows, baseline) {
  return rows.flatMap((row) => {
    const before = baseline?.find(({ figure }) => figure === row.figure);
    if (!before || before.cases < row.cases) return []; // new cases may be harder ones
    if (before.cases > row.cases) return [`${group} ${row.figure}: cases ${before.cases} → ${row.cases}`]; // some fail or are left out
    const worse = [
      ...COUNTS.filter((key) => row[key] < before[key]),
      ...ERRORS.filter((key) => row[key] > before[key] + 1e-4),
    ];
    return worse.map((key) => `${group} ${row.figure}: ${key} ${before[key]} → ${row[key]}`);
  });
}
