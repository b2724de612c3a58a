/**
 * nanotron's optimizer on rank 0: gradients of 16-bit parameters are added to one float32 tensor after every backward, and the
 * optimizer steps float32 copies. With ZeRO-1 each replica steps a slice of every parameter, and all are gathered after the step.
 *
 * Source  nanotron 9055c664 (2025-01): optim/gradient_accumulator.py (FP32GradientAccumulator), optim/zero.py
 *         (ZeroDistributedOptimizer), trainer.py (_init_model: DistributedDataParallel without ZeRO alone), distributed.py
 *         (all_gather_coalesced); torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp (allgather: newLikeFlat)
 * Checked not recorded; against the table of published runs
 */
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { bytes } from "../../base/units.js";
import type { Value, ValueId } from "../../ir/graph.js";
import type { MasterWeights, Mesh, Replication } from "../../ir/setup.js";
import type { BlockId } from "../../ir/step.js";
import type { Tape } from "../../ir/tape.js";
import type { Ledger } from "../ledger.js";
import { make, trainedParameters } from "./rank-blocks.js";
import type { Gradients, RankHooks } from "./rank-hooks.js";
import { Replicated } from "./replicated.js";

interface Context {
  readonly tape: Tape;
  readonly ledger: Ledger;
  readonly masters: MasterWeights;
  readonly mesh: Mesh;
  readonly replication: Replication | null;
  readonly stored: DType;
  readonly gradients: Gradients;
}

export class NanotronMasters implements RankHooks {
  readonly separateGradients = true;
  readonly clipsItself = true;
  readonly receivesAnew = true;
  private readonly context: Context;
  private readonly trained: readonly Value[];
  /** Its buckets; with ZeRO gradients are reduced in the float32 tensor. */
  private readonly replicated: Replicated | null;

  constructor(context: Context) {
    this.context = context;
    this.trained = trainedParameters(context.tape.graph);
    const { replication, masters } = context;
    this.replicated = replication && !masters.sharded ? new Replicated({ ...context, replication }) : null;
  }

  wrapped(): void {
    const { ledger, masters } = this.context;
    this.replicated?.wrapped();
    const count = this.trained.reduce((sum, { spec }) => sum + elements(spec.shape), 0);
    make(ledger, {
      count,
      dtype: masters.gradients,
      label: "gradients, float32",
      because: "gradients of all micro-batches are added up in it",
      category: "gradients",
    });
    const owned = this.trained.reduce((sum, value) => sum + this.share(value), 0);
    const because =
      this.ranks > 1
        ? `float32 copy of 1/${this.ranks} of every parameter`
        : "float32 copies that the optimizer steps";
    make(ledger, {
      count: owned,
      dtype: "float32",
      label: "master parameters",
      because,
      category: "masterParameters",
    });
  }

  afterFirstPass(): void {
    this.replicated?.afterFirstPass();
  }

  ownedSpec(value: Value): { readonly shape: readonly number[]; readonly dtype: DType } {
    return { shape: this.ranks > 1 ? [this.share(value)] : value.spec.shape, dtype: "float32" };
  }

  accumulated(id: ValueId, computed: Gradients): void {
    this.replicated?.accumulated(id, computed);
  }

  /** All 16-bit gradients are there when backward is done. */
  afterBackward(computed: Gradients): void {
    const { ledger, gradients } = this.context;
    for (const [id, block] of computed) {
      ledger.categorize(block, "temporaries", "a gradient, until it is added to the float32 one");
      ledger.drop(block);
      gradients.set(id, this.view);
    }
    computed.clear();
  }

  /** Slices are packed, gathered in one piece for each rank and once more by NCCL, and copied to where parameters lie. */
  afterStep(): void {
    const { ledger, stored } = this.context;
    if (this.ranks === 1) return;
    const count = this.trained.reduce((sum, value) => sum + this.share(value), 0);
    const because = "updated parameters are gathered from all replicas";
    const packed = make(ledger, { count, dtype: stored, label: "slices, packed", because });
    const pieces = Array.from({ length: this.ranks }, () =>
      make(ledger, { count, dtype: stored, label: "slices of a rank", because }),
    );
    const whole = make(ledger, {
      count: count * this.ranks,
      dtype: stored,
      label: "slices of all ranks",
      because,
    });
    for (const block of [whole, ...pieces, packed]) ledger.drop(block);
  }

  /** The float32 tensor stays. */
  zeroed(): void {}

  private get ranks(): number {
    const { masters, mesh } = this.context;
    return masters.sharded ? mesh.dp : 1;
  }

  private share({ spec }: Value): number {
    return Math.ceil(elements(spec.shape) / this.ranks);
  }

  /** Stands for a part of the float32 tensor: nobody frees it. */
  private get view(): BlockId {
    const block = this.context.ledger.declare(
      bytes(0),
      "gradients",
      "view",
      "part of the float32 gradients",
      null,
    );
    this.context.ledger.hold(block);
    return block;
  }
}
