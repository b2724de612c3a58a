import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Autocast over a float32 model, and a model stored in 16 bits. */
export const precision: AdviceRule = { id: "precision", propose };

/** Compute capability from which on tensor cores multiply, and from which on bfloat16 is one of their types. */
const VOLTA = 7;
const AMPERE = 8;

function propose({ report, facts }: AdviceContext): Proposal[] {
  const { setup } = report;
  if (setup.precision !== "fp32" || setup.quantize !== null) return [];
  const bf16 = facts.computeCapability >= AMPERE;
  const list: Proposal[] = [];
  if (facts.computeCapability >= VOLTA && !(setup.optimizerInBackward && !bf16)) list.push(autocast(bf16));
  if (bf16)
    list.push({
      id: "bf16",
      group: "precision",
      title: "the whole model in bfloat16",
      change: { precision: "bf16" },
      effect: "recipe",
      price:
        "parameters and optimizer states have 8 bits of mantissa; small updates are lost unless rounding is stochastic",
      code: {
        pytorch: "model = model.to(torch.bfloat16)",
        transformers: "AutoModel.from_pretrained(name, dtype=torch.bfloat16)",
        deepspeed: '{"bf16": {"enabled": true}}   # keeps float32 master parameters, which this does not',
        keras: 'keras.config.set_dtype_policy("bfloat16")',
      },
    });
  return list;
}

function autocast(bf16: boolean): Proposal {
  const type = bf16 ? "bfloat16" : "float16";
  return {
    id: bf16 ? "amp-bf16" : "amp-fp16",
    group: "precision",
    title: `autocast to ${type}${bf16 ? "" : " with a GradScaler"}`,
    change: { precision: bf16 ? "amp-bf16" : "amp-fp16" },
    effect: "rounding",
    price: "products round to 16 bits; parameters, gradients and states stay float32",
    code: {
      pytorch: bf16
        ? 'with torch.autocast("cuda", torch.bfloat16):\n    loss = loss_fn(model(x), y)'
        : 'scaler = torch.amp.GradScaler("cuda")\nwith torch.autocast("cuda", torch.float16):\n    loss = loss_fn(model(x), y)\nscaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()',
      transformers: `TrainingArguments(${bf16 ? "bf16" : "fp16"}=True)`,
      accelerate: `Accelerator(mixed_precision="${bf16 ? "bf16" : "fp16"}")`,
      keras: `keras.mixed_precision.set_global_policy("mixed_${type}")`,
    },
  };
}
