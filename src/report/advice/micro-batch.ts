import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Smaller micro-batches, added up to the same global batch: the largest that fits, and the smallest. */
export const microBatch: AdviceRule = { id: "micro-batch", propose };

function propose(context: AdviceContext): Proposal[] {
  const { setup } = context.report;
  if (setup.mode !== "train" || setup.batch === 1 || setup.optimizerInBackward) return [];
  const halves: number[] = [];
  for (let parts = 2; setup.batch % parts === 0; parts *= 2) halves.push(parts);
  if (halves.length === 0) halves.push(setup.batch);
  const changeOf = (parts: number) => ({ batch: setup.batch / parts, accumulate: setup.accumulate * parts });
  const fitting = halves.find((parts) => context.whatIf(changeOf(parts))?.fits);
  const chosen = new Set([fitting ?? (halves.at(-1) as number)]);
  return [...chosen].map((parts) => proposalOf(context, changeOf(parts)));
}

function proposalOf({ facts }: AdviceContext, change: { batch: number; accumulate: number }): Proposal {
  const { batch, accumulate } = change;
  return {
    id: "micro-batch",
    group: "batch",
    title: `micro-batches of ${batch}, ${accumulate} of them per optimizer step`,
    change,
    effect: facts.hasBatchNorm ? "rounding" : "same",
    price: facts.hasBatchNorm
      ? `batch norm sees ${batch} samples at a time: its statistics change`
      : "the same gradient; small micro-batches use the GPU less well than the roofline says",
    code: {
      pytorch: `for i, (x, y) in enumerate(loader):            # loader: batch_size=${batch}\n    (loss_fn(model(x), y) / ${accumulate}).backward()\n    if (i + 1) % ${accumulate} == 0:\n        optimizer.step(); optimizer.zero_grad()`,
      transformers: `TrainingArguments(per_device_train_batch_size=${batch}, gradient_accumulation_steps=${accumulate})`,
      accelerate: `Accelerator(gradient_accumulation_steps=${accumulate})   # with accelerator.accumulate(model):`,
      deepspeed: `{"train_micro_batch_size_per_gpu": ${batch}, "gradient_accumulation_steps": ${accumulate}}`,
      keras: `model.compile(optimizer=keras.optimizers.AdamW(gradient_accumulation_steps=${accumulate}))`,
    },
  };
}
