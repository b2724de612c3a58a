/** What can grow until a device is full: how a setup looks at another size, and which sizes there are. */
import type { FitAxis } from "./report/fit.js";
import type { ResolvedSetup } from "./resolve-setup.js";
import { atBatch } from "./bind-model.js";

export interface Axis {
  /** Sizes are multiples of it. */
  readonly stride: number;
  readonly smallest: number;
  /** Where the search ends. */
  readonly most: number;
  /** The size that was asked for, from which the search starts. */
  asked(resolved: ResolvedSetup): number;
  at(resolved: ResolvedSetup, size: number): ResolvedSetup;
}

/** Tokens: kernels of attention work on tiles of 64 and more, so that lengths between are seldom chosen. */
const TOKENS = 64;
/** Pixels: networks halve an image five times. */
const PIXELS = 32;
const USUAL_IMAGE = 224;

export const AXES: Readonly<Record<FitAxis, Axis>> = {
  batch: {
    stride: 1,
    smallest: 1,
    most: 65_536,
    asked: ({ setup }) => setup.batch,
    at: (resolved, batch) => ({
      ...resolved,
      setup: { ...resolved.setup, batch },
      bindings: atBatch(resolved.bindings, batch),
    }),
  },
  sequence: {
    stride: TOKENS,
    smallest: TOKENS,
    most: 1_048_576,
    asked: ({ report }) => report.sequence ?? TOKENS,
    at: (resolved, sequence) => ({ ...resolved, bindings: { ...resolved.bindings, sequence } }),
  },
  image: {
    stride: PIXELS,
    smallest: PIXELS,
    most: 16_384,
    asked: ({ bindings }) => bindings.image?.[0] ?? USUAL_IMAGE,
    at: (resolved, side) => ({ ...resolved, bindings: { ...resolved.bindings, image: [side, side] } }),
  },
};
