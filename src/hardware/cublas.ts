/**
 * cuBLAS scratch as PyTorch hands it out: from its own caching allocator, one block per pair of handle and
 * stream, kept until the process ends.
 *
 * Source   aten/src/ATen/cuda/CublasHandlePool.cpp (parseChosenWorkspaceSize, getCUDABlasLtWorkspaceSize)
 * Checked  recorded ResNet-50 steps: two blocks on every device, 17,039,360 B in all on compute capability
 *          7.5 to 8.9 and 67,108,864 B on 9.0, 10.0 and 12.0. The second block is that of the backward thread:
 *          handles belong to threads, and autograd runs on its own.
 * Untrue   ROCm builds take 32 MiB, 128 MiB on gfx94x and gfx95x. cuBLASLt shares the block of its handle and
 *          stream, unless TORCH_CUBLASLT_UNIFIED_WORKSPACE=0: then it has one of 1 MiB of its own.
 */
import { KiB, MiB } from "../base/units.js";

/** `:4096:2:16:8` in the notation of CUBLAS_WORKSPACE_CONFIG: two blocks of 4,096 KiB and eight of 16 KiB. */
const BEFORE_HOPPER = (2 * 4096 + 8 * 16) * KiB;
/** "32MiB for Hopper and Blackwell"; the majors are spelled out there, so 11 (Thor) is not among them. */
const HOPPER_AND_BLACKWELL = 32 * MiB;
const LARGE_MAJORS: ReadonlySet<string> = new Set(["9", "10", "12"]);

/** Bytes of one cuBLAS workspace; `config` is the value of CUBLAS_WORKSPACE_CONFIG, `:0:0` switches it off. */
export function cublasWorkspaceBytes(computeCapability: string, config?: string): number {
  const major = computeCapability.split(".")[0] ?? "";
  const usual = LARGE_MAJORS.has(major) ? HOPPER_AND_BLACKWELL : BEFORE_HOPPER;
  if (config === undefined) return usual;
  const pairs = [...config.matchAll(/:(\d+):(\d+)/g)];
  if (pairs.length === 0) return usual; // PyTorch warns and goes on with its default
  return pairs.reduce((total, [, size, count]) => total + Number(size) * KiB * Number(count), 0);
}
