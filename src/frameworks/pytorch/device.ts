import type { Bytes } from "../../base/units.js";
import type { AttentionChoice } from "../../ir/setup.js";

/** Facts about the GPU and the settings that choose kernels. */
export interface Device {
  readonly computeCapability: readonly [number, number];
  readonly multiprocessors: number;
  /** What a cuBLAS handle takes at its first use in a thread, and keeps. */
  readonly blasWorkspace: Bytes;
  /** Attention as the kernel PyTorch picks (sdpa, default), as one kernel that is named, or written out in its parts. */
  readonly attention?: AttentionChoice;
  /** False when float32 convolutions must not use TF32; PyTorch allows it by default. */
  readonly tf32?: boolean;
  /** How cuDNN's convolution algorithms are picked; `no-workspace` leaves their scratch out. */
  readonly cudnn: "default" | "benchmark" | "deterministic" | "no-workspace";
}
