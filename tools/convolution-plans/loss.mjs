/** What a wrong size costs. */

const MiB = 2 ** 20;
const LARGE = 32 * MiB;

/**
 * Half for being off by more than 10 % and 1 MiB, half the relative error, weighted by size.
 * @param {number} guess
 * @param {number} truth
 */
export function lossOf(guess, truth) {
  const [error, size] = [Math.abs(guess - truth), Math.max(guess, truth, MiB)];
  return weightOf(size) * ((error > Math.max(0.1 * truth, MiB) ? 0.5 : 0) + (0.5 * error) / size);
}

/**
 * Small sizes hardly matter to a step.
 * @param {number} size
 */
export function weightOf(size) {
  return Math.min(1, Math.max(0.05, size / LARGE));
}
