/** Files for engines, against the lists of options that the engines read (test/fixtures/engine-options.json). */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { Engine, WayId } from "../../report/plan/layout.js";
import { WAYS } from "../../report/plan/layout.js";
import type { Plan, PlanReport } from "../../report/plan/report.js";
import { renderPlanFile } from "./file.js";

interface Options {
  readonly deepspeed: Readonly<Record<string, readonly string[]>>;
  readonly accelerate: Readonly<Record<string, readonly string[]>>;
  readonly torchtitan: { readonly sections: Readonly<Record<string, readonly string[]>> };
  readonly megatron: { readonly flags: readonly string[] };
  readonly fsdp: Readonly<Record<string, readonly string[]>>;
}

const KNOWN = JSON.parse(readFileSync("test/fixtures/engine-options.json", "utf8")) as Options; // written by tools/collect-engine-options.py

function fileFor(engine: Engine, way: WayId, change: Partial<Plan> = {}): string {
  const { title, engines, zero, offload } = WAYS[way];
  const mesh = { dp: 2, fsdp: 4, tp: 2, pp: 2 };
  const plan = {
    way,
    title,
    engines,
    zero,
    offload,
    mesh,
    batch: 2,
    accumulate: 4,
    checkpointing: "full",
    ...change,
  };
  const cluster = { gpus: 32, nodes: 4, gpu: "H100-80GB" };
  const report = { plans: [plan], cluster, globalBatch: 64, sequence: 8192, model: { name: "llama" } };
  return renderPlanFile(report as unknown as PlanReport, engine) ?? ""; // as: what files read
}

function expectKnown(keys: readonly string[], known: readonly string[] | undefined): void {
  expect(keys.filter((key) => !known?.includes(key))).toEqual([]);
}

test("DeepSpeed's JSON has keys that DeepSpeed reads, for every stage and what lies on the host", () => {
  for (const way of ["zero1", "zero2", "zero3", "zero2-offload", "zero3-offload-all"] as const) {
    const mesh = { dp: 8, fsdp: 1, tp: 1, pp: 1 };
    const config = JSON.parse(fileFor("deepspeed", way, { mesh })) as Record<string, Record<string, object>>;
    const { deepspeed } = KNOWN;
    expectKnown(Object.keys(config), deepspeed["top"]);
    expectKnown(Object.keys(config["zero_optimization"] ?? {}), deepspeed["zero_optimization"]);
    expectKnown(
      Object.keys(config["zero_optimization"]?.["offload_param"] ?? {}),
      deepspeed["offload_param"],
    );
    expectKnown(
      Object.keys(config["zero_optimization"]?.["offload_optimizer"] ?? {}),
      deepspeed["offload_optimizer"],
    );
    expectKnown(Object.keys(config["bf16"] ?? {}), deepspeed["bf16"]);
    expect(config["train_batch_size"]).toBe(64); // 8 replicas x 2 x 4
    expect(config["zero_optimization"]?.["stage"]).toBe(WAYS[way].zero);
  }
});

test("accelerate's YAML has keys of its ClusterConfig and plugins", () => {
  for (const way of ["fsdp", "zero3"] as const) {
    const config = parse(fileFor("accelerate", way)) as Record<string, object>;
    const { cluster, ...plugins } = KNOWN.accelerate;
    expectKnown(Object.keys(config), [...(cluster ?? []), "mixed_precision"]);
    for (const name of ["fsdp_config", "parallelism_config", "deepspeed_config"])
      expectKnown(Object.keys(config[name] ?? {}), plugins[name]);
    expect(config["num_processes"]).toBe(32);
  }
});

test("torchtitan's TOML has sections and keys of its JobConfig", () => {
  const text = fileFor("torchtitan", "fsdp", { checkpointing: "selective=2" });
  let section = "";
  for (const line of text.split("\n")) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, key] = /^(\w+) = /.exec(line) ?? [];
    if (name) {
      section = name;
      expectKnown([name], Object.keys(KNOWN.torchtitan.sections));
    } else if (key) expectKnown([key], KNOWN.torchtitan.sections[section]);
  }
  expect(text).toContain("data_parallel_shard_degree = 4");
  expect(text).toContain("local_batch_size = 8"); // 4 micro-batches of 2
  expect(text).toContain('selective_ac_option = "op"');
});

test("Megatron-LM's arguments are ones it parses", () => {
  const text = fileFor("megatron", "megatron-sharded");
  const flags = text.match(/--[a-z0-9-]+/g) ?? [];
  expect(flags.length).toBeGreaterThan(10);
  expectKnown(flags, KNOWN.megatron.flags);
  expect(text).toContain("--pipeline-model-parallel-size 2");
});

test("fully_shard, its policy and the mesh are called with arguments they have", () => {
  const text = fileFor("fsdp", "fsdp-whole");
  for (const [call, after] of [
    ["fully_shard", KNOWN.fsdp["fully_shard"]],
    ["MixedPrecisionPolicy", KNOWN.fsdp["MixedPrecisionPolicy"]],
    ["init_device_mesh", KNOWN.fsdp["init_device_mesh"]],
  ] as const) {
    const calls = [...text.matchAll(new RegExp(`${call}\\((.*)\\)`, "g"))].map(([, inside = ""]) => inside);
    expect(calls.length).toBeGreaterThan(0);
    for (const inside of calls)
      expectKnown(
        [...inside.matchAll(/(\w+)=/g)].map(([, name = ""]) => name),
        after,
      );
  }
  expect(text).toContain("mesh_shape=(2, 2, 4, 2,)");
  expect(text).toContain("reshard_after_forward=False");
});
