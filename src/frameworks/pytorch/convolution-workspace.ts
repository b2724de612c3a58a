/**
 * Scratch that cuDNN takes for a convolution: copies of operands in the layout its kernel wants, padded channels, partial
 * gradients that are summed in the end.
 *
 * Which kind of plan cuDNN's heuristic puts first is decided by the trees of `plans.ts`; what a kind takes, by `rules.ts`.
 */
import type { DType } from "../../base/dtype.js";
import { leafOf } from "./convolution-workspace/choose.js";
import { PLANS } from "./convolution-workspace/plans.js";
import {
  type Convolution,
  type Direction,
  type Problem,
  problemOf,
} from "./convolution-workspace/problem.js";
import { scratchOf } from "./convolution-workspace/rules.js";
import type { Device } from "./device.js";

export type { Convolution, Direction } from "./convolution-workspace/problem.js";

/** Compute capabilities that plans were recorded for, newest first; any other counts as the one before it, or the oldest. */
const RECORDED = [12, 10, 9, 8.9, 8.6, 8, 7.5, 7] as const;
const OLDEST = 7;
const AMPERE = 8;

/** Rows of the table that hold for a type; a later one where a GPU has no row of the former. */
function dtypesFor(dtype: DType, tf32: boolean): readonly string[] {
  if (dtype === "float16") return ["fp16"];
  if (dtype === "bfloat16") return ["bf16", "fp16"];
  if (dtype === "float32") return tf32 ? ["tf32"] : ["fp32"]; // TF32 came with Ampere
  return [];
}

/** Bytes of scratch; 0 where the plan needs none, the setup leaves workspaces out or nothing is known. */
export function convolutionWorkspace(direction: Direction, convolution: Convolution, device: Device): number {
  if (device.cudnn === "no-workspace") return 0;
  const problem = problemOf(direction, convolution);
  const rule = ruleFor(problem, convolution, device);
  const [first = "-", deterministic = first] = rule.split("|");
  return Math.round(scratchOf(device.cudnn === "deterministic" ? deterministic : first, problem));
}

/**
 * Bytes that `cudnn.benchmark` takes the first time a problem is met: as much as the plan that wants most. It times the
 * plans in it, gives it back and empties the allocator's cache. Conv_v8.cpp (get_plans_from_find)
 */
export function benchmarkWorkspace(direction: Direction, convolution: Convolution, device: Device): number {
  if (device.cudnn !== "benchmark") return 0;
  const problem = problemOf(direction, convolution);
  return Math.round(scratchOf(ruleFor(problem, convolution, device, " largest"), problem));
}

/** The kind of plan that is put first, or that takes most. */
function ruleFor(
  problem: Problem,
  convolution: Convolution,
  device: Device,
  which: "" | " largest" = "",
): string {
  const [major, minor] = device.computeCapability;
  const capability = Math.max(OLDEST, major + minor / 10);
  const tf32 = capability >= AMPERE && device.tf32 !== false;
  // one filter per channel has rows of its own where PyTorch leaves it to cuDNN row-major, in float16
  const depthwise = !convolution.channelsLast && problem.inChannels === 1 && problem.groups > 1;
  const { dtype } = convolution.weight;
  const slot =
    (DIRECTIONS.indexOf(problem.direction) << 3) |
    (convolution.channelsLast ? 4 : 0) |
    (depthwise ? 2 : 0) |
    (which === "" ? 0 : 1);
  const rows = rowsFor(dtype, capability, tf32);
  let tree = rows[slot];
  if (tree === undefined) {
    const layout = convolution.channelsLast ? "nhwc" : "nchw";
    const rest = `${layout} ${problem.direction}${depthwise ? " depthwise" : ""}${which}`;
    tree = treeFor(dtypesFor(dtype, tf32), capability, rest);
    rows[slot] = tree;
  }
  return leafOf(tree, problem);
}

const DIRECTIONS: readonly Direction[] = ["forward", "input gradient", "weight gradient"];

/** Trees that were looked up before, by what asks for them: a model asks the same few for every convolution. */
const found = new Map<DType, Map<number, string[]>>();

function rowsFor(dtype: DType, capability: number, tf32: boolean): string[] {
  let byDevice = found.get(dtype);
  if (!byDevice) {
    byDevice = new Map();
    found.set(dtype, byDevice);
  }
  const device = tf32 ? capability : -capability;
  let rows = byDevice.get(device);
  if (!rows) {
    rows = [];
    byDevice.set(device, rows);
  }
  return rows;
}

function treeFor(dtypes: readonly string[], capability: number, rest: string): string {
  for (const dtype of dtypes) {
    for (const recorded of RECORDED.filter((one) => one <= capability)) {
      const tree = (PLANS as Readonly<Record<string, string>>)[`${recorded.toFixed(1)} ${dtype} ${rest}`];
      if (tree !== undefined) return tree;
    }
  }
  return "-";
}
