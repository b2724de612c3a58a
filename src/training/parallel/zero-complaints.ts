/** Every complaint about master weights and DeepSpeed, by code. */
import { InputError } from "../../base/complaint.js";

export function unknownStage(stage: number): InputError {
  return new InputError({
    code: "zero/stage",
    where: "--zero",
    rule: "ZeRO has stages",
    expected: "0, 1 (optimizer states are shared out), 2 (gradients, too) or 3 (parameters, too)",
    got: String(stage),
    hint: "write for instance --zero 2 --parallel dp=8",
  });
}

export function zeroNeedsReplicas(stage: number): InputError {
  return new InputError({
    code: "zero/replicas",
    where: "--zero",
    rule: "ZeRO shares the model's states out over replicas",
    expected: "several of them: --parallel dp=N or --gpus N, N above 1",
    got: `--zero ${stage} on one`,
    hint: "add --gpus 8, or write --zero 0 for DeepSpeed on one GPU",
  });
}

/** Two settings that say how the same thing is done. */
export function notWithZero(flag: string, got: string, expected: string): InputError {
  return new InputError({
    code: "zero/beside",
    where: flag,
    rule: "two settings must not say different things about the same states",
    expected,
    got,
    hint: `leave ${flag} out, or the other`,
  });
}

export function zeroNotComputed(flag: string, got: string, because: string): InputError {
  return new InputError({
    code: "zero/not-computed",
    where: flag,
    rule: `this combination is not computed: ${because}`,
    expected: "a combination that DeepSpeed has and a recorded step tells of",
    got,
    hint: "leave one of them out",
  });
}

export function wrongDeepSpeed(part: string, keys: readonly string[]): InputError {
  return new InputError({
    code: "zero/config",
    where: "--deepspeed",
    rule: "options of zero_optimization, each once, with a value, and only those that the stage reads",
    expected: keys.join(", "),
    got: JSON.stringify(part),
    hint: "write for instance --deepspeed reduce_bucket_size=2e8,overlap_comm=true",
  });
}

export function mastersNeed16Bits(flag: string, got: string): InputError {
  return new InputError({
    code: "zero/masters",
    where: flag,
    rule: "float32 masters stand beside parameters of 16 bits, and gradients are float32 or of the parameters' type",
    expected: "--precision bf16|fp16 with --master-weights megatron|nanotron; nanotron adds up in fp32",
    got,
    hint: "write for instance --precision bf16 --master-weights megatron --gradients fp32",
  });
}

export function wrongOffload(part: string): InputError {
  return new InputError({
    code: "zero/offload",
    where: "--offload",
    rule: "what lives in host memory is a list",
    expected: "activations; optimizer with --zero 1|2|3; optimizer,parameters with --zero 3",
    got: part,
    hint: "write for instance --zero 3 --offload optimizer,parameters",
  });
}
