import { broadcast, type Shape } from "../base/shape.js";
import type { TensorSpec } from "../ir/tensor.js";

/** The shape several operands broadcast to. */
export function broadcastAll(operands: readonly TensorSpec[]): Shape {
  let shape: Shape = [];
  for (const operand of operands) {
    const next = broadcast(shape, operand.shape);
    if (next === undefined)
      throw new ShapeError(
        `shapes that broadcast together`,
        operands.map(({ shape }) => `[${shape}]`).join(" and "),
      );
    shape = next;
  }
  return shape;
}

/** An op cannot take these shapes: the model or the requested sizes are wrong, not Plimsoll. */
export class ShapeError extends Error {
  readonly expected: string;
  readonly got: string;
  constructor(expected: string, got: string) {
    super(`expected ${expected}, got ${got}`);
    this.name = "ShapeError";
    this.expected = expected;
    this.got = got;
  }
}
