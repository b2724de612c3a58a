import { beforeEach, expect, test } from "vitest";
import { NO_BYTES } from "../../base/units.js";
import { dense } from "../../ir/tensor.js";
import type { Held } from "./kernel.js";
import { holds, KernelRun } from "./kernel-run.js";

const spec = dense([2, 3], "float32");

/** What the kernel asks of memory, in order: `+0` makes storage 0, `-0` releases it. */
let log: string[];
let kernel: KernelRun;
beforeEach(() => {
  log = [];
  let next = 0;
  kernel = new KernelRun(
    { computeCapability: [8, 0], multiprocessors: 108, blasWorkspace: NO_BYTES, cudnn: "default" },
    {
      make: (made, size, use) => {
        log.push(`+${next} ${size}${use === "tensor" ? "" : ` ${use}`}`);
        return { spec: made, storage: next++ };
      },
      release: (storage) => log.push(`-${storage}`),
      blas: () => log.push("blas"),
      kept: (label, size) => {
        log.push(`=${label} ${size}`);
        return { spec, storage: next++ };
      },
    },
  );
});

test("tensors take their packed size, scratch what it asks for as a workspace", () => {
  kernel.empty(dense([2, 3], "bool"));
  kernel.empty(spec);
  kernel.scratch(1000);
  kernel.blas();
  expect(log).toEqual(["+0 6", "+1 24", "+2 1000 workspace", "blas"]);
});

test("what is neither returned nor freed dies when the kernel ends, last made first", () => {
  const [, , result] = [kernel.empty(spec), kernel.empty(spec), kernel.empty(spec), kernel.scratch(8)];
  log.length = 0;
  kernel.end([result as Held, null]);
  expect(log).toEqual(["-3", "-1", "-0"]);
});

test("a result seen through another spec keeps the storage it shows", () => {
  const made = kernel.empty(spec);
  log.length = 0;
  kernel.end([{ spec: dense([6], "float32"), storage: made.storage, view: true }]);
  expect(log).toEqual([]);
});

test("a tensor is freed once, and only by the kernel that made it", () => {
  const inputOfTheKernel: Held = { spec, storage: 77 };
  const made = kernel.empty(spec);
  kernel.free(inputOfTheKernel);
  kernel.free(made);
  kernel.free(made);
  kernel.end([]);
  expect(log).toEqual(["+0 24", "-0"]);
});

test("the next kernel cannot free what the last one made", () => {
  const result = kernel.empty(spec);
  kernel.end([result]);
  kernel.free(result);
  kernel.end([]);
  expect(log).toEqual(["+0 24"]);
});

test("a scope gives up all it made but its result; what was there before stays", () => {
  const before = kernel.empty(spec);
  const result = kernel.scope(() => {
    const first = kernel.empty(spec);
    kernel.empty(spec);
    kernel.free(first);
    return kernel.scope(() => {
      kernel.scratch(8);
      return kernel.empty(spec);
    });
  });
  expect(result.storage).toBe(4);
  expect(log.filter((line) => line.startsWith("-"))).toEqual(["-1", "-3", "-2"]);
  kernel.end([before, result]);
  expect(log.filter((line) => line.startsWith("-"))).toEqual(["-1", "-3", "-2"]);
});

test("gaps among results hold nothing", () => {
  expect(holds([null, undefined, { spec, storage: 3 }], 3)).toBe(true);
  expect(holds([null, undefined], 3)).toBe(false);
});

test("plans for a problem are timed in scratch of their own, once", () => {
  kernel.trial(1000, "forward of one");
  kernel.trial(1000, "forward of one");
  kernel.end([]);
  kernel.trial(2000, "forward of another");
  expect(log).toEqual(["+0 1000 trial", "-0", "+1 2000 trial", "-1"]);
});
