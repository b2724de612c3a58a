import { expect, test } from "vitest";
import { NO_BYTES } from "../../base/units.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { KernelRun } from "./kernel-run.js";
import { productKernels } from "./linear.js";

/** What a forward kernel asks of memory. */
function asked(op: "bmm" | "baddbmm", ...shapes: readonly (readonly number[])[]): string[] {
  const log: string[] = [];
  const held = (spec: TensorSpec, storage: number) => ({ spec, storage });
  const kernel = new KernelRun(
    { computeCapability: [8, 0], multiprocessors: 108, blasWorkspace: NO_BYTES, cudnn: "default" },
    {
      make: (spec, size) => {
        log.push(`+${size}`);
        return held(spec, 9);
      },
      release: (storage) => log.push(`-${storage}`),
      blas: () => log.push("blas"),
      kept: (_, size) => held(dense([size], "uint8"), 8),
    },
  );
  const operands = shapes.map((shape, i) => held(dense(shape, "float32"), i));
  const [self, second, third] = operands;
  const inputs = op === "bmm" ? { self, mat2: second } : { self, batch1: second, batch2: third };
  productKernels[op].forward?.(kernel, {
    inputs,
    outputs: [dense([2, 3, 5], "float32")],
    attributes: {},
  });
  return log;
}

test("bmm of columns with rows is no cuBLAS call: rotary angles come before the workspace", () => {
  expect(asked("bmm", [2, 3, 1], [2, 1, 5])).toEqual(["+120"]);
  expect(asked("bmm", [2, 3, 4], [2, 4, 5])).toEqual(["+120", "blas"]);
});

test("baddbmm calls cuBLAS whatever it sums over", () => {
  expect(asked("baddbmm", [2, 3, 5], [2, 3, 1], [2, 1, 5])).toEqual(["+120", "blas"]);
});
