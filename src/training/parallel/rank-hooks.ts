/** Where a way of spreading a model over GPUs hooks into one rank's step: the places at which PyTorch's hooks run. */
import type { NodeId, Value, ValueId } from "../../ir/graph.js";
import type { BlockId } from "../../ir/step.js";
import type { GradNode, StorageId } from "../../ir/tape.js";
import type { TensorSpec } from "../../ir/tensor.js";

export type Gradients = Map<ValueId, BlockId>;

export interface RankHooks {
  /** Whether what autograd computes is not what the rank keeps as gradients. */
  readonly separateGradients: boolean;
  /** Of what autograd does with a parameter's gradients, where it is not the stream that computes. */
  readonly parameterStream?: number;
  /** A parameter arrives on the device: what this rank has of it is allocated. Absent: the whole. */
  arrive?(parameter: Value): void;
  /** The model is on the device. */
  wrapped?(): void;
  /** The very first forward and backward are over, and what they returned is gone. */
  afterFirstPass?(): void;
  /** A step begins; in all but the first, what the one before left. */
  beginStep?(first: boolean): void;
  /** A pass begins. */
  enter?(): void;
  beforeForward?(node: NodeId): void;
  /** Storages that the calls ending with this node hold until their hooks have run. */
  heldByCall?(node: NodeId): ReadonlySet<StorageId> | undefined;
  afterForward?(node: NodeId): void;
  /** A gradient's kernels are about to run. `computed`: gradients of whole parameters so far. */
  beforeGradient?(node: GradNode, computed: Gradients): void;
  /** A parameter's gradient is complete. */
  accumulated?(parameter: ValueId, computed: Gradients): void;
  /** Autograd is done. */
  afterBackward?(computed: Gradients): void;
  /** Gradients are clipped in place, and norms take nothing to speak of. */
  readonly clipsItself?: true;
  /** Steps after the first are planned anew: what the first one met is known. */
  readonly learns?: true;
  /** Gradients are reduced in the last micro-batch alone. */
  readonly reducesLast?: true;
  /** The last micro-batch of a step begins, or another one. */
  micro?(last: boolean): void;
  /** A pipeline receives into a new tensor every time; absent: into one that is there from the start for each micro-batch. */
  readonly receivesAnew?: true;
  /** The optimizer steps once as soon as it is made, by calling this. Absent: its states come with the first step. */
  stepAtOnce?(step: () => void): void;
  /** The optimizer is about to step; and has stepped. */
  beforeStep?(): void;
  afterStep?(): void;
  /** The loop lets go of the gradients. Absent: they die. */
  zeroed?(): void;
  /** What the optimizer sees of a parameter. Absent: the whole. */
  ownedSpec?(parameter: Value): Pick<TensorSpec, "shape" | "dtype">;
  /** The parameters that this rank's optimizer steps, in its order. Absent: all. */
  stepped?(parameters: readonly Value[]): readonly Value[];
}
