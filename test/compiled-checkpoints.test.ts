/** Compiled and checkpointed: some arguments of a block are no tensors of compiled code. */
import { expect, test } from "vitest";
import { estimate, readModel } from "../src/index.js";

const CONFIG = {
  model_type: "llama",
  hidden_size: 128,
  intermediate_size: 256,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  vocab_size: 1000,
};

test("a compiled model with checkpointed blocks keeps less than without", async () => {
  const model = await readModel(new TextEncoder().encode(JSON.stringify(CONFIG)), { name: "config.json" });
  const options = { sequence: 256, batch: 2, compile: true } as const;
  const [plain, checkpointed] = [{}, { checkpointing: "full" as const }].map((more) =>
    estimate(model, { ...options, ...more }),
  );
  expect(checkpointed?.totals.savedTensorBytes).toBeLessThan(plain?.totals.savedTensorBytes ?? 0);
  expect(checkpointed?.peak.allocatedBytes).toBeLessThan(plain?.peak.allocatedBytes ?? 0);
});
