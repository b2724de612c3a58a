/** Predicted beside recorded, per case and per group. */

/** @import { Compared, Count, EstimateReport, Pair, Recorded, Results, Row, Score } from "./types.js" */

const FIGURES = [
  "savedTensorBytes",
  "forward",
  "backward",
  "optimizer",
  "peakAllocatedBytes",
  "reservedBytes",
  "firstStepPeakBytes",
];

/**
 * Relative errors up to which a figure counts as right, by how much of the step is modelled rather than known:
 * without workspaces every block is a tensor; real plans, timed plans and fused kernels are guessed closer to the edge.
 * @satisfies {Record<Results, Record<string, number>>}
 */
export const LIMITS = {
  results: { saved: 0.001, peak: 0.01, reserved: 0.02 },
  "results-cudnn": { saved: 0.001, peak: 0.02, reserved: 0.04 },
  "results-compile": { saved: 0.001, peak: 0.05, reserved: 0.02 },
  "results-benchmark": { saved: 0.001, peak: 0.02, reserved: 0.06 },
};

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

/** How near the first step's peak must be under cudnn.benchmark, which times its plans there. */
const FIRST_STEP = 0.15;
const COUNTS = /** @type {const} */ (["exact", "within1", "within5"]);
const ERRORS = /** @type {const} */ (["median", "p90", "worst"]);

/**
 * Ours of the phases a recording names; clipping is part of our optimizer phase.
 * @param {string} phase
 */
function phaseOf(phase) {
  const [name = ""] = phase.split("#"); // of a micro-batch
  return name === "clip" ? "optimizer" : name;
}

/**
 * Reserved memory of the steady step. What the first step reserves to time plans is given back before it ends.
 * @param {Recorded} recorded
 */
function reservedOf({ steps, max_memory_reserved, cudnn_benchmark }) {
  return cudnn_benchmark ? steps.at(-1)?.reserved_peak : max_memory_reserved;
}

/**
 * Pairs of one case: figure → [predicted, recorded]; `states` tells whether every exact total is equal. `first` is
 * the report of the first step, where that was asked for.
 * @param {EstimateReport} report
 * @param {Recorded} recorded
 * @param {EstimateReport} [first]
 * @returns {Omit<Compared, "name">}
 */
export function compareCase(report, recorded, first) {
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
    reservedBytes: [report.peak.reservedBytes, reservedOf(recorded)],
    ...(first && { firstStepPeakBytes: [first.peak.allocatedBytes, recorded.steps[0]?.peak_allocated] }),
  };
  return {
    states: states.every(([ours, theirs]) => ours === theirs),
    phase: last?.peak_phase === undefined || phaseOf(last.peak_phase) === report.peak.phase,
    pairs,
  };
}

/**
 * Exact matches, median, 90th percentile and worst relative error of a figure over `cases`.
 * @param {readonly Compared[]} cases
 * @returns {Row[]}
 */
export function summarize(cases) {
  return FIGURES.map((figure) => {
    const errors = errorsOf(cases, figure).sort((a, b) => a - b);
    const { median, p90 } = scoreOf(errors);
    return {
      figure,
      cases: errors.length,
      exact: errors.filter((error) => error === 0).length,
      within1: errors.filter((error) => error <= 0.01).length,
      within5: errors.filter((error) => error <= 0.05).length,
      median,
      p90,
      worst: errors.at(-1) ?? 0,
    };
  });
}

/**
 * Relative errors of a figure, of the cases that have it.
 * @param {readonly Compared[]} cases
 * @param {string} figure
 */
function errorsOf(cases, figure) {
  return cases.flatMap(({ pairs }) => {
    const [ours, theirs] = pairs[figure] ?? [];
    return ours !== undefined && theirs ? [Math.abs(ours / theirs - 1)] : [];
  });
}

/**
 * Median and 90th percentile, of errors in any order.
 * @param {readonly number[]} errors
 * @returns {Score}
 */
export function scoreOf(errors) {
  const sorted = [...errors].sort((a, b) => a - b);
  /** @param {number} share */
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { median: at(0.5), p90: at(0.9) };
}

/**
 * How many cases are right by each criterion; criteria that no case can answer are left out.
 * @param {readonly Compared[]} cases
 * @param {Results} results
 * @returns {Count[]}
 */
export function countRight(cases, results) {
  const limits = LIMITS[results];
  /** @type {(criterion: string, figure: string, limit: number) => Count} */
  const within = (criterion, figure, limit) => {
    const errors = errorsOf(cases, figure);
    return { criterion, right: errors.filter((error) => error <= limit).length, of: errors.length };
  };
  return [
    { criterion: "states", right: cases.filter(({ states }) => states).length, of: cases.length },
    within("saved tensors, to the byte", "savedTensorBytes", 0),
    within("saved tensors", "savedTensorBytes", limits.saved),
    within("peak allocated", "peakAllocatedBytes", limits.peak),
    within("reserved", "reservedBytes", limits.reserved),
    within("peak of the first step", "firstStepPeakBytes", FIRST_STEP),
    { criterion: "peak phase", right: cases.filter(({ phase }) => phase).length, of: cases.length },
  ].filter(({ of }) => of > 0);
}

/**
 * Counts that got worse than the baseline: fewer right, or fewer compared.
 * @param {string} section
 * @param {readonly Count[]} counts
 * @param {readonly Count[] | undefined} baseline
 */
export function lostCounts(section, counts, baseline) {
  return (baseline ?? []).flatMap((before) => {
    const now = counts.find(({ criterion }) => criterion === before.criterion) ?? { right: 0, of: 0 };
    const isWorse = now.of < before.of || (now.of === before.of && now.right < before.right); // new cases may be harder ones
    return isWorse
      ? [`${section} ${before.criterion}: ${before.right} of ${before.of} → ${now.right} of ${now.of}`]
      : [];
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
