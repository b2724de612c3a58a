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
    rule: "every stage of a pipeline has as many blocks",
    expected: layers === 0 ? "a model made of blocks" : `a divisor of ${layers} blocks`,
    got: String(stages),
    hint: "choose another number of stages, or leave pp out",
  });
}

export function wrongPolicy(part: string): InputError {
  return new InputError({
    code: "parallel/fsdp",
    where: "--fsdp",
    rule: "sharding is described by options with values",
    expected: "params=fp32|bf16|fp16, reduce=fp32|bf16|fp16, reshard=true|false|auto|but-last",
    got: JSON.stringify(part),
    hint: "write for instance params=bf16,reduce=fp32: MixedPrecisionPolicy of fully_shard",
  });
}
