/** What a person hears whose choice of an attention kernel PyTorch would refuse. */
import { InputError } from "../../../base/complaint.js";
import { printSpec } from "../../../ir/tensor.js";
import type { Device } from "../device.js";
import type { Attention, Backend } from "./backend.js";

const TAKES: Readonly<Record<Backend, string>> = {
  flash:
    "16-bit operands on compute capability 8.0 or later, no mask, one head size of at most 256 for queries, keys and values",
  efficient: "queries and keys of one head size, in whole vector loads",
  cudnn:
    "16-bit operands on compute capability 8.0 or later, head sizes of whole 16-byte loads, at most 128 when it trains, dropout of whole sixteenths",
  math: "anything",
};

export function notTaken(
  backend: Backend,
  { query, key, value, mask }: Attention,
  [major, minor]: Device["computeCapability"],
): InputError {
  const operands = [query, key, value, ...(mask ? [mask] : [])].map(printSpec).join(", ");
  return new InputError({
    code: "attention/kernel",
    where: `--attention ${backend}`,
    rule: "the one kernel that is allowed must take the model's attention: PyTorch finds no other and stops",
    expected: TAKES[backend],
    got: `${operands}${mask ? ", the last a mask" : ""}, compute capability ${major}.${minor}`,
    hint: "--attention sdpa picks a kernel that takes them; bf16 and autocast make operands 16-bit",
  });
}
