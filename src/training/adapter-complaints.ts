/** Every complaint about adapters, by code. */
import { InputError } from "../base/complaint.js";

export function wrongAdapters(where: string, part: string, expected: string): InputError {
  return new InputError({
    code: "training/adapters",
    where,
    rule: "adapters are described by options with values",
    expected,
    got: JSON.stringify(part),
    hint: "write for instance rank=16,targets=q_proj+v_proj or rank=8,targets=all-linear,dropout=0.05",
  });
}

const SHOWN = 12;

export function noTarget(name: string, known: readonly string[]): InputError {
  return new InputError({
    code: "training/adapter-target",
    where: "--lora targets",
    rule: "a target must be the name of linear layers in the model",
    expected: known.length > 0 ? known.slice(0, SHOWN).join(", ") : "a model with linear layers",
    got: JSON.stringify(name),
    hint: "plimsoll explain lists every layer's path: a target is its last part, or the whole path",
  });
}

export function doraOfPacked(where: string): InputError {
  return new InputError({
    code: "training/dora",
    where,
    rule: "magnitudes (DoRA) are computed for weights in floating point",
    expected: "--lora …,dora=true without --quantize, on linear layers",
    got: where === "--quantize" ? "quantized weights" : "a layer whose weight is stored transposed",
    hint: "leave out dora=true: the magnitudes themselves are one number per output",
  });
}
