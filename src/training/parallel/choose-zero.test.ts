import { describe, expect, test } from "vitest";
import { InputError } from "../../base/complaint.js";
import type { Mesh } from "../../ir/setup.js";
import { checkOffload, chooseMasters, chooseZero, type MasterOptions } from "./choose-zero.js";

const mesh = (axes: Partial<Mesh> = { dp: 8 }): Mesh => ({ dp: 1, fsdp: 1, tp: 1, pp: 1, ...axes });

function refusal(options: MasterOptions, axes?: Partial<Mesh>): string {
  try {
    checkOffload(options);
    chooseMasters(options, mesh(axes));
    chooseZero(options, mesh(axes));
    return "accepted";
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { code, where, got } = error.complaint;
    return `${code} | ${where} | ${got}`;
  }
}

describe("stages and defaults are DeepSpeed's", () => {
  test("a reduce bucket of 5e8 elements, overlapped from stage 3 on", () => {
    expect(chooseZero({ zero: 2, precision: "bf16" }, mesh())).toMatchObject({
      stage: 2,
      gradients: "bfloat16",
      reduceBucket: 500_000_000,
      overlapComm: false,
    });
    expect(chooseZero({ zero: 3, precision: "bf16" }, mesh())).toMatchObject({
      overlapComm: true,
      prefetchBucket: 50_000_000,
      persistenceThreshold: 100_000,
      maxLive: 1_000_000_000,
      maxReuseDistance: 1_000_000_000,
    });
  });
  test("its own keys change them", () => {
    const deepspeed = "reduce_bucket_size=2e8, overlap_comm=true";
    expect(chooseZero({ zero: 1, deepspeed }, mesh())).toMatchObject({
      reduceBucket: 200_000_000,
      overlapComm: true,
    });
  });
  test("masters add up in float32 unless told otherwise", () => {
    const options: MasterOptions = { precision: "bf16", masterWeights: "megatron" };
    expect(chooseMasters(options, mesh())).toEqual({ by: "megatron", gradients: "float32", sharded: false });
  });
});

describe("contradictory settings are refused", () => {
  // biome-ignore format: one line per complaint
  const cases: readonly (readonly [MasterOptions, Partial<Mesh> | undefined, string])[] = [
    [{ zero: 4 }, undefined, "zero/stage | --zero | 4"],
    [{ zero: 2 }, {}, "zero/replicas | --zero | --zero 2 on one"],
    [{ zero: 3 }, { fsdp: 8 }, "zero/beside | --zero | --parallel fsdp=8"],
    [{ zero: 1 }, { dp: 2, pp: 2 }, "zero/not-computed | --zero | pp=2"],
    [{ zero: 3 }, { dp: 2, tp: 2 }, "zero/not-computed | --zero 3 | tp=2"],
    [{ zero: 2, precision: "amp-bf16" }, undefined, "zero/not-computed | --zero | --precision amp-bf16"],
    [{ zero: 1, shardedOptimizer: true }, undefined, "zero/beside | --zero | --sharded-optimizer"],
    [{ zero: 1, zeroGrad: "keep" }, undefined, "zero/beside | --zero | --zero-grad keep"],
    [{ zero: 1, precision: "bf16", masterWeights: "megatron" }, undefined, "zero/beside | --zero | --master-weights megatron"],
    [{ zero: 3, precision: "bf16", gradients: "fp32" }, undefined, "zero/not-computed | --gradients | fp32 with --zero 3 and --precision bf16"],
    [{ zero: 2, deepspeed: "reduce_bucket=2e8" }, undefined, 'zero/config | --deepspeed | "reduce_bucket=2e8"'],
    [{ zero: 2, deepspeed: "reduce_bucket_size=big" }, undefined, 'zero/config | --deepspeed | "reduce_bucket_size=big"'],
    [{ zero: 2, deepspeed: "stage3_prefetch_bucket_size=1" }, undefined, 'zero/config | --deepspeed | "stage3_prefetch_bucket_size with --zero 2"'],
    [{ deepspeed: "overlap_comm=true" }, undefined, "zero/beside | --deepspeed | no --zero"],
    [{ zero: 2, offload: "optimizer,parameters" }, undefined, "zero/offload | --offload | optimizer,parameters with --zero 2"],
    [{ offload: "optimizer" }, undefined, "zero/offload | --offload | optimizer"],
    [{ offload: "everything" }, undefined, "zero/offload | --offload | everything"],
    [{ gradients: "fp32", precision: "bf16" }, undefined, "zero/masters | --gradients | no --master-weights"],
    [{ masterWeights: "megatron" }, undefined, "zero/masters | --master-weights | --precision fp32"],
    [{ masterWeights: "nanotron", precision: "bf16", gradients: "bf16" }, undefined, "zero/masters | --gradients | bf16 with --precision bf16 and nanotron"],
    [{ masterWeights: "megatron", precision: "bf16" }, { fsdp: 4 }, "zero/beside | --master-weights | --parallel fsdp=4"],
  ];
  test.for(cases)("%j on %j", ([options, axes, expected]) => expect(refusal(options, axes)).toBe(expected));
});
