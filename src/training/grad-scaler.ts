/**
 * `torch.amp.GradScaler` around the optimizer step: one-element tensors on the device.
 *
 * Source  torch/amp/grad_scaler.py (unscale_, step, update)
 */
import { type Bytes, bytes } from "../base/units.js";
import type { BlockId } from "../ir/step.js";
import type { Ledger } from "./ledger.js";

const FLOAT: Bytes = bytes(4);
const DOUBLE: Bytes = bytes(8);

export class GradScaler {
  private readonly ledger: Ledger;
  private readonly blocks = new Map<string, BlockId>();

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** unscale_: the inverse scale by way of float64, and a flag for infinities that lives until `update`. */
  unscale(): void {
    const wide = this.make("scale in float64", DOUBLE);
    const inverse = this.make("inverse scale in float64", DOUBLE);
    this.ledger.drop(wide);
    const narrow = this.make("inverse scale", FLOAT);
    this.ledger.drop(inverse);
    this.replicate(this.make("flag of infinities", FLOAT), narrow);
  }

  /** An optimizer that unscales in its own kernel gets the flag: it is checked with a scale of one, and added up. */
  check(): void {
    const one = this.make("scale of one", FLOAT);
    this.replicate(this.make("flag of infinities", FLOAT), one);
    this.make("sum of found infinities", FLOAT);
  }

  /** _MultiDeviceReplicator copies both for the device; the copy of the flag lives until `update`. */
  private replicate(flag: BlockId, scale: BlockId): void {
    this.make("found infinities", FLOAT);
    const copy = this.make("scale on the device", FLOAT);
    for (const block of [copy, scale, flag]) this.ledger.drop(block);
  }

  update(): void {
    for (const name of ["sum of found infinities", "found infinities"]) {
      const block = this.blocks.get(name);
      if (block !== undefined && this.ledger.holdersOf(block) > 0) this.ledger.drop(block);
    }
  }

  private make(name: string, size: Bytes): BlockId {
    const { ledger, blocks } = this;
    const block = blocks.get(name) ?? ledger.declare(size, "temporaries", name, "scaling of gradients", null);
    blocks.set(name, block);
    ledger.allocate(block);
    ledger.hold(block);
    return block;
  }
}
