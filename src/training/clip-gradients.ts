/**
 * `torch.nn.utils.clip_grad_norm_`: a norm per gradient, one over all, and gradients scaled in place.
 *
 * Source   torch/nn/utils/clip_grad.py; aten/src/ATen/native/cuda/ForeachReduceOp.cu (foreach_tensor_norm_cuda)
 * Checked  recorded step rn50_b32_clip
 */
import type { DType } from "../base/dtype.js";
import { elements, type Shape } from "../base/shape.js";
import { ITEM_SIZE } from "../base/dtype.js";
import { bytes } from "../base/units.js";
import type { BlockId } from "../ir/step.js";
import type { Ledger } from "./ledger.js";

/** Elements that one block of a multi-tensor kernel takes. MultiTensorApply.cuh kChunkSize */
const CHUNK = 65_536;

export interface Clipped {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** The blocks of one clipping, declared at its first use. */
export class GradientClipping {
  private readonly ledger: Ledger;
  private blocks: BlockId[] = [];

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  run(gradients: readonly Clipped[]): void {
    if (gradients.length === 0) return;
    let next = 0;
    const make = (count: number, dtype: DType, label: string): BlockId => {
      const block =
        this.blocks[next] ??
        this.ledger.declare(
          bytes(count * ITEM_SIZE[dtype]),
          "temporaries",
          label,
          "clipping of gradients",
          null,
        );
      this.blocks[next++] = block;
      this.ledger.allocate(block);
      this.ledger.hold(block);
      return block;
    };
    const drop = (...blocks: readonly BlockId[]) => {
      for (const block of blocks) this.ledger.drop(block);
    };
    const norms: BlockId[] = [];
    for (const dtype of new Set(gradients.map((gradient) => gradient.dtype))) {
      const group = gradients.filter((gradient) => gradient.dtype === dtype);
      const chunks = Math.max(...group.map(({ shape }) => Math.ceil(elements(shape) / CHUNK)));
      const partial = make(group.length * chunks, "float32", "norms of chunks");
      for (const _ of group) norms.push(make(1, dtype, "norm of a gradient"));
      drop(partial);
    }
    const dtype = (gradients[0] as Clipped).dtype;
    const stacked = make(norms.length, dtype, "norms of all gradients");
    const total = make(1, dtype, "norm over all gradients");
    drop(stacked, ...norms.reverse());
    const sum = make(1, dtype, "norm plus epsilon");
    const reciprocal = make(1, dtype, "its reciprocal");
    const coefficient = make(1, dtype, "clip coefficient");
    drop(reciprocal, sum);
    const clamped = make(1, dtype, "clip coefficient, at most one");
    drop(clamped, coefficient, total);
  }
}
