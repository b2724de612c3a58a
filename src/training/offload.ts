/**
 * Saved tensors in host memory: forward copies each to the host when it is saved, and the gradient that reads it copies
 * it back into a block of its own, which dies with the gradient's locals.
 *
 * Source  torch/autograd/graph.py (save_on_cpu, pin_memory=False); torch/csrc/autograd/saved_variable.cpp: hooks pack
 *         whatever is saved, parameters and results too; aten/src/ATen/native/TensorConversions.cpp (_to_copy),
 *         cuda/Copy.cu (copy_requires_temporaries)
 */
import type { BlockId } from "../ir/step.js";
import type { GradNode, GradNodeId, Tape, TapeTensor } from "../ir/tape.js";
import { isContiguous, isNonOverlappingAndDense, packedSize, type TensorSpec } from "../ir/tensor.js";
import { iterate } from "../ops/layout.js";
import type { Ledger } from "./ledger.js";

export class Offload {
  private readonly tape: Tape;
  private readonly ledger: Ledger;
  /** By gradient, how many of its saved tensors are packed. */
  private readonly packed: Int32Array;
  private unpacked: BlockId[] = [];

  constructor(tape: Tape, ledger: Ledger) {
    this.tape = tape;
    this.ledger = ledger;
    this.packed = new Int32Array(tape.gradNodes.length);
  }

  /** The next tensor that `by` saves goes to the host; gaps are closed on the device first. */
  pack(by: GradNodeId): void {
    const at = this.packed[by] as number;
    this.packed[by] = at + 1;
    const node = this.tape.gradNodes[by] as GradNode;
    const { name, tensor } = node.saved[at] as GradNode["saved"][number];
    if (!this.onDevice(tensor) || isNonOverlappingAndDense(tensor.spec)) return;
    const spec = hostLayout(tensor.spec);
    this.ledger.free(
      this.allocate(spec, `${name} without gaps`, "a copy to the host starts from one stretch"),
    );
  }

  /** Where each saved tensor of `node` lies while its gradient runs. */
  unpack(node: GradNode): TapeTensor[] {
    return node.saved.map(({ name, tensor }) => {
      if (!this.onDevice(tensor)) return tensor;
      const storage = this.fetch(tensor, `${name} of ${node.op}`);
      this.unpacked.push(storage);
      return { spec: hostLayout(tensor.spec), storage };
    });
  }

  /** A block of its own that `tensor` comes back to, held once. */
  fetch({ spec }: TapeTensor, label: string): BlockId {
    const block = this.allocate(hostLayout(spec), label, "copied back from the host for its gradient");
    this.ledger.hold(block);
    return block;
  }

  /** The gradient's kernels are done: its locals die, the last first. */
  release(): void {
    for (const block of this.unpacked.reverse()) this.ledger.drop(block);
    this.unpacked = [];
  }

  private onDevice({ storage }: TapeTensor): boolean {
    const { resident } = this.tape.storages[storage] as Tape["storages"][number];
    return resident === undefined || this.tape.graph.values[resident]?.role !== "host";
  }

  private allocate(spec: TensorSpec, label: string, because: string): BlockId {
    const block = this.ledger.declare(packedSize(spec), "savedTensors", label, because, spec);
    this.ledger.allocate(block);
    return block;
  }
}

/** `Tensor.to` keeps the order of strides; what has gaps or overlaps is closed. */
function hostLayout(spec: TensorSpec): TensorSpec {
  if (isContiguous(spec) || isNonOverlappingAndDense(spec)) return spec;
  return iterate([spec], spec.dtype);
}
