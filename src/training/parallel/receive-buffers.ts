/** What a stage of a pipeline receives into: a buffer for every micro-batch and for every gradient, from the first step on. */
import type { BlockId } from "../../ir/step.js";
import type { Tape } from "../../ir/tape.js";
import { packedSize, type TensorSpec } from "../../ir/tensor.js";
import type { Ledger } from "../ledger.js";

const BECAUSE = "a receive buffer of a pipeline, one for each micro-batch";

interface ReceiveOptions {
  readonly microBatches: number;
  /** Every receive makes its buffer anew: only the gradient's stands here. */
  readonly anew: boolean;
}

/**
 * Allocates them; the input that stands for the first micro-batch is there already. Returns one of those for gradients, if there are any.
 * torch/distributed/pipelining/stage.py _prepare_forward_infra, _prepare_backward_infra
 */
export function receiveBuffers(
  tape: Tape,
  ledger: Ledger,
  { microBatches, anew }: ReceiveOptions,
): BlockId | undefined {
  const { stage, values } = tape.graph;
  if (!stage) return undefined;
  const receive = (spec: TensorSpec, label: string): BlockId => {
    const block = ledger.declare(packedSize(spec), "communication", label, BECAUSE, spec);
    ledger.allocate(block);
    ledger.hold(block);
    return block;
  };
  const inputs =
    stage.index === 0 || anew
      ? []
      : values.filter(({ name, role }) => role === "input" && name.endsWith("_received"));
  for (const { spec, name } of inputs) for (let micro = 1; micro < microBatches; micro++) receive(spec, name);
  let received: BlockId | undefined;
  if (stage.index === stage.count - 1 || !tape.root) return received;
  for (let micro = 0; micro < (anew ? 1 : microBatches); micro++)
    received = receive(tape.root.spec, "gradient of what is sent");
  return received;
}
