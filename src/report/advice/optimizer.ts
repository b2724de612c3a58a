import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** How the optimizer runs, what it keeps, and when it steps. */
export const optimizer: AdviceRule = { id: "optimizer", propose };

function propose({ report }: AdviceContext): Proposal[] {
  const { setup } = report;
  const { optimizer: chosen } = setup;
  if (setup.mode !== "train" || !chosen) return [];
  const isAdam = chosen.name === "adam" || chosen.name === "adamw";
  const list: Proposal[] = [];
  if (isAdam && chosen.implementation === "foreach") list.push(fused(chosen.title, chosen.name));
  if (!isAdam && chosen.implementation === "foreach") list.push(oneByOne(chosen.title, chosen.name));
  if (isAdam) list.push(eightBit(false), eightBit(true), adafactor());
  const isSharded = setup.parallel !== null;
  if (
    !setup.optimizerInBackward &&
    setup.accumulate === 1 &&
    !setup.clipGrad &&
    setup.precision !== "amp-fp16" &&
    !isSharded
  )
    list.push(inBackward(chosen.title));
  return list;
}

function fused(title: string, name: string): Proposal {
  return {
    id: "fused-optimizer",
    group: "optimizer",
    title: "the fused optimizer",
    change: { optimizer: `${name}:fused=true` },
    effect: "rounding",
    price: "none: one kernel reads and writes in place, without lists of temporaries",
    code: {
      pytorch: `torch.optim.${title}(model.parameters(), fused=True)`,
      transformers: 'TrainingArguments(optim="adamw_torch_fused")',
    },
  };
}

function oneByOne(title: string, name: string): Proposal {
  return {
    id: "for-loop-optimizer",
    group: "optimizer",
    title: "the optimizer one parameter at a time",
    change: { optimizer: `${name}:foreach=false` },
    effect: "same",
    price: "more kernel launches: slower where parameters are many and small",
    code: { pytorch: `torch.optim.${title}(model.parameters(), foreach=False)` },
  };
}

function eightBit(paged: boolean): Proposal {
  const [name, title] = paged ? ["paged_adamw_8bit", "PagedAdamW8bit"] : ["adamw8bit", "AdamW8bit"];
  return {
    id: paged ? "paged-8-bit-optimizer" : "8-bit-optimizer",
    group: "optimizer",
    title: paged ? "8-bit optimizer states in pages that move to the host" : "8-bit optimizer states",
    change: { optimizer: name as string },
    effect: "recipe",
    price: paged
      ? "states are quantized; pages cross PCIe when memory is short"
      : "states are quantized by blocks of 256",
    code: {
      pytorch: `bitsandbytes.optim.${title}(model.parameters(), lr=lr)`,
      transformers: `TrainingArguments(optim="${paged ? "paged_adamw_8bit" : "adamw_bnb_8bit"}")`,
    },
  };
}

function adafactor(): Proposal {
  return {
    id: "adafactor",
    group: "optimizer",
    title: "Adafactor in place of Adam",
    change: { optimizer: "adafactor" },
    effect: "optimizer",
    price: "second moments are products of rows and columns; another learning-rate schedule",
    code: {
      pytorch: "torch.optim.Adafactor(model.parameters())",
      transformers: 'TrainingArguments(optim="adafactor")',
      keras: "keras.optimizers.Adafactor()",
    },
  };
}

function inBackward(title: string): Proposal {
  return {
    id: "optimizer-in-backward",
    group: "optimizer-in-backward",
    title: "step each parameter in backward, and free its gradient at once",
    change: { optimizerInBackward: true },
    effect: "same",
    price: "no gradient clipping, no accumulation: nobody sees all gradients together",
    code: {
      pytorch: `optimizers = {p: torch.optim.${title}([p]) for p in model.parameters()}\ndef step(p):\n    optimizers[p].step(); optimizers[p].zero_grad()\nfor p in model.parameters():\n    p.register_post_accumulate_grad_hook(step)`,
    },
  };
}
