/** `1.5 GiB + B x S x 34 KiB`: the peak in batch and sequence length. */
import { type Polynomial, type SequenceForm, valueAt } from "../report/polynomial.js";
import { formatBytes } from "./units.js";

/** The sum that is highest at the asked batch and length. */
export function highestOf({ polynomials }: SequenceForm, batch: number, length: number): Polynomial {
  return polynomials.reduce((top, each) =>
    valueAt(each, batch, length) > valueAt(top, batch, length) ? each : top,
  );
}

const POWERS = ["", "B", "S", "B x S", "S^2", "B x S^2"] as const;

/** `1.5 GiB + B x S x 34 KiB`; parts below half a byte are rounding of the arithmetic. */
export function printPolynomial(polynomial: Polynomial): string {
  const parts = polynomial.flatMap((coefficient, i) => {
    if (Math.abs(coefficient) < 1e-6) return [];
    const size =
      Math.abs(coefficient) < 1 ? `${coefficient.toPrecision(3)} B` : formatBytes(Math.abs(coefficient));
    const text = POWERS[i] === "" ? size : `${POWERS[i]} x ${size}`;
    return [{ text, sign: coefficient < 0 ? "-" : "+" }];
  });
  return (
    parts
      .map(({ text, sign }, i) => (i === 0 ? (sign === "-" ? `-${text}` : text) : ` ${sign} ${text}`))
      .join("") || "0 B"
  );
}
