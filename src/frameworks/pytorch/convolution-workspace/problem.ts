/**
 * A convolution as cuDNN is asked for it, and what its choice of a plan is told by.
 *
 * One dimension runs as two of which the first is one; three are counted like two, by their products.
 */
import { ITEM_SIZE } from "../../../base/dtype.js";
import { packedSize, type TensorSpec } from "../../../ir/tensor.js";

export type Direction = "forward" | "input gradient" | "weight gradient";

export interface Convolution {
  readonly input: TensorSpec;
  readonly weight: TensorSpec;
  readonly output: TensorSpec;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly groups: number;
  /** Runs backwards: cuDNN is asked for the input gradient of the convolution from `output` to `input`. */
  readonly transposed: boolean;
  readonly channelsLast: boolean;
}

/** Sizes of one problem; X, Y and W are the operands of the convolution proper, whichever way it is used. */
export interface Problem {
  readonly direction: Direction;
  readonly batch: number;
  readonly groups: number;
  /** Channels of a group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Positions of X and of Y, and the last size of X. */
  readonly inPositions: number;
  readonly outPositions: number;
  readonly width: number;
  /** The longest side of an image with what a window adds to it. */
  readonly longest: number;
  /** Weights per pair of channels, and the first size of that window. */
  readonly taps: number;
  readonly height: number;
  /** The largest of them. */
  readonly stride: number;
  /** One weight per pair of channels, read where it is: a matrix product. */
  readonly pointwise: boolean;
  /** Bytes of an element and of each operand. */
  readonly element: number;
  readonly X: number;
  readonly Y: number;
  readonly W: number;
}

function product(sizes: readonly number[], from = 0): number {
  let all = 1;
  for (let i = from; i < sizes.length; i++) all *= sizes[i] as number;
  return all;
}

export function problemOf(asked: Direction, convolution: Convolution): Problem {
  const { weight, groups, transposed, stride, padding } = convolution;
  const [x, y] = transposed
    ? [convolution.output, convolution.input]
    : [convolution.input, convolution.output];
  const direction =
    !transposed || asked === "weight gradient" ? asked : asked === "forward" ? "input gradient" : "forward";
  const window = weight.shape.slice(2);
  const taps = product(window);
  return {
    direction,
    groups,
    batch: x.shape[0] as number,
    inChannels: weight.shape[1] as number,
    outChannels: (weight.shape[0] as number) / groups,
    inPositions: product(x.shape, 2),
    outPositions: product(y.shape, 2),
    width: x.shape.at(-1) as number,
    longest: Math.max(...window.map((size, dim) => (x.shape[dim + 2] as number) + size - 1)),
    taps,
    height: window.length === 1 ? 1 : (window[0] as number),
    stride: Math.max(...stride),
    pointwise:
      taps === 1 && stride.every((step) => step === 1) && padding.every((elements) => elements === 0),
    element: ITEM_SIZE[weight.dtype],
    X: packedSize(x),
    Y: packedSize(y),
    W: packedSize(weight),
  };
}

/** What plans are told apart by, in the spelling of the table. */
export const FEATURES = {
  pw: ({ pointwise }) => (pointwise ? 1 : 0),
  n: ({ batch }) => batch,
  g: ({ groups }) => groups,
  c: ({ inChannels }) => inChannels,
  k: ({ outChannels }) => outChannels,
  /** 3 for channels in eights, 2 in fours, 1 in pairs, 0 for odd ones: what vector loads need. */
  c8: ({ inChannels }) => evenness(inChannels),
  k8: ({ outChannels }) => evenness(outChannels),
  t: ({ taps }) => taps,
  h: ({ height }) => height,
  s: ({ stride }) => stride,
  l: ({ width }) => width,
  i: ({ inPositions }) => inPositions,
  o: ({ outPositions }) => outPositions,
  no: ({ batch, outPositions }) => batch * outPositions,
  ct: ({ inChannels, taps }) => inChannels * taps,
  kt: ({ outChannels, taps }) => outChannels * taps,
  ck: ({ inChannels, outChannels }) => inChannels * outChannels,
  ckt: ({ inChannels, outChannels, taps }) => inChannels * outChannels * taps,
  "c/k": ({ inChannels, outChannels }) => inChannels / outChannels,
  "x/w": ({ X, W }) => X / W,
  "y/w": ({ Y, W }) => Y / W,
  dw: ({ inChannels, groups }) => (inChannels === 1 && groups > 1 ? 1 : 0),
} as const satisfies Record<string, (problem: Problem) => number>;
export type Feature = keyof typeof FEATURES;

function evenness(channels: number): number {
  return channels % 8 === 0 ? 3 : channels % 4 === 0 ? 2 : channels % 2 === 0 ? 1 : 0;
}
