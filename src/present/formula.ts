/** `388 MiB + B x 83.4 MiB`; pieces are joined with the batches they hold for. */
import type { FormulaPiece } from "../report/report.js";
import { formatBytes, formatCount } from "./units.js";

export function printFormula(pieces: readonly FormulaPiece[]): string {
  const [only] = pieces;
  if (pieces.length === 1 && only?.to === null) return printPiece(only);
  return pieces.map((piece) => `${printPiece(piece)} ${rangeOf(piece)}`).join("; ");
}

export function printPiece({ fixedBytes, perBatchBytes }: FormulaPiece): string {
  if (perBatchBytes === 0) return formatBytes(fixedBytes);
  return `${formatBytes(fixedBytes)} + B x ${formatBytes(perBatchBytes)}`;
}

/** `for B = 1`, `for B = 2 to 5`, `from B = 6`. */
export function rangeOf({ from, to }: FormulaPiece): string {
  if (to === null) return `from B = ${formatCount(from)}`;
  return from === to ? `for B = ${formatCount(from)}` : `for B = ${formatCount(from)} to ${formatCount(to)}`;
}
