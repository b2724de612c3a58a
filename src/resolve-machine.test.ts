import { describe, expect, test } from "vitest";
import { GiB } from "./base/units.js";
import { InputError } from "./complaints.js";
import { resolveMachine } from "./resolve-machine.js";

describe("devices", () => {
  test("without a name: an A100's kernels, and memory that never fills, said as an assumption", () => {
    const { machine, assumptions } = resolveMachine(undefined);
    expect(machine).toMatchObject({
      gpu: null,
      capacity: null,
      computeCapability: [8, 0],
      multiprocessors: 108,
    });
    expect(assumptions.map(({ setting }) => setting)).toEqual(["gpu", "context"]);
  });

  test("a Hopper GPU takes 32 MiB for each cuBLAS handle", () => {
    const { machine } = resolveMachine("h100");
    expect(machine).toMatchObject({ gpu: "H100-80GB", computeCapability: [9, 0], blasWorkspace: 33_554_432 });
  });

  test("a recorded total is exact, a derived one is an assumption", () => {
    expect(resolveMachine("RTX 4090").assumptions.map(({ setting }) => setting)).toEqual(["context"]);
    expect(resolveMachine("RTX 4080").assumptions.map(({ setting }) => setting)).toEqual([
      "capacity",
      "context",
    ]);
  });

  test("another memory size keeps the device's kernels", () => {
    const { machine } = resolveMachine("RTX 3060:10");
    expect(machine.gpu).toBe("RTX-3060-12GB:10");
    expect(machine.capacity).toBeLessThan(10 * GiB);
    expect(machine.computeCapability).toEqual([8, 6]);
  });

  test("a memory size that is a known variant is that device", () => {
    expect(resolveMachine("a100:40").machine.gpu).toBe("A100-40GB");
  });

  test("a device of another vendor says whose kernels stand in", () => {
    const { machine, assumptions } = resolveMachine("MI300X");
    expect(machine.capacity).toBeGreaterThan(180 * GiB);
    expect(assumptions.map(({ setting }) => setting)).toContain("kernels");
  });

  test.for([["RTX 4900"], ["banana"], ["a100:0"], [":40"], [""]])("%j is no device", ([name]) => {
    expect(() => resolveMachine(name)).toThrow(InputError);
  });

  test("a near miss is suggested", () => {
    expect(() => resolveMachine("RTX 4900")).toThrow(/did you mean .*"RTX-4090-24GB"/);
  });
});
