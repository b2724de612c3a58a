/** One kernel at work: what it makes, what it gives up early, and what dies when it ends. */
import { type Bytes, bytes } from "../../base/units.js";
import { packedSize, type TensorSpec } from "../../ir/tensor.js";
import type { Device, Held, Kernel } from "./kernel.js";

/** What a storage is for: a tensor, a kernel's scratch, or scratch for plans that are timed. */
export type Use = "tensor" | "workspace" | "trial";

/** Where the allocations of kernels go: the tape (forward) or the step (backward). */
export interface KernelMemory {
  /** A new storage of `size` bytes, allocated now. */
  readonly make: (spec: TensorSpec, size: Bytes, use: Use) => Held;
  readonly release: (storage: number) => void;
  readonly blas: () => void;
  /** What the process makes once. */
  readonly kept: (label: string, size: Bytes) => Held;
}

/** Serves one kernel after another: `begin` or `end` lies between two. */
export class KernelRun implements Kernel {
  readonly device: Device;
  private readonly memory: KernelMemory;
  private readonly made: Held[] = [];
  private readonly freed: number[] = [];
  private readonly tried = new Set<string>();

  constructor(device: Device, memory: KernelMemory) {
    this.device = device;
    this.memory = memory;
  }

  empty(spec: TensorSpec): Held {
    const tensor = this.memory.make(spec, packedSize(spec), "tensor");
    this.made.push(tensor);
    return tensor;
  }

  scratch(size: number): Held {
    const spec: TensorSpec = { shape: [size], strides: [1], dtype: "uint8" };
    const tensor = this.memory.make(spec, bytes(size), "workspace");
    this.made.push(tensor);
    return tensor;
  }

  trial(size: number, problem: string): void {
    if (this.tried.has(problem)) return;
    this.tried.add(problem);
    const spec: TensorSpec = { shape: [size], strides: [1], dtype: "uint8" };
    this.memory.release(this.memory.make(spec, bytes(size), "trial").storage);
  }

  /** Tensors that the kernel did not make are not its to free. */
  free({ storage }: Held): void {
    if (this.freed.includes(storage) || !holds(this.made, storage)) return;
    this.freed.push(storage);
    this.memory.release(storage);
  }

  scope(run: () => Held): Held {
    const from = this.made.length;
    const result = run();
    for (let i = this.made.length - 1; i >= from; i--) {
      const tensor = this.made[i] as Held;
      if (tensor.storage !== result.storage) this.free(tensor);
    }
    return result;
  }

  kept(label: string, size: number): Held {
    return this.memory.kept(label, bytes(size));
  }

  blas(): void {
    this.memory.blas();
  }

  /** What the kernel neither returned nor freed dies, last made first, as C++ temporaries do. */
  end(results: readonly (Held | null)[]): void {
    const { made, freed, memory } = this;
    for (let i = made.length - 1; i >= 0; i--) {
      const { storage } = made[i] as Held;
      if (!holds(results, storage) && !freed.includes(storage)) memory.release(storage);
    }
    made.length = 0;
    freed.length = 0;
  }
}

/** True when one of `tensors` lies on `storage`. Lists are short. */
export function holds(tensors: readonly (Held | null | undefined)[], storage: number): boolean {
  for (const tensor of tensors) if (tensor?.storage === storage) return true;
  return false;
}
