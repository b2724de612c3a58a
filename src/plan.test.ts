import { expect, test } from "vitest";
import { estimate, type ImportedModel, InputError, plan, type PlanOptions, readModel } from "./index.js";
import { clusterOf, spaceOf, weighAll } from "./plan.js";
import { checkPlanOptions } from "./plan-options.js";
import { optionsOf, simulate } from "./plan-simulated.js";

const CONFIG = {
  model_type: "llama",
  hidden_size: 256,
  intermediate_size: 704,
  num_hidden_layers: 6,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  vocab_size: 1000,
};

function small(config: object = CONFIG): Promise<ImportedModel> {
  return readModel(new TextEncoder().encode(JSON.stringify(config)), { name: "config.json" });
}

const ASKED: PlanOptions = { gpu: "H100-80GB", gpus: 8, globalBatch: 16, sequence: 64 };

function refusal(model: ImportedModel, options: PlanOptions): string {
  try {
    plan(model, options);
    return "accepted";
  } catch (error) {
    if (error instanceof InputError) return `${error.complaint.code}: ${error.complaint.got}`;
    throw error;
  }
}

test("of 50 sampled layouts the peak is what estimate says of all stages, and the bound is above it in two", async () => {
  const model = await small();
  const question = checkPlanOptions(ASKED);
  const shared = { optimizer: "adamw:fused", allocatorConf: "expandable_segments:True", ...question.options };
  const cluster = clusterOf(question, "H100-80GB");
  const all = weighAll(spaceOf(model, { question, shared, cluster }), cluster);
  const above: string[] = [];
  const stride = Math.floor(all.length / 50);
  for (let i = 0; i < 50; i++) {
    const { layout, weighed } = all[i * stride] ?? { layout: null, weighed: null };
    if (!layout) throw new Error("fewer layouts than samples");
    const simulated = simulate(model, layout, { shared, confidence: 0.9 });
    const { peak } = estimate(model, optionsOf(layout, shared));
    const name = JSON.stringify(layout);
    expect({ name, bytes: simulated?.allocatedBytes }).toEqual({ name, bytes: peak.allocatedBytes });
    expect({ name, bytes: simulated?.reservedBytes }).toEqual({ name, bytes: peak.reservedBytes });
    if ((weighed?.boundBytes ?? 0) > peak.allocatedBytes)
      above.push(`${name} ${((weighed?.boundBytes ?? 0) / peak.allocatedBytes).toFixed(4)}`);
  }
  // not understood yet: for these two the bound is no bound
  expect(above).toEqual([
    '{"way":"megatron","mesh":{"dp":2,"fsdp":1,"tp":2,"pp":2},"batch":4,"accumulate":2,"checkpointing":"full"} 1.0047',
    '{"way":"megatron-sharded","mesh":{"dp":2,"fsdp":1,"tp":2,"pp":2},"batch":8,"accumulate":1,"checkpointing":"full"} 1.0101',
  ]);
}, 60_000);

test("plans come best first, each with its flags, peak and reasons", async () => {
  const { plans, counts } = plan(await small(), { ...ASKED, top: 3 });
  expect(plans).toHaveLength(3);
  expect(plans[0]?.relativeStepTime).toBe(1);
  const times = plans.map(({ stepSeconds }) => stepSeconds);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  for (const { mesh, batch, accumulate } of plans) expect(mesh.dp * mesh.fsdp * batch * accumulate).toBe(16);
  expect(plans[0]?.why[0]).toMatch(/% forward and backward$/);
  expect(counts.weighed).toBeGreaterThan(200);
});

test("a flag holds its axis", async () => {
  const { plans } = plan(await small(), {
    ...ASKED,
    parallel: "fsdp=4,tp=2",
    checkpointing: "full",
    batch: 2,
  });
  expect(plans.map(({ parallel, checkpointing, batch }) => [parallel, checkpointing, batch])).toEqual([
    ["fsdp=4,tp=2", "full", 2],
    ["fsdp=4,tp=2", "full", 2],
  ]);
});

test("where nothing fits, the nearest miss says by how much", async () => {
  const wide = { ...CONFIG, hidden_size: 4096, num_attention_heads: 32, intermediate_size: 11008 };
  const { plans, nearestMiss } = plan(await small(wide), { ...ASKED, gpu: "T4:1", gpus: 2, globalBatch: 2 });
  expect(plans).toEqual([]);
  expect(nearestMiss?.missingBytes).toBeGreaterThan(0);
}, 30_000);

test("wrong clusters are complained of", async () => {
  const model = await small();
  expect(refusal(model, { gpus: 8 })).toBe("plan/cluster: no --gpu");
  expect(refusal(model, { gpu: "h100" })).toBe("plan/cluster: no --gpus");
  expect(refusal(model, { gpu: "h1000", gpus: 8 })).toBe('setup/gpu: "h1000"');
  expect(refusal(model, { ...ASKED, gpus: 0 })).toBe("setup/count: 0");
  expect(refusal(model, { ...ASKED, nodes: 3 })).toBe("setup/contradiction: --nodes 3");
  expect(refusal(model, { ...ASKED, parallel: "fsdp=3" })).toMatch(/^parallel\/mesh/);
  expect(refusal(model, { ...ASKED, parallel: "fsdp=8", globalBatch: 12 })).toMatch(/^plan\/no-setup/);
  expect(refusal(model, { ...ASKED, compile: true })).toBe("plan/setting: --compile");
  expect(refusal(model, { ...ASKED, engine: "megatron", zero: 2 })).toBe("plan/engine: --zero 2");
  expect(refusal(model, { ...ASKED, interGbps: "fast" })).toBe('plan/bandwidth: "fast"');
});
