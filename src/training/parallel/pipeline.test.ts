/** Stages of a pipeline against each other and against the whole model. */
import { describe, expect, test } from "vitest";
import { estimate, type EstimateReport, type Options, readModel } from "../../index.js";

const CONFIG = {
  model_type: "llama",
  hidden_size: 256,
  intermediate_size: 512,
  num_hidden_layers: 8,
  num_attention_heads: 8,
  vocab_size: 1000,
};

async function answer(options: Options): Promise<EstimateReport> {
  const model = await readModel(new TextEncoder().encode(JSON.stringify(CONFIG)), { name: "config.json" });
  return estimate(model, { sequence: 128, batch: 2, precision: "bf16", ...options });
}

/** Bytes of a block's and of the embedding's and the head's parameters, in bf16. */
const BLOCK = 2 * (4 * 256 * 256 + 3 * 256 * 512 + 2 * 256);
const TABLE = 2 * 1000 * 256;

describe("a pipeline of four stages with eight micro-batches", () => {
  const options: Options = { parallel: "pp=4", accumulate: 8 };
  test("the first stage has the embedding and two blocks, and takes most", async () => {
    const { totals, stages, model } = await answer(options);
    expect(totals.parameterBytes).toBe(2 * BLOCK + TABLE);
    expect(stages).toHaveLength(4);
    const reserved = stages.map(({ reservedBytes }) => reservedBytes);
    expect(reserved.indexOf(Math.max(...reserved))).toBe(0);
    expect(model.parameterCount).toBe((await answer({})).model.parameterCount);
  });
  test("a stage holds one micro-batch less than the one before it, so what stages between take falls evenly", async () => {
    const { stages } = await answer(options);
    const [, one = 0, two = 0] = stages.map(({ allocatedBytes }) => allocatedBytes);
    expect(one - two).toBeGreaterThan(0);
  });
  test("more micro-batches add receive buffers alone: one for what comes, one for its gradient", async () => {
    const sent = 2 * 128 * 256 * 2;
    const { stages: few } = await answer(options);
    const { stages: many } = await answer({ ...options, accumulate: 64 });
    expect((many[1]?.allocatedBytes ?? 0) - (few[1]?.allocatedBytes ?? 0)).toBe((64 - 8) * 2 * sent);
  });
  test("gpipe holds all micro-batches", async () => {
    const few = await answer({ parallel: "pp=4", pipeline: "gpipe", accumulate: 4 });
    const many = await answer({ parallel: "pp=4", pipeline: "gpipe", accumulate: 8 });
    expect(few.stages[1]?.allocatedBytes).toBeLessThan(many.stages[1]?.allocatedBytes ?? 0);
    const [held = 0, more = 0] = [few, many].map(({ stages }) => stages[2]?.allocatedBytes ?? 0);
    const { stages } = await answer({ parallel: "pp=4", accumulate: 8 });
    expect(stages[2]?.allocatedBytes).toBeLessThan(held);
    expect(more - held).toBeGreaterThan(0);
  });
});

test("one stage of one micro-batch is a step that receives and sends nothing", async () => {
  const alone = await answer({});
  const piped = await answer({ parallel: "pp=1" });
  expect(piped.peak).toEqual(alone.peak);
  expect(piped.stages).toEqual([]);
});

test("ten blocks on four stages: the outer ones have two, the others three", async () => {
  const model = await readModel(
    new TextEncoder().encode(JSON.stringify({ ...CONFIG, num_hidden_layers: 10 })),
    {
      name: "config.json",
    },
  );
  const { totals } = estimate(model, {
    sequence: 128,
    batch: 2,
    precision: "bf16",
    parallel: "pp=4",
    accumulate: 8,
  });
  expect([2 * BLOCK + TABLE, 3 * BLOCK]).toContain(totals.parameterBytes);
});

test("two stages share the blocks out evenly", async () => {
  const { totals } = await answer({ parallel: "pp=2,dp=2" });
  expect([4 * BLOCK + TABLE, 4 * BLOCK + TABLE + 2 * 256]).toContain(totals.parameterBytes); // the last has the norm too
});

/** oracle/record_pipeline.py, torch 2.14.1, A100-80GB: the third step's peak, and the most reserved. */
describe("a recorded stage of four", () => {
  const config = {
    model_type: "llama",
    hidden_size: 1024,
    intermediate_size: 2816,
    num_hidden_layers: 8,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    vocab_size: 32000,
  };
  test.for([
    ["1f1b", 0, 8, 869_966_848, 989_855_744],
    ["1f1b", 1, 8, 534_797_312, 585_105_408],
    ["1f1b", 2, 8, 439_096_320, 478_150_656],
    ["1f1b", 0, 4, 765_975_552, 970_981_376],
    ["gpipe", 1, 8, 959_292_416, 1_015_021_568],
  ] as const)("%s, stage %i, %i micro-batches", async ([pipeline, stage, accumulate, peak, reserved]) => {
    const model = await readModel(new TextEncoder().encode(JSON.stringify(config)), { name: "config.json" });
    const { stages } = estimate(model, {
      sequence: 512,
      batch: 2,
      precision: "bf16",
      parallel: "pp=4",
      pipeline,
      accumulate,
      gpu: "A100-80GB",
    });
    expect(Math.abs((stages[stage]?.allocatedBytes ?? 0) / peak - 1)).toBeLessThan(0.005);
    expect(stages[stage]?.reservedBytes).toBe(reserved);
  });
});

describe("replicas of a pipeline", () => {
  test("have the buckets of their gradients once: those of the first pass are given up", async () => {
    const { atPeak, totals } = await answer({ parallel: "dp=2,pp=2", accumulate: 4 });
    const received = 4 * 2 * 128 * 256 * 2; // gradients of what is sent, a buffer for each micro-batch
    expect(atPeak.communication).toBeLessThan(totals.parameterBytes + received + 64 * 1024);
  });
  test("may have stages of other lengths, in the order that is given", async () => {
    const { totals } = await answer({ parallel: "pp=2", stageBlocks: "6,2" });
    expect(totals.parameterBytes).toBe(6 * BLOCK + TABLE);
  });
  test.for(["4,4,4", "5,2", "8,-1", "4;4"])(
    "%s is no layout of eight blocks over two stages",
    async (stageBlocks) => {
      await expect(answer({ parallel: "pp=2", stageBlocks })).rejects.toThrow("[parallel/stage-blocks]");
    },
  );
});
