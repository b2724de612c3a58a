/** Every complaint about several GPUs, by code. */
import { InputError } from "../../base/complaint.js";

export function unknownAxis(part: string, axes: readonly string[]): InputError {
  return new InputError({
    code: "parallel/axis",
    where: "--parallel",
    rule: "a mesh is a list of axes, each once, with a number of ranks",
    expected: axes.map((axis) => `${axis}=N`).join(", "),
    got: JSON.stringify(part),
    hint: "write for instance fsdp=8 or dp=2,fsdp=8 or fsdp=16,tp=4",
  });
}

export function meshDiffers(mesh: string, product: number, gpus: number): InputError {
  return new InputError({
    code: "parallel/mesh",
    where: "--gpus",
    rule: "the ranks of all axes multiplied are the number of GPUs",
    expected: `${product} for ${mesh}`,
    got: String(gpus),
    hint: "leave --gpus out: the mesh says how many there are",
  });
}

export function layersDoNotDivide(layers: number, stages: number): InputError {
  return new InputError({
    code: "parallel/stages",
    where: "--parallel pp",
    rule: "every stage of a pipeline has as many blocks, or the first and the last one less",
    expected: layers === 0 ? "a model made of blocks" : `a divisor of ${layers} blocks, or of ${layers + 2}`,
    got: String(stages),
    hint: "choose another number of stages, or leave pp out",
  });
}

/** `layout`: null when it is no list of numbers. */
export function wrongLayout(layout: readonly number[] | null, blocks: number, stages: number): InputError {
  return new InputError({
    code: "parallel/stage-blocks",
    where: "--stage-blocks",
    rule: "every stage of a pipeline has some of the blocks, in order",
    expected:
      blocks === 0
        ? "whole numbers from 1 on with commas between them"
        : `${stages} numbers whose sum is ${blocks}`,
    got: layout === null ? "something else" : layout.join(","),
    hint: "write for instance --parallel pp=2 --stage-blocks 18,14, or leave it out to divide evenly",
  });
}

export function wrongPolicy(part: string): InputError {
  return new InputError({
    code: "parallel/fsdp",
    where: "--fsdp",
    rule: "sharding is described by options with values",
    expected:
      "params=fp32|bf16|fp16, reduce=fp32|bf16|fp16, reshard=true|false|auto|but-last, version=1|2, strategy=full-shard|shard-grad-op|no-shard, each once",
    got: JSON.stringify(part),
    hint: "write for instance params=bf16,reduce=fp32: MixedPrecisionPolicy of fully_shard",
  });
}

/** `first`: of FullyShardedDataParallel's policy, which has no such option; else of fully_shard's. */
export function policyOfOther(option: string, first: boolean): InputError {
  return new InputError({
    code: "parallel/fsdp-version",
    where: "--fsdp",
    rule: first ? "version=1 reshards as its strategy says" : "only version=1 has strategies",
    expected: first
      ? "strategy=full-shard|shard-grad-op|no-shard"
      : "version=1 beside it, or reshard=true|false",
    got: option,
    hint: "version=1 is FullyShardedDataParallel, version=2 fully_shard",
  });
}

export function flatMesh(got: string): InputError {
  return new InputError({
    code: "parallel/fsdp-flat",
    where: "--parallel",
    rule: "FullyShardedDataParallel is computed with all of the model on every rank",
    expected: "a mesh of dp and fsdp",
    got,
    hint: "leave it out, or use --fsdp version=2: fully_shard",
  });
}

export function notTogether(flag: string, axis: string, because: string): InputError {
  return new InputError({
    code: "parallel/together",
    where: flag,
    rule: `this setting is not computed on such a mesh: ${because}`,
    expected: `a mesh without ${axis}`,
    got: axis,
    hint: `leave ${flag} out, or ask about one GPU`,
  });
}

export function notOneType(path: string, dtypes: readonly string[]): InputError {
  return new InputError({
    code: "parallel/flat-types",
    where: path === "" ? "the model outside its blocks" : path,
    rule: "parameters of a flat one have one type",
    expected: "one type in every block, and one outside them",
    got: dtypes.join(", "),
    hint: "train adapters over a float32 model, or use --fsdp version=2: fully_shard",
  });
}

export function batchNormsApart(): InputError {
  return new InputError({
    code: "parallel/flat-batch-norm",
    where: "--fsdp params",
    rule: "under mixed precision FullyShardedDataParallel makes units of their own of batch norms, which is not computed",
    expected: "no params with version=1 for a model with batch norms",
    got: "a model with batch norms",
    hint: "leave params out, or use --fsdp version=2: fully_shard",
  });
}

export function axisMissing(flag: string, axis: string): InputError {
  return new InputError({
    code: "parallel/idle",
    where: flag,
    rule: "a setting of an axis needs that axis in the mesh",
    expected: axis === "dp" ? "--parallel dp=N without fsdp" : `--parallel with ${axis}=N, N above 1`,
    got: "a mesh without it",
    hint: `add ${axis}=N to --parallel, or leave ${flag} out`,
  });
}
