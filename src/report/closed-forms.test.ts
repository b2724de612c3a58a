/** Published closed forms against the engine, where their assumptions hold: equal to the byte, but for what they leave out. */
import { describe, expect, test } from "vitest";
import { byHand, countByHand } from "../by-hand.js";
import { estimate, explain, type Options, readModel } from "../index.js";

const WIDTH = 256;
const HEADS = 4;
const [TOKENS, BATCH] = [128, 2];

/** BERT has the blocks of the paper: GELU, LayerNorm, dropout everywhere. */
const bert = (layers: number) =>
  read({
    model_type: "bert",
    hidden_size: WIDTH,
    num_attention_heads: HEADS,
    intermediate_size: 4 * WIDTH,
    num_hidden_layers: layers,
    vocab_size: 100,
  });

async function read(config: object) {
  return readModel(new TextEncoder().encode(JSON.stringify(config)), { name: "config.json" });
}

/** What one block more keeps for backward. */
async function savedByBlock(options: Options): Promise<number> {
  const settings: Options = { sequence: TOKENS, batch: BATCH, precision: "bf16", ...options };
  const [three, two] = [await bert(3), await bert(2)].map((model) => estimate(model, settings));
  return (three?.totals.savedTensorBytes ?? 0) - (two?.totals.savedTensorBytes ?? 0);
}

/** What the rule that starts with `name` says of one block. */
async function ruleOfBlock(name: string): Promise<number> {
  const model = await bert(1);
  const options: Options = { sequence: TOKENS, batch: BATCH };
  const { rules } = byHand(countByHand(model, options, explain(model, options)));
  return rules.find((rule) => rule.name.startsWith(name))?.bytes ?? 0;
}

describe("activations of a transformer block in 16 bits (Korthikanti et al. 2022)", () => {
  const tokens = TOKENS * BATCH;
  /** Mean and reciprocal deviation of two norms in float32: "a small amount", which the paper leaves out. */
  const statistics = 2 * 2 * 4 * tokens;
  test("34sbh + 5as²b where attention keeps its scores", async () => {
    const rule = await ruleOfBlock("34sbh + 5as²b");
    expect(rule).toBe(34 * tokens * WIDTH + 5 * HEADS * TOKENS ** 2 * BATCH);
    expect(await savedByBlock({ attention: "eager" })).toBe(rule + statistics);
  });
  test("34sbh where flash attention keeps one sum per row and the state of its dropout instead", async () => {
    const sums = 4 * HEADS * tokens;
    expect(await savedByBlock({})).toBe((await ruleOfBlock("34sbh for")) + statistics + sums + 24);
  });
  test("2sbh where the block is computed again", async () => {
    expect(await savedByBlock({ checkpointing: "full" })).toBe(await ruleOfBlock("2sbh"));
  });
});

describe("16 bytes per parameter (Rajbhandari et al. 2020)", () => {
  const statesOf = async (options: Options) => {
    const { totals, model } = estimate(await bert(2), { sequence: TOKENS, ...options });
    const { parameterBytes, gradientBytes, optimizerStateBytes } = totals;
    return (parameterBytes + gradientBytes + optimizerStateBytes) / model.trainableParameterCount;
  };
  test("parameters, gradients and Adam's two states, and its step count", async () => {
    expect(await statesOf({ optimizer: "adamw" })).toBeCloseTo(16, 2);
  });
  test("divided by the ranks that share them out", async () => {
    expect(await statesOf({ optimizer: "adamw", parallel: "fsdp=4" })).toBeCloseTo(16 / 4, 1);
  });
});

describe("2 + 2 + 12 bytes per parameter, shared out by stages of ZeRO (Rajbhandari et al. 2020, section 5)", () => {
  const RANKS = 4;
  const perParameter = async (options: Options) => {
    const { totals, model } = estimate(await bert(2), {
      sequence: TOKENS,
      precision: "bf16",
      optimizer: "adamw",
      parallel: `dp=${RANKS}`,
      ...options,
    });
    const count = model.trainableParameterCount;
    return {
      parameters: totals.parameterBytes / count,
      gradients: totals.gradientBytes / count,
      masters: totals.masterParameterBytes / count,
      states: totals.optimizerStateBytes / count,
    };
  };
  const close = (value: number, expected: number) => expect(value).toBeCloseTo(expected, 2);

  test("without: 16 on every rank, of which 4 are the master's and 8 the states'", async () => {
    const { parameters, gradients, masters, states } = await perParameter({ zero: 0 });
    for (const [value, expected] of [
      [parameters, 2],
      [gradients, 2],
      [masters, 4],
      [states, 8],
    ] as const)
      close(value, expected);
  });
  test("stage 1: 4 + 12 / N, as Megatron-LM's distributed optimizer with gradients of 16 bits", async () => {
    const megatron = { masterWeights: "megatron", shardedOptimizer: true, gradients: "bf16" } as const;
    const { parameters, gradients, masters, states } = await perParameter(megatron);
    close(parameters + gradients, 4);
    close(masters + states, 12 / RANKS);
  });
  test("stage 1 with gradients in float32: 6 + 12 / N, as nanotron adds them up", async () => {
    const { parameters, gradients, masters, states } = await perParameter({
      masterWeights: "nanotron",
      shardedOptimizer: true,
    });
    close(parameters + gradients, 6);
    close(masters + states, 12 / RANKS);
  });
  test("stage 2: 2 + 14 / N, but that the last parameter of a part keeps a whole gradient", async () => {
    const { parameters, gradients, masters, states } = await perParameter({ zero: 2 });
    close(parameters, 2);
    close(masters + states, 12 / RANKS);
    expect(gradients).toBeGreaterThanOrEqual(2 / RANKS);
    expect(gradients).toBeLessThan(2 / RANKS + 0.4);
  });
  test("stage 3: 16 / N, when no parameter is small enough to stay whole", async () => {
    const options = { zero: 3, deepspeed: "stage3_param_persistence_threshold=1" } as const;
    const { parameters, gradients, masters, states } = await perParameter(options);
    close(parameters + gradients + masters + states, 16 / RANKS);
  });
});
