/** Steps in float8 that PyTorch refuses to run. */
import { InputError } from "../../base/complaint.js";
import { printSpec, type TensorSpec } from "../../ir/tensor.js";

export function float8Unavailable(least: number, capability: string): InputError {
  return new InputError({
    code: "float8/device",
    where: "--precision fp8",
    rule: "the GPU must multiply float8 matrices",
    expected: `compute capability ${least} or later`,
    got: capability,
    hint: "name a GPU, such as --gpu h100; without one kernels are those of an A100",
  });
}

export function rowsNotAligned(input: TensorSpec, rows: number, alignment: number): InputError {
  return new InputError({
    code: "float8/rows",
    where: "--precision fp8",
    rule: `rows that a converted linear layer takes must be a multiple of ${alignment}: they are summed over for its weight`,
    expected: `batch times positions a multiple of ${alignment}`,
    got: `${rows} rows, ${printSpec(input)}`,
    hint: "choose another --batch or --sequence",
  });
}
