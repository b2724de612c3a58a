/** One line per tensor, with its numbers filled in so that the product can be checked by hand. */
import { ITEM_SIZE } from "../base/dtype.js";
import type { Value } from "../ir/graph.js";
import type { Storage } from "../ir/tape.js";
import { packedSize } from "../ir/tensor.js";
import { snakeCase } from "./places.js";
import type { Receipt } from "./report.js";

/** `64 x (7x7) x 3 weights x 4 B`. */
export function parameterReceipt({ name, spec }: Value): Receipt {
  const leaf = name.replace(/^.*[./]/, "");
  const what = leaf === "weight" ? "weights" : leaf === "bias" ? "biases" : leaf;
  const [out, ...rest] = spec.shape;
  const isKernel = spec.shape.length >= 3;
  const factors =
    isKernel && name.includes("/")
      ? [`(${spec.shape.slice(0, -2).join("x")})`, ...spec.shape.slice(-2).map(String)] // Keras: inputs, then outputs
      : isKernel
        ? [String(out), `(${rest.slice(1).join("x")})`, String(rest[0])]
        : spec.shape.map(String);
  return {
    text: `${factors.join(" x ") || "1"} ${what} x ${ITEM_SIZE[spec.dtype]} B`,
    bytes: packedSize(spec),
  };
}

export interface SavedReceiptOptions {
  readonly storage: Storage;
  readonly batch: number;
  /** The name under which the gradient formula reads it. */
  readonly port: string;
  /** The operator whose gradient reads it. */
  readonly op: string;
  /** The input, target or buffer that lives there, if it is one. */
  readonly value: Value | undefined;
}

/** `B x 64 x 112 x 112 x 4 B result saved by relu for its gradient`. */
export function savedReceipt({ storage, batch, port, op, value }: SavedReceiptOptions): Receipt {
  const { shape, dtype } = storage.spec;
  const dims = shape.map((size, dim) => (dim === 0 && size === batch ? "B" : String(size)));
  const which = value ? namedAs(value) : roleOf(port);
  return {
    text: `${[...dims, `${ITEM_SIZE[dtype]} B`].join(" x ")} ${which} saved by ${op} for its gradient`,
    bytes: storage.bytes,
  };
}

function namedAs({ role, name }: Value): string {
  return name === role ? role : `${role} ${name}`;
}

/** What ATen's schemas call an operator's first tensor. */
const FIRST_INPUTS: ReadonlySet<string> = new Set(["self", "input", "mat1", "batch1"]);

function roleOf(port: string): string {
  if (FIRST_INPUTS.has(port)) return "input";
  return port === "result0" ? "result" : snakeCase(port);
}
