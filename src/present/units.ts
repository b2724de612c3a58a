/** The only place that rounds: three significant digits and real binary units. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

export interface Quantity {
  /** Three significant digits, `72.8`. */
  readonly digits: string;
  readonly unit: string;
}

/** `76291936` → 72.8 MiB. */
export function quantity(bytes: number): Quantity {
  const sign = bytes < 0 ? "-" : "";
  let value = Math.abs(bytes);
  let step = 0;
  // 999.5 and more would print four digits
  for (; value >= (step === 0 ? 1000 : 999.5) && step < UNITS.length - 1; step++) value /= 1024;
  return { digits: sign + significant(value, step === 0), unit: UNITS[step] as string };
}

/** `72.8 MiB`. */
export function formatBytes(bytes: number): string {
  const { digits, unit } = quantity(bytes);
  return `${digits} ${unit}`;
}

function significant(value: number, whole: boolean): string {
  if (whole || value === 0) return String(Math.round(value));
  const decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3;
  return value.toFixed(decimals);
}

/** `19,072,984`. No locale: the same everywhere. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `batch 32`, or `batch 4 x 32` with four micro-batches per optimizer step. */
export function formatBatch({ batch, accumulate }: { batch: number; accumulate: number }): string {
  return `batch ${accumulate > 1 ? `${formatCount(accumulate)} x ` : ""}${formatCount(batch)}`;
}
