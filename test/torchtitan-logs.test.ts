/** Steps of torchtitan's logs on 8 H100s, from its pull requests 822 and 996: `memory:` is reserved memory, to 0.01 GiB. */
import { expect, test } from "vitest";
import { estimate, type Options, readModel } from "../src/index.js";

const LLAMA3_8B = {
  model_type: "torchtitan_llama",
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  norm_type: "rmsnorm",
};
const FSDP = "params=bf16,reduce=fp32,reshard=";

const reservedGiB = async (options: Options): Promise<string> => {
  const bytes = new TextEncoder().encode(JSON.stringify(LLAMA3_8B));
  const model = await readModel(bytes, { name: "config.json" });
  const { peak } = estimate(model, {
    batch: 1,
    sequence: 8192,
    gpu: "H100-80GB:95",
    parallel: "fsdp=8",
    fsdp: `${FSDP}but-last`,
    checkpointing: "selective=2",
    optimizer: "adamw:fused",
    clipGrad: true,
    zeroGrad: "at-start",
    allocatorConf: "expandable_segments:True",
    ...options,
  });
  return (peak.reservedBytes / 2 ** 30).toFixed(2);
};

test("Llama 3 8B with op checkpointing reserves what the log says", async () => {
  expect(await reservedGiB({})).toBe("49.58");
});

test("and in its first step, before there are states", async () => {
  expect(await reservedGiB({ step: "first" })).toBe("42.08");
});

test("never resharded it reserves what the log says", async () => {
  expect(await reservedGiB({ fsdp: `${FSDP}false` })).toBe("62.18");
});

test("a compiled model of a configuration that checkpoints its blocks has an answer", async () => {
  const config = '{"model_type":"llama","hidden_size":256,"num_hidden_layers":2,"vocab_size":1000}';
  const model = await readModel(new TextEncoder().encode(config), { name: "config.json" });
  const { totals } = estimate(model, { batch: 1, sequence: 64, compile: true, checkpointing: "full" });
  expect(totals.savedTensorBytes).toBeGreaterThan(0);
});
