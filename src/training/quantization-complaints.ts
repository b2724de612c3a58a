/** Every complaint about quantized weights, by code. */
import { InputError } from "../base/complaint.js";

export function wrongQuantization(where: string, part: string, expected: string): InputError {
  return new InputError({
    code: "training/quantization",
    where,
    rule: "quantized weights are described by their kind, and options with values",
    expected,
    got: JSON.stringify(part),
    hint: "write for instance nf4, or nf4,double=false,compute=bf16,prepare=false",
  });
}

export function nothingTrains(where: string): InputError {
  return new InputError({
    code: "training/quantized-frozen",
    where,
    rule: "quantized weights do not train: something beside them must",
    expected: "--lora, or --mode inference",
    got: "a training step without adapters",
    hint: "QLoRA is --quantize nf4 --lora rank=16",
  });
}

export function nothingToQuantize(model: string): InputError {
  return new InputError({
    code: "training/quantization-target",
    where: "--quantize",
    rule: "a quantized model needs linear layers besides its head",
    expected: "a model with linear layers",
    got: model,
    hint: "plimsoll explain lists every layer",
  });
}
