/** Optimizers of other packages against their own code on real PyTorch, allocation by allocation. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { DType } from "../base/dtype.js";
import { chooseOptimizer } from "./choose-optimizer.js";
import type { OptimizerAction } from "./optimizers/plan.js";
import { OPTIMIZERS, planOptimizer, planOptimizerSteps } from "./optimizers.js";
import type { OptimizerRule } from "./optimizers/rule.js";

interface RecordedCase {
  readonly name: string;
  readonly init: readonly string[];
  readonly step1: readonly string[];
  readonly step2: readonly string[];
  readonly step3: readonly string[];
}
const recording: {
  readonly parameters: Readonly<Record<string, { shape: readonly number[]; requiresGrad?: boolean }>>;
  readonly cases: readonly RecordedCase[];
} = JSON.parse(readFileSync(new URL("../../oracle/recorded/more-optimizers.json", import.meta.url), "utf8"));

/** Shampoo keeps the gradient of a 0-dim parameter; its release is none of the plan's. */
const GRADIENT_FREED = "f-1";

/** What a user writes for each recorded case. */
const CHOICES: Readonly<Record<string, string>> = {
  lion: "lion",
  "lion-weight-decay": "lion:weight_decay=0.01",
  "schedulefree-adamw": "schedule-free-adamw",
  "schedulefree-adamw-single": "schedule_free_adamw:foreach=false",
  "schedulefree-adamw-weight-decay": "schedule-free-adamw:weight_decay=0.01",
  "schedulefree-sgd": "schedule-free-sgd",
  "schedulefree-sgd-single": "schedule-free-sgd:foreach=false",
  "hf-adafactor": "hf-adafactor",
  "hf-adafactor-fixed-lr": "hf-adafactor:scale_parameter=false,relative_step=false",
  "hf-adafactor-beta1": "hf-adafactor:beta1=0.9",
  "hf-adafactor-weight-decay": "hf-adafactor:weight_decay=0.01",
  "galore-adamw-rank-8": "galore-adamw:rank=8",
  "galore-adamw-rank-64": "galore_adamw:rank=64",
  sophia: "sophia",
  "sophia-maximize": "sophia:maximize",
  lamb: "lamb",
  "lamb-single": "lamb:foreach=false",
  "lamb-weight-decay": "lamb:weight_decay=0.01",
  "lamb-weight-decay-single": "lamb:weight_decay=0.01,foreach=false",
  "lamb-no-pre-norm": "lamb",
  "lamb-no-pre-norm-single": "lamb:foreach=false",
  lars: "lars",
  "lars-single": "lars:foreach=false",
  "lars-nesterov": "lars:nesterov",
  "lars-nesterov-single": "lars:nesterov,foreach=false",
  "lars-no-momentum": "lars:momentum=0",
  "lars-no-momentum-single": "lars:momentum=0,foreach=false",
  ademamix: "ademamix",
  "ademamix-single": "ademamix:foreach=false",
  "ademamix-weight-decay": "ademamix:weight_decay=0.01",
  "ademamix-weight-decay-single": "ademamix:weight_decay=0.01,foreach=false",
  adan: "adan",
  "adan-single": "adan:foreach=false",
  shampoo: "shampoo:preconditioning_compute_steps=1000",
  "shampoo-momentum": "shampoo:preconditioning_compute_steps=1000,momentum=0.9",
  "shampoo-every-step": "shampoo",
  "lamb-bfloat16": "lamb",
  "lars-bfloat16": "lars",
  "ademamix-bfloat16": "ademamix",
  "hf-adafactor-bfloat16": "hf-adafactor",
  "lion-bfloat16": "lion",
  "bitsandbytes-adamw8bit-bfloat16": "adamw8bit",
  "bitsandbytes-lion-bfloat16": "lion32bit",
  soap: "soap",
  "torchao-adam8bit": "torchao-adam8bit",
  "torchao-adamw8bit": "torchao-adamw8bit",
  "torchao-adamw4bit": "torchao-adamw4bit",
  "torchao-adamwfp8": "torchao-adamwfp8",
  "torchao-adamw8bit-bfloat16": "torchao-adamw8bit",
  "bitsandbytes-adam8bit": "adam8bit",
  "bitsandbytes-adamw8bit": "adamw_8bit",
  "bitsandbytes-lion8bit": "lion8bit",
  "bitsandbytes-sgd8bit": "sgd8bit",
  "bitsandbytes-rmsprop8bit": "rmsprop8bit",
  "bitsandbytes-adagrad8bit": "adagrad8bit",
  "bitsandbytes-ademamix8bit": "ademamix8bit",
  "bitsandbytes-lamb8bit": "lamb8bit",
  "bitsandbytes-pagedadamw8bit": "paged_adamw_8bit",
  "bitsandbytes-pagedadamw32bit": "paged_adamw",
  "bitsandbytes-pagedlion8bit": "paged-lion8bit",
  "bitsandbytes-pagedlion": "paged-lion",
  "bitsandbytes-adamw": "adamw32bit",
  "bitsandbytes-lion": "lion32bit",
};

const given = Object.values(recording.parameters).map(({ shape, requiresGrad = true }) => ({
  shape,
  frozen: !requiresGrad,
}));

const printed = (actions: readonly OptimizerAction[]): string =>
  actions
    .map((action) => (action.kind === "free" ? `f${action.id}` : `a${action.id}:${action.bytes}`))
    .join(" ");

/** Bytes of what is allocated and not freed, in order. */
function bytesLeft(events: readonly string[]): number[] {
  const freed = new Set(events.filter((event) => event.startsWith("f")).map((event) => event.slice(1)));
  return events.flatMap((event) => {
    const [, id = "", bytes] = /^a(\d+):(\d+)$/.exec(event) ?? [];
    return bytes === undefined || freed.has(id) ? [] : [Number(bytes)];
  });
}

/** Events with allocations counted from the first. */
function fromZero(events: readonly string[]): string {
  const first = Number(/\d+/.exec(events[0] ?? "")?.[0] ?? 0);
  return events
    .map((event) => event.replace(/^([af])(\d+)/, (_, kind, id) => `${kind}${Number(id) - first}`))
    .join(" ");
}

describe("recorded: three steps, in order", () => {
  for (const { name, init, step1, step2, step3 } of recording.cases) {
    test(name, () => {
      const choice = chooseOptimizer(CHOICES[name] ?? name);
      const dtype: DType = name.endsWith("bfloat16") ? "bfloat16" : "float32";
      const plan = planOptimizerSteps(
        choice,
        given.map((one) => ({ ...one, dtype })),
        { steps: [1, 2, 3] },
      );
      expect(printed(plan.init)).toBe(init.join(" "));
      if (name.startsWith("torchao")) {
        // its first step compiles and tries kernels: only what stays of that is compared
        const states = (plan.steps[0]?.actions ?? []).flatMap((one) =>
          one.kind === "allocate" && one.role === "state" ? [one.bytes] : [],
        );
        expect(bytesLeft(step1)).toEqual(states);
        for (const [i, step] of [step2, step3].entries())
          expect(fromZero(printed(plan.steps[i + 1]?.actions ?? []).split(" "))).toBe(fromZero(step));
        return;
      }
      for (const [i, step] of [step1, step2, step3].entries())
        expect(printed(plan.steps[i]?.actions ?? []), `step ${i + 1}`).toBe(
          step.filter((event) => event !== GRADIENT_FREED).join(" "),
        );
    });
  }
});

const MORE = Object.entries(OPTIMIZERS as Record<string, OptimizerRule>).filter(([, rule]) => rule.package);

test("every optimizer of another package is recorded", () => {
  const recorded = new Set(Object.values(CHOICES).map((text) => chooseOptimizer(text).name));
  expect(MORE.map(([id]) => id).filter((id) => !recorded.has(id))).toEqual([]);
});

describe("a steady step can be repeated", () => {
  test.for(Object.keys(OPTIMIZERS))("%s", (name) => {
    const parameters = name === "muon" ? given.filter(({ shape }) => shape.length === 2) : given;
    const all = parameters.map((one) => ({ ...one, dtype: "float32" as const }));
    const { init, first, steady, carried } = planOptimizer({ name, options: {} }, all);
    const alive = new Set<number>();
    const run = (actions: readonly OptimizerAction[]): number => {
      for (const action of actions) {
        if (action.kind === "free") expect(alive.delete(action.id)).toBe(true);
        else alive.add(action.id);
      }
      return alive.size;
    };
    run(init);
    run(first);
    const after = run(steady);
    for (let repeats = 0; repeats < 2; repeats++) {
      for (const { made, before } of carried) {
        expect(alive.delete(made)).toBe(true);
        alive.add(before);
      }
      expect(run(steady)).toBe(after);
    }
  });
});

test("bytes of states for a [1000, 500] float32 matrix", () => {
  const stateBytes = (text: string): number => {
    const { first } = planOptimizer(chooseOptimizer(text), [{ shape: [1000, 500], dtype: "float32" }]);
    let sum = 0;
    for (const action of first)
      if (action.kind === "allocate" && action.role === "state") sum += action.bytes;
    return sum;
  };
  const size = 2_000_000;
  const maxima = Math.ceil(500_000 / 256) * 4;
  expect(stateBytes("lion")).toBe(size);
  expect(stateBytes("ademamix")).toBe(3 * size);
  expect(stateBytes("adamw8bit")).toBe(2 * (500_000 + maxima) + 2 * 1024);
  expect(stateBytes("lion8bit")).toBe(500_000 + maxima + 1024);
  expect(stateBytes("paged-adamw")).toBe(0); // managed memory
  expect(stateBytes("galore-adamw:rank=100")).toBe(2 * 1000 * 100 * 4 + 500 * 500 * 4); // the whole basis, not 100 of it
  expect(stateBytes("soap")).toBe(2 * size + 2 * (1000 * 1000 + 500 * 500) * 4);
  expect(stateBytes("hf-adafactor")).toBe(4000 + 2000 + 4);
});
