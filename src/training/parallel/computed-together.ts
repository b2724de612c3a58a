/** Settings that are not computed with an axis of the mesh: hooks, copies and kernels that no recorded step tells of. */
import { flatMesh, notTogether } from "./complaints.js";
import type { Mesh } from "../../ir/setup.js";

/** The settings of a step that matter here, as the user wrote them. */
export interface StepOptions {
  readonly mode?: string;
  readonly optimizerInBackward?: boolean;
  readonly validate?: boolean;
  readonly ema?: boolean;
  readonly compile?: boolean;
  readonly offload?: string;
  readonly quantize?: string;
  readonly precision?: string;
}

type Axis = keyof Mesh;

interface Row {
  readonly flag: string;
  readonly isAsked: (options: StepOptions) => boolean;
  readonly axes: readonly Axis[];
  readonly because: string;
}

// biome-ignore format: one line per setting
const ROWS: readonly Row[] = [
  { flag: "--mode", isAsked: ({ mode }) => mode === "inference", axes: ["dp", "fsdp", "tp", "pp"], because: "several GPUs are computed for training" },
  { flag: "--optimizer-in-backward", isAsked: (options) => options.optimizerInBackward === true, axes: ["dp", "fsdp", "pp"], because: "gradients are reduced before an optimizer may step" },
  { flag: "--validate", isAsked: ({ validate }) => validate === true, axes: ["fsdp", "pp"], because: "the evaluation pass gathers and sends, too" },
  { flag: "--ema", isAsked: ({ ema }) => ema === true, axes: ["fsdp"], because: "a sharded module cannot be copied" },
  { flag: "--compile", isAsked: ({ compile }) => compile === true, axes: ["dp", "fsdp", "tp", "pp"], because: "the compiler cuts the graph at hooks and collectives" },
  { flag: "--offload", isAsked: ({ offload }) => offload !== undefined, axes: ["fsdp", "pp"], because: "gathered parameters would be packed with the activations" },
  { flag: "--quantize", isAsked: ({ quantize }) => quantize !== undefined, axes: ["fsdp", "tp"], because: "packed weights are shared out in a way of their own" },
  { flag: "--precision", isAsked: ({ precision }) => precision?.startsWith("fp8") === true, axes: ["fsdp", "tp", "pp"], because: "float8 weights are gathered in a way of their own" },
];

/** Throws for the first setting that would be computed wrongly. */
export function checkTogether(options: StepOptions, mesh: Mesh): void {
  for (const { flag, isAsked, axes, because } of ROWS) {
    const axis = isAsked(options) ? axes.find((name) => mesh[name] > 1) : undefined;
    if (axis) throw notTogether(flag, `${axis}=${mesh[axis]}`, because);
  }
}

/** FullyShardedDataParallel has the whole model on every rank. */
export function checkFlat({ tp, pp }: Mesh): void {
  if (tp > 1) throw flatMesh(`tp=${tp}`);
  if (pp > 1) throw flatMesh(`pp=${pp}`);
}
