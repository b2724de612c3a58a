/** What `fit` is asked beyond a setup: along which axis, on which devices, and how much is to stay free. */
import { contradiction, notAChoice, notAConfidence, notAMargin } from "./complaints.js";
import { GiB, MiB } from "./base/units.js";
import { checkFlags } from "./check-options.js";
import { CONFIDENCES } from "./report/interval.js";
import type { FitAxis } from "./report/fit.js";
import type { Options } from "./settings.js";

export interface FitOptions extends Options {
  /** What grows: the micro-batch (default), tokens per sample, or the side of square images. */
  readonly for?: FitAxis;
  /** What is to stay free: `1GiB`, `512MiB`, or `5%` of what a process can use. */
  readonly margin?: string;
  /** How sure the answer must be: it then fits at the upper end of that interval. 0.5, 0.8, 0.9 or 0.95. */
  readonly confidence?: number | string;
}

export interface FitQuestion {
  /** Checked; without `gpu`. */
  readonly options: Options;
  /** Names as they were given; empty: all. */
  readonly gpus: readonly string[];
  readonly axis: FitAxis;
  readonly margin: Margin | null;
  readonly confidence: number | null;
}

export interface Margin {
  readonly text: string;
  /** Bytes that stay free of so many. */
  of(capacity: number): number;
}

const AXES: readonly FitAxis[] = ["batch", "sequence", "image"];

export function checkFitOptions(given: FitOptions): FitQuestion {
  const { for: axis = "batch", margin, confidence, gpu, ...rest } = given;
  if (!AXES.includes(axis)) throw notAChoice("--for", String(axis), AXES);
  const options = checkFlags(rest);
  if (axis !== "batch" && options.shape)
    throw contradiction(`--for ${axis}`, "sizes that can grow", "--shape, which fixes them");
  const checked = gpu === undefined ? undefined : checkFlags({ gpu }).gpu;
  return {
    options,
    gpus: checked === undefined || checked.toLowerCase() === "all" ? [] : namesIn(checked),
    axis,
    margin: margin === undefined ? null : readMargin(String(margin)),
    confidence: confidence === undefined ? null : readConfidence(confidence),
  };
}

/** `a100, RTX 4090`. */
function namesIn(list: string): string[] {
  const names = list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length === 0) throw contradiction("--gpu", "at least one device, or all", JSON.stringify(list));
  return [...new Set(names)];
}

function readMargin(text: string): Margin {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*(%|GiB|MiB)$/i.exec(text.trim()) ?? [];
  const number = Number(digits);
  if (unit === "" || (unit === "%" && number >= 100)) throw notAMargin(text);
  if (unit === "%") return { text, of: (capacity) => Math.ceil((capacity * number) / 100) };
  const size = Math.ceil(number * (unit.toLowerCase() === "gib" ? GiB : MiB));
  return { text, of: () => size };
}

function readConfidence(given: number | string): number {
  const number = Number(given);
  if (!CONFIDENCES.includes(number)) throw notAConfidence(String(given), CONFIDENCES);
  return number;
}
