/**
 * Operations of a traced step → instructions of XLA's CPU compiler before fusion: products in canonical form, gradients of windows
 * and convolutions spelled out, 16-bit arithmetic in 32 bits.
 *
 * xla/service/dot_decomposer.cc, select_and_scatter_expander.cc, float_normalization.cc; compared with the compiled programs of the
 * recordings.
 */
import { elements, type Shape } from "../../base/shape.js";
import { fusingOf } from "../../frameworks/jax/kernels.js";
import type { Attributes } from "../../ir/graph.js";
import type { Operation, StorageId } from "../../ir/tape.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import type { TurnOf } from "./turns.js";

export interface Instruction {
  readonly op: string;
  readonly node: number;
  readonly phase: Operation["phase"] | "optimizer";
  readonly reads: readonly StorageId[];
  readonly makes: readonly StorageId[];
  readonly attributes: Attributes;
  /** Stored whatever reads it. */
  readonly stored: boolean;
}

export interface Lowering {
  specOf(id: StorageId): TensorSpec;
  /** A value that no operation of the program has. */
  declare(spec: TensorSpec, label: string): StorageId;
  /** XLA:CPU computes with 16-bit floating-point numbers in float32. */
  readonly widens: boolean;
}

/** `turnOf` tells turns of loops apart: nothing is shared between them. */
export function expand(operations: readonly Operation[], lowering: Lowering, turnOf: TurnOf): Instruction[] {
  const out: Instruction[] = [];
  const known = new Map<string, StorageId>();
  for (const operation of operations)
    new Expansion(operation, lowering, { out, known, turn: turnOf(operation) }).run();
  return out;
}

interface Expanded {
  readonly out: Instruction[];
  /** What was made before of the same: common subexpressions are computed once. */
  readonly known: Map<string, StorageId>;
  readonly turn: number;
}

const isIdentity = (order: readonly number[]): boolean => order.every((dim, i) => dim === i);

class Expansion {
  private readonly operation: Operation;
  private readonly lowering: Lowering;
  private readonly to: Expanded;

  constructor(operation: Operation, lowering: Lowering, to: Expanded) {
    this.operation = operation;
    this.lowering = lowering;
    this.to = to;
  }

  run(): void {
    const { op, reads, makes } = this.operation;
    const [made] = makes as readonly [StorageId];
    const own = Object.hasOwn(EXPANSIONS, op) ? EXPANSIONS[op] : undefined;
    const kind = fusingOf(op);
    if (own) own(this, reads, made);
    else if (kind === "kernel" || kind === "reduce") this.library(op, reads, made, makes);
    else if (kind === "cheap" || kind === "expensive") this.push(op, this.spread(reads, made), makes);
    else this.push(op, reads, makes);
  }

  /** Operands of fewer dims than the result are broadcast first. */
  private spread(reads: readonly StorageId[], made: StorageId): StorageId[] {
    const { shape } = this.lowering.specOf(made);
    const count = elements(shape);
    return reads.map((id) => {
      const spec = this.lowering.specOf(id);
      return spec.shape.length > 0 && elements(spec.shape) < count
        ? this.made("broadcast_in_dim", [id], dense(shape, spec.dtype))
        : id;
    });
  }

  private push(
    op: string,
    reads: readonly StorageId[],
    makes: readonly StorageId[],
    attributes: Attributes = {},
  ): void {
    const { node, phase, stored = false } = this.operation;
    const own = op === this.operation.op ? (this.operation.attributes ?? {}) : {};
    this.to.out.push({ op, node, phase, reads, makes, attributes: { ...own, ...attributes }, stored });
  }

  private made(
    op: string,
    reads: readonly StorageId[],
    spec: TensorSpec,
    order: readonly number[] = [],
  ): StorageId {
    const key = `${op} ${reads} ${spec.dtype} ${spec.shape} ${order} ${this.to.turn}`;
    const shared = SHARED.has(op);
    const before = shared ? this.to.known.get(key) : undefined;
    if (before !== undefined) return before;
    const id = this.lowering.declare(spec, op);
    this.push(op, reads, [id]);
    if (shared) this.to.known.set(key, id);
    return id;
  }

  /** A library's kernel, which computes in float32 where the CPU does. */
  library(
    op: string,
    reads: readonly StorageId[],
    made: StorageId,
    makes: readonly StorageId[] = [made],
  ): void {
    const spec = this.lowering.specOf(made);
    const wide = reads.map((id) =>
      this.isNarrow(this.lowering.specOf(id))
        ? this.made("convert", [id], this.widened(this.lowering.specOf(id)))
        : id,
    );
    if (makes.length > 1 || !this.isNarrow(spec)) this.push(op, wide, makes);
    else this.push("convert", [this.made(op, wide, this.widened(spec))], [made]);
  }

  private isNarrow({ dtype }: TensorSpec): boolean {
    return this.lowering.widens && (dtype === "bfloat16" || dtype === "float16");
  }

  private widened({ shape }: TensorSpec): TensorSpec {
    return dense(shape, "float32");
  }

  /** Batch dims first, then rows, then what is contracted; of two matrices both orders are taken as they are. */
  product([left, right = left]: Reads, made: StorageId): void {
    const { attributes = {} } = this.operation;
    const dims = (name: string): readonly number[] =>
      (attributes[name] as readonly number[] | undefined) ?? [];
    const ordered = (
      id: StorageId,
      batch: readonly number[],
      contract: readonly number[],
      isRight: boolean,
    ): StorageId => {
      const { shape } = this.lowering.specOf(id);
      const free = shape.map((_, i) => i).filter((i) => !batch.includes(i) && !contract.includes(i));
      const order = isRight ? [...batch, ...contract, ...free] : [...batch, ...free, ...contract];
      return (shape.length <= 2 && batch.length === 0) || isIdentity(withoutOnes(order, shape))
        ? id
        : this.transposed(id, order);
    };
    const a = ordered(left, dims("lhsBatch"), dims("lhsContract"), false);
    const b = ordered(right, dims("rhsBatch"), dims("rhsContract"), true);
    this.library("dot", a === b ? [a] : [a, b], made);
  }

  /** Operands that do not lie as NHWC and HWIO are moved first. xla/service/cpu/conv_canonicalization.cc */
  convolution([input, kernel = input]: Reads, made: StorageId): void {
    const { attributes = {} } = this.operation;
    const rank = this.lowering.specOf(input).shape.length;
    const spatial = Array.from({ length: Math.max(0, rank - 2) }, (_, i) => i);
    const lies = (name: string, order: readonly number[]): boolean => {
      const own = attributes[name];
      return !Array.isArray(own) || order.every((dim, i) => own[i] === dim);
    };
    const a = lies("lhs", [0, rank - 1, ...spatial.map((i) => i + 1)]) ? input : this.transposed(input);
    const b = lies("rhs", [rank - 1, rank - 2, ...spatial]) ? kernel : this.transposed(kernel);
    this.library("convolution", [a, b], made);
  }

  transposed(id: StorageId, order?: readonly number[]): StorageId {
    const { shape, dtype } = this.lowering.specOf(id);
    const moved: Shape = order ? order.map((dim) => shape[dim] as number) : [...shape].reverse();
    return this.made("transpose", [id], dense(moved, dtype), order ?? []);
  }

  /** The place of every window's extreme, as one index array per dim, then a scatter into zeros. */
  windowGradient([cotangent, operand = cotangent]: Reads, made: StorageId): void {
    const { shape } = this.lowering.specOf(operand);
    const out = this.lowering.specOf(cotangent).shape;
    const places = shape.map(() => this.made("iota", [], dense(shape, "int32")));
    const value = this.lowering.declare(dense(out, "float32"), "reduce_window");
    const found = shape.map(() => this.lowering.declare(dense(out, "int32"), "reduce_window"));
    const [wide] = this.isNarrow(this.lowering.specOf(operand))
      ? [this.made("convert", [operand], dense(shape, "float32"))]
      : [operand];
    this.push("reduce_window", [wide as StorageId, ...places], [value, ...found]);
    const indices = this.made("gathered_indices", found, dense([elements(out), shape.length], "int32"));
    const zeros = this.made(
      "broadcast_in_dim",
      [],
      dense(shape, this.isNarrow(this.lowering.specOf(made)) ? "float32" : this.lowering.specOf(made).dtype),
    );
    const spread = this.made("transpose", [cotangent], this.lowering.specOf(cotangent));
    this.library("scatter", [zeros, indices, spread], made);
  }

  /** Rows out of bounds become a fill value: one more elementwise operation. */
  gather(reads: readonly StorageId[], made: StorageId): void {
    const spec = this.lowering.specOf(made);
    this.push("select_n", [this.made("gather", reads, spec), ...reads.slice(1)], [made]);
  }
}

/** What is made for one reader and serves the next. */
const SHARED: ReadonlySet<string> = new Set(["convert", "transpose", "broadcast_in_dim"]);

/** Operands, equal ones once. */
type Reads = readonly [StorageId, StorageId?];

/** Operations that are more than one instruction. */
const EXPANSIONS: Readonly<
  Record<string, (to: Expansion, reads: readonly StorageId[], made: StorageId) => void>
> = {
  conv_general_dilated: (to, reads, made) => to.convolution(reads as Reads, made), // as: so has a convolution
  conv_input_gradient: (to, [gradient, kernel = gradient], made) =>
    to.library("convolution", [gradient as StorageId, to.transposed(kernel as StorageId)], made),
  conv_kernel_gradient: (to, [input, gradient = input], made) =>
    to.library(
      "convolution",
      [to.transposed(input as StorageId), to.transposed(gradient as StorageId)],
      made,
    ),
  dot_general: (to, reads, made) => to.product(reads as Reads, made), // as: a product has operands
  gather: (to, reads, made) => to.gather(reads, made),
  select_and_scatter_add: (to, reads, made) => to.windowGradient(reads as Reads, made), // as: so has a window
};

function withoutOnes(order: readonly number[], shape: Shape): number[] {
  const kept = order.filter((dim) => shape[dim] !== 1);
  const sorted = [...kept].sort((a, b) => a - b);
  return kept.map((dim) => sorted.indexOf(dim));
}
