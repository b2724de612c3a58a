/**
 * Instructions → kernels: which values are stored, and which buffers each kernel reads.
 *
 * A cheap producer is computed again in every kernel that reads it. Stored is what a library's kernel reads or makes, an expensive value
 * that several kernels read or that is read many times over, and a value of several large operands that not all readers can make.
 * xla/service/instruction_fusion.cc ComputeGloballyUnfusible, EffectivelyAtMostUnary; xla/service/cpu/cpu_instruction_fusion.cc.
 */
import { elements } from "../../base/shape.js";
import { type Fusing, fusingOf, MAX_OPERANDS } from "../../frameworks/jax/kernels.js";
import type { StorageId } from "../../ir/tape.js";
import type { TensorSpec } from "../../ir/tensor.js";
import type { Instruction } from "./instructions.js";
import type { TurnOf } from "./turns.js";

export interface Kernel {
  readonly instruction: Instruction;
  /** Buffers, inputs of the step included. */
  readonly reads: readonly StorageId[];
  readonly makes: readonly StorageId[];
}

export interface Fused {
  readonly kernels: readonly Kernel[];
  /** The buffer that shows a value. */
  bufferOf(id: StorageId): StorageId;
}

/** `roots` are what the step returns. */
export function fuse(
  instructions: readonly Instruction[],
  roots: readonly StorageId[],
  specOf: (id: StorageId) => TensorSpec,
  turnOf: TurnOf,
): Fused {
  return new Fusion(instructions, roots, specOf, turnOf).run();
}

class Fusion {
  private readonly instructions: readonly Instruction[];
  private readonly specOf: (id: StorageId) => TensorSpec;
  private readonly turnOf: TurnOf;
  private readonly roots: ReadonlySet<StorageId>;
  private readonly maker = new Map<StorageId, Instruction>();
  private readonly alias = new Map<StorageId, StorageId>();
  private readonly readers = new Map<StorageId, Instruction[]>();
  private readonly stored = new Set<StorageId>();
  /** Buffers that a kernel reads to make the value on the fly. */
  private readonly sources = new Map<StorageId, readonly StorageId[]>();

  constructor(
    instructions: readonly Instruction[],
    roots: readonly StorageId[],
    specOf: (id: StorageId) => TensorSpec,
    turnOf: TurnOf,
  ) {
    this.turnOf = turnOf;
    this.instructions = instructions;
    this.specOf = specOf;
    for (const instruction of instructions) {
      const { reads, makes } = instruction;
      const [read] = reads;
      if (read !== undefined && makes.length === 1 && this.shows(instruction)) {
        this.alias.set(makes[0] as StorageId, this.bufferOf(read));
        continue;
      }
      for (const made of makes) this.maker.set(made, instruction);
      for (const id of new Set(reads.map((read) => this.bufferOf(read)))) {
        const list = this.readers.get(id) ?? [];
        this.readers.set(id, list);
        list.push(instruction);
      }
    }
    this.roots = new Set(roots.map((root) => this.bufferOf(root)));
  }

  bufferOf(id: StorageId): StorageId {
    return this.alias.get(id) ?? id;
  }

  /** A reshape, or a broadcast that only adds dims of size one. */
  private shows({ op, reads, makes }: Instruction): boolean {
    const kind = fusingOf(op);
    if (kind === "alias") return true;
    const [from, to] = [this.specOf(reads[0] as StorageId), this.specOf(makes[0] as StorageId)];
    if (op === "broadcast_in_dim") return elements(from.shape) === elements(to.shape);
    return (op === "convert_element_type" || op === "convert") && from.dtype === to.dtype;
  }

  run(): Fused {
    const { instructions } = this;
    for (let at = instructions.length - 1; at >= 0; at--) this.decide(instructions[at] as Instruction);
    const kernels: Kernel[] = [];
    for (const instruction of instructions) {
      const makes = instruction.makes.filter((id) => this.stored.has(id));
      const reads = this.readsOf(instruction);
      const [only] = instruction.makes;
      const isTooWide = reads.length > MAX_OPERANDS && only !== undefined && !this.alias.has(only);
      if (isTooWide && makes.length === 0) {
        this.stored.add(only);
        makes.push(only);
      }
      if (makes.length > 0) kernels.push({ instruction, reads, makes });
      else if (only !== undefined) this.sources.set(only, reads);
    }
    return { kernels, bufferOf: (id) => this.bufferOf(id) };
  }

  /** Rounding to bfloat16 checks for NaN. cpu_instruction_fusion.cc IsExpensive(kConvert) */
  private kindOf({ op, makes }: Instruction): Fusing {
    const kind = fusingOf(op);
    const rounds = kind === "cheap" && this.specOf(makes[0] as StorageId).dtype === "bfloat16";
    return rounds ? "expensive" : kind;
  }

  private readsOf({ reads }: Instruction): StorageId[] {
    const all = new Set<StorageId>();
    for (const read of reads) {
      const id = this.bufferOf(read);
      if (this.stored.has(id) || !this.maker.has(id)) all.add(id);
      else for (const source of this.sources.get(id) ?? []) all.add(source);
    }
    return [...all];
  }

  private decide(instruction: Instruction): void {
    const [made] = instruction.makes;
    if (made === undefined || this.alias.has(made)) return;
    const kind = this.kindOf(instruction);
    if (kind === "kernel" || kind === "reduce" || instruction.stored || this.roots.has(made)) {
      for (const id of instruction.makes) this.stored.add(id);
      return;
    }
    const readers = this.readers.get(made) ?? [];
    const turn = this.turnOf(instruction);
    if (turn >= 0 && readers.some((reader) => this.turnOf(reader) !== turn)) {
      this.stored.add(made);
      return;
    }
    if (readers.some((reader) => !this.canFuse(kind, instruction, made, reader))) {
      this.stored.add(made);
      return;
    }
    if (readers.length > 1 && kind === "expensive" && !this.isCheapDivision(instruction))
      this.stored.add(made);
  }

  /** Whether the kernel of `reader` can make the value on the fly. */
  private canFuse(kind: Fusing, producer: Instruction, made: StorageId, reader: Instruction): boolean {
    const readerKind = fusingOf(reader.op);
    if (readerKind === "kernel") return false;
    if (readerKind === "reduce") return MULTIPLIES.has(producer.op);
    const multiplied = this.feedsReduction(reader);
    if (multiplied) return false;
    const spec = this.specOf(made);
    const repeats =
      readerKind === "broadcast" &&
      elements(this.specOf(reader.makes[0] as StorageId).shape) > elements(spec.shape);
    return !(repeats && kind === "expensive" && !this.isCheapDivision(producer));
  }

  /** A product that a library's reduction makes on the fly has its own operands stored. */
  private feedsReduction(reader: Instruction): boolean {
    const [made] = reader.makes;
    if (made === undefined || !MULTIPLIES.has(reader.op) || this.stored.has(made)) return false;
    return (this.readers.get(made) ?? []).some(({ op }) => fusingOf(op) === "reduce");
  }

  /** Division by a scalar literal is a multiplication; so is one by a broadcast, whose reciprocal is taken before. */
  private isCheapDivision({ op, reads, makes }: Instruction): boolean {
    if (op !== "div") return false;
    const divisor = reads[1];
    return (
      divisor === undefined ||
      elements(this.specOf(divisor).shape) < elements(this.specOf(makes[0] as StorageId).shape)
    );
  }
}

const MULTIPLIES: ReadonlySet<string> = new Set(["mul", "square", "multiply"]);
