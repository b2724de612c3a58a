/**
 * Device memory a process holds outside every allocator: CUDA context, loaded kernels, library handles.
 *
 * Sources  idle processes that people read off nvidia-smi or cudaMemGetInfo, one or two per generation
 * Untrue   the context grows with the kernels a program really uses, with the driver, and with the number of
 *          multiprocessors; a row is one figure with the range it was seen in. Nothing here is exact.
 *
 * Measured whole runs leave 0.13 to 0.7 GiB above `reserved` on drivers with lazy loading, and 1.0 to
 * 1.4 GiB on CUDA before 11.7, which loaded every kernel of every library at start.
 */
import { MiB } from "../base/units.js";

export interface ContextRow {
  /** Compute capability majors (or major.minor) the row speaks for. */
  readonly capabilities: readonly string[];
  /** An idle process with lazy loading (CUDA >= 11.7, the default of PyTorch since 1.13). */
  readonly lazyBytes: number;
  /** The same when all kernels are loaded at start (CUDA before 11.7, or CUDA_MODULE_LOADING=EAGER). */
  readonly eagerBytes: number;
  readonly source: string;
}

const thread = (path: string): string => `https://github.com/${path}`;

// biome-ignore format: one line per row
export const CONTEXTS: readonly ContextRow[] = [
  // A 1080 took 721 MB with the 2 MiB segment of its one tensor (torch 1.8.2, CUDA 10.1); lazily "~300 MB", no card named.
  { capabilities: ["3", "5", "6"], lazyBytes: 300 * MiB, eagerBytes:  719 * MiB, source: `${thread("pytorch/pytorch/issues/107667")}; eager ${thread("pytorch/pytorch/issues/55277")}` },
  // V100: 300 to 400 MB (torch 1.1). 2080 Ti: 1,035 MiB with a tensor of 156.25 MiB in a 158 MiB segment (torch 1.6, CUDA 10.1).
  { capabilities: ["7"],           lazyBytes: 300 * MiB, eagerBytes:  877 * MiB, source: `${thread("pytorch/pytorch/issues/20532")}; eager ${thread("pytorch/pytorch/issues/49877")}` },
  // 3090: 256 MiB idle (torch 2.7.1, CUDA 12.8); 1,644 MiB less the same 158 MiB segment (torch 1.7.1, CUDA 11.0).
  { capabilities: ["8"],           lazyBytes: 256 * MiB, eagerBytes: 1486 * MiB, source: `${thread("invoke-ai/InvokeAI/issues/9413")}; eager ${thread("pytorch/pytorch/issues/49877")}` },
  // RTX 6000 Ada, 142 multiprocessors: 426 MiB, nothing reserved (torch 2.10, CUDA 13.0). Eager: as Ampere, no figure found.
  { capabilities: ["8.9"],         lazyBytes: 426 * MiB, eagerBytes: 1486 * MiB, source: thread("unslothai/unsloth-zoo/pull/1053") },
  // H200: four idle contexts of about 520 MiB each (torch 2.7.1, CUDA 12.8). Eager: as Ampere, no figure found.
  { capabilities: ["9"],           lazyBytes: 520 * MiB, eagerBytes: 1486 * MiB, source: thread("clemsgrs/slide2vec/issues/326") },
  // Blackwell: no figure found; that of Hopper, the nearest in age and size.
  { capabilities: ["10", "11", "12"], lazyBytes: 520 * MiB, eagerBytes: 1486 * MiB, source: thread("clemsgrs/slide2vec/issues/326") },
];

/**
 * What cuBLAS and cuDNN add once a step has used them: handles and the kernels they loaded. 100 MiB is the
 * low end of the 100 to 300 MiB usually allowed for; whole measured runs (see above) leave room for no more.
 */
const LIBRARY_BYTES = 100 * MiB;
/** Lowest and highest remainder above `reserved` in measured runs, as the interval around the answer. */
const LEAST_BYTES = 133 * MiB;
const MOST_LAZY_BYTES = 717 * MiB;
const MOST_EAGER_BYTES = 1843 * MiB;

export interface ContextOptions {
  /** When CUDA loads kernels: at first use (default), or all at start. */
  readonly loading?: "lazy" | "eager";
}

export interface ContextMemory {
  readonly bytes: number;
  readonly lowBytes: number;
  readonly highBytes: number;
  readonly basis: "assumed";
  readonly because: string;
  readonly source: string;
}

/** Context of a training process on a device of this compute capability; unknown devices get the Hopper row. */
export function contextMemory(computeCapability?: string, options: ContextOptions = {}): ContextMemory {
  const loading = options.loading ?? "lazy";
  const row = contextRow(computeCapability);
  // Eager figures already hold every kernel of every library.
  const bytes = loading === "lazy" ? row.lazyBytes + LIBRARY_BYTES : row.eagerBytes;
  const highBytes = loading === "lazy" ? MOST_LAZY_BYTES : MOST_EAGER_BYTES;
  return {
    bytes,
    lowBytes: LEAST_BYTES,
    highBytes,
    basis: "assumed",
    because: `CUDA context and loaded kernels, ${loading} loading`,
    source: row.source,
  };
}

function contextRow(computeCapability = "9.0"): ContextRow {
  const major = computeCapability.split(".")[0] ?? "";
  const by = (key: string) => CONTEXTS.find(({ capabilities }) => capabilities.includes(key));
  return by(computeCapability) ?? by(major) ?? (by("9") as ContextRow); // as: the table has that row
}
