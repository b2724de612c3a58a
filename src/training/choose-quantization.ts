/** The text a user writes for quantized weights: `nf4`, or `nf4,double=false,compute=fp16,prepare=false`. */
import type { DType } from "../base/dtype.js";
import { autocastType, type Precision, type Quantization, storedType } from "../ir/setup.js";
import { wrongQuantization } from "./quantization-complaints.js";

const KINDS = ["nf4", "fp4"] as const;
const COMPUTE: Readonly<Record<string, DType>> = { bf16: "bfloat16", fp16: "float16", fp32: "float32" };

/** Weights come in the step's own type; QLoRA's double quantization and peft's preparation are on. */
export function chooseQuantization(text: string, precision: Precision, where = "--quantize"): Quantization {
  const [name = "", ...parts] = text.split(",").map((word) => word.trim());
  const kind = KINDS.find((each) => each === name);
  if (!kind) throw wrongQuantization(where, name, `${KINDS.join(" | ")}; int8 is planned`);
  const compute = autocastType(precision) ?? storedType(precision);
  let chosen: Quantization = { kind, double: true, compute, prepare: true };
  for (const part of parts) {
    const [option = "", value = ""] = part.split("=").map((word) => word.trim());
    if (option === "double" || option === "prepare")
      chosen = { ...chosen, [option]: switchIn(value, where, part) };
    else if (option === "compute") chosen = { ...chosen, compute: typeIn(value, where, part) };
    else throw wrongQuantization(where, part, "double, compute or prepare");
  }
  return chosen;
}

function switchIn(value: string, where: string, part: string): boolean {
  if (value === "true" || value === "false") return value === "true";
  throw wrongQuantization(where, part, "true or false");
}

function typeIn(value: string, where: string, part: string): DType {
  const dtype = Object.hasOwn(COMPUTE, value) ? COMPUTE[value] : undefined;
  if (dtype) return dtype;
  throw wrongQuantization(where, part, Object.keys(COMPUTE).join(" | "));
}
