/** The answer to "how do I spread it": what `plan --json` prints and `plan()` returns (schema `plimsoll/plan@1`). */
import type { Mesh } from "../../ir/setup.js";
import type { Assumption, ModelReport } from "../report.js";
import type { Engine, WayId } from "./layout.js";
import type { PlanCheckpointing } from "./pass-seconds.js";
import type { Shares } from "./weigh-layout.js";

export interface PlanReport {
  readonly schema: "plimsoll/plan@1";
  readonly model: Pick<ModelReport, "name" | "source" | "parameterCount">;
  readonly cluster: {
    readonly gpu: string;
    readonly gpus: number;
    readonly nodes: number;
    readonly capacityBytes: number;
    /** Bytes per second that a GPU sends, one way: within a machine, and between machines. */
    readonly intraBytesPerSecond: number;
    readonly interBytesPerSecond: number;
  };
  /** Samples of one optimizer step over all GPUs. */
  readonly globalBatch: number;
  readonly sequence: number | null;
  readonly confidence: number;
  /** Best first; every figure of memory is the engine's. */
  readonly plans: readonly Plan[];
  /** Faster by the closed form than some plan above, but the engine says that they do not fit; fastest first. */
  readonly rejected: readonly RejectedPlan[];
  readonly counts: PlanCounts;
  /** Where nothing fits: what comes closest. */
  readonly nearestMiss: RejectedPlan | null;
  readonly assumptions: readonly Assumption[];
  readonly roofline: "stated" | "assumed";
}

export interface PlanSetup {
  /** As `--parallel`; `none` on one GPU. */
  readonly parallel: string;
  readonly mesh: Mesh;
  readonly way: WayId;
  readonly title: string;
  readonly engines: readonly Engine[];
  readonly zero: number | null;
  readonly batch: number;
  readonly accumulate: number;
  readonly checkpointing: PlanCheckpointing;
  readonly offload: string | null;
  /** As flags of `plimsoll estimate`. */
  readonly flags: string;
}

export interface Plan extends PlanSetup {
  /** Place among all setups that were weighed, by time, whether they fit or not: 1 is the fastest. */
  readonly place: number;
  readonly peak: {
    readonly allocatedBytes: number;
    readonly reservedBytes: number;
    readonly deviceTotalBytes: number;
  };
  readonly headroomBytes: number;
  /** By the roofline: least there is. */
  readonly stepSeconds: number;
  /** Over the first plan's. */
  readonly relativeStepTime: number;
  readonly seconds: Shares;
  readonly why: readonly string[];
}

export interface RejectedPlan extends PlanSetup {
  readonly deviceTotalBytes: number;
  readonly missingBytes: number;
  readonly relativeStepTime: number | null;
}

export interface PlanCounts {
  /** Setups that were weighed. */
  readonly weighed: number;
  /** Of these, whose bound alone is more than the device has. */
  readonly overByBound: number;
  /** Whose peak was computed in full. */
  readonly simulated: number;
  /** Of those, which do not fit. */
  readonly overBySimulation: number;
  /** Left out beside one with less that does not fit. */
  readonly overBesideOther: number;
  /** Slower than the last plan shown, and not simulated. */
  readonly slower: number;
  /** Degrees of tensor parallelism that the model does not take, with the reason. */
  readonly refused: readonly { readonly parallel: string; readonly because: string }[];
}
