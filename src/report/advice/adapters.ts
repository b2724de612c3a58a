import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Train low-rank adapters in place of the model, over whole or 4-bit weights. */
export const adapters: AdviceRule = { id: "adapters", propose };

function propose({ report, facts }: AdviceContext): Proposal[] {
  const { setup } = report;
  if (setup.mode !== "train" || setup.lora !== null || !facts.hasAttention || !facts.hasBlocks) return [];
  if (setup.compile || setup.precision.startsWith("fp8")) return [];
  const lora = "rank=16,targets=all-linear";
  const config = 'peft.get_peft_model(model, peft.LoraConfig(r=16, target_modules="all-linear"))';
  const list: Proposal[] = [
    {
      id: "lora",
      group: "adapters",
      title: "LoRA: adapters of rank 16 beside every linear layer",
      change: { lora },
      effect: "adapters",
      price: "the model itself does not train",
      code: {
        pytorch: `model = ${config}`,
        transformers: `model.add_adapter(LoraConfig(r=16, target_modules="all-linear"))`,
        keras: "layer.enable_lora(rank=16)",
      },
    },
  ];
  if (facts.hasLinear && setup.parallel === null)
    list.push({
      id: "qlora",
      group: "adapters",
      title: "QLoRA: adapters over weights in 4 bits",
      change: { lora, quantize: "nf4" },
      effect: "adapters",
      price: "the model itself does not train, and its weights are rounded to 16 levels",
      code: {
        pytorch: `quantization = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)\nmodel = AutoModelForCausalLM.from_pretrained(name, quantization_config=quantization)\nmodel = ${config}`,
      },
    });
  return list;
}
