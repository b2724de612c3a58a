import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DType } from "../base/dtype.js";
import { NO_BYTES } from "../base/units.js";
import type { GivenParameter, OptimizerAction, StepActions } from "./optimizers/plan.js";
import { reductionScratch } from "./optimizers/reduction-scratch.js";
import type { OptimizerRule } from "./optimizers/rule.js";
import { OPTIMIZERS, planOptimizer, planOptimizerSteps } from "./optimizers.js";

interface RecordedCase {
  readonly name: string;
  readonly optimizer: string;
  readonly settings: Readonly<Record<string, number | boolean | string>>;
  readonly parameters?: readonly string[];
  readonly init: readonly string[];
  readonly step1: readonly string[];
  readonly step2: readonly string[];
  readonly step3: readonly string[];
  /** parameter -> state -> [shape, dtype, device, allocation] */
  readonly states: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
interface RecordedParameter {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly requiresGrad?: boolean;
}
interface Recording {
  readonly parameters: Readonly<Record<string, RecordedParameter>>;
  readonly cases: readonly RecordedCase[];
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const recording = read("../../oracle/recorded/optimizers.json") as Recording;

/** Those of torch.optim; the others are in more-optimizers.test.ts. */
const TORCH = Object.entries(OPTIMIZERS as Record<string, OptimizerRule>).filter(([, rule]) => !rule.package);

/** Recordings that a plan with the same settings does not equal, and why. */
const KNOWN_DIFFERENCES: Readonly<Record<string, string>> = {
  "asgd-plain-single": "mu reads back as 0 from the stand-in GPU, so it averages from the first step on",
  "asgd-weight-decay-single":
    "mu reads back as 0 from the stand-in GPU, so it averages from the first step on",
  "asgd-maximize-single": "mu reads back as 0 from the stand-in GPU, so it averages from the first step on",
};
const AVERAGES_FROM_THE_START = { t0: -10 };

/** Allocations of one run of LBFGS's closure: forward and backward of the sum of (p * p).sum() over seven parameters. */
const CLOSURE_ALLOCATIONS = 40;

/** Options with text values (`adjust_lr_fn`) change no memory and are none of ours. */
function optionsOf(settings: RecordedCase["settings"]): Record<string, number | boolean> {
  const options: Record<string, number | boolean> = {};
  for (const [name, value] of Object.entries(settings)) if (typeof value !== "string") options[name] = value;
  return options;
}

function givenTo(names: readonly string[], parameters: Recording["parameters"]): GivenParameter[] {
  return names.map((name) => {
    const { shape, dtype = "float32", requiresGrad = true } = parameters[name] as RecordedParameter;
    return { shape, dtype, frozen: !requiresGrad };
  });
}

function printed(actions: readonly OptimizerAction[]): string[] {
  return actions.map((action) =>
    action.kind === "free" ? `f${action.id}` : `a${action.id}:${action.bytes}`,
  );
}

/** Takes the closure's allocations, and their releases, out of recorded steps and numbers the others anew. */
function withoutClosures(steps: readonly (readonly string[])[], planned: readonly StepActions[]): string[][] {
  const renamed = new Map<string, number>();
  return steps.map((events, i) => {
    const closures = [...(planned[i]?.closures ?? [])];
    const kept: string[] = [];
    let inClosure = 0;
    for (const event of events) {
      const [id = "", size] = event.slice(1).split(":");
      if (event.startsWith("f")) {
        if (renamed.has(id)) kept.push(`f${renamed.get(id)}`);
        continue;
      }
      if (inClosure === 0 && closures[0] === kept.length) {
        closures.shift();
        inClosure = CLOSURE_ALLOCATIONS;
      }
      if (inClosure > 0) inClosure--;
      else {
        renamed.set(id, renamed.size);
        kept.push(`a${renamed.get(id)}:${size}`);
      }
    }
    return kept;
  });
}

describe("recorded: events of the constructor and of three steps, in order", () => {
  test.for(recording.cases)(
    "$name",
    ({ name, optimizer, settings, parameters, init, step1, step2, step3, states }) => {
      const names = parameters ?? Object.keys(recording.parameters);
      const given = givenTo(names, recording.parameters);
      const options = {
        ...optionsOf(settings),
        ...(name in KNOWN_DIFFERENCES ? AVERAGES_FROM_THE_START : {}),
      };
      const plan = planOptimizerSteps({ name: optimizer.toLowerCase(), options }, given, {
        steps: [1, 2, 3],
      });
      const steps =
        optimizer === "LBFGS" ? withoutClosures([step1, step2, step3], plan.steps) : [step1, step2, step3];

      expect(printed(plan.init)).toEqual(init);
      for (const [i, { actions }] of plan.steps.entries())
        expect(printed(actions), `step ${i + 1}`).toEqual(steps[i]);
      if (optimizer === "LBFGS") return; // its states move; that they are those alive is tested below

      const planned: Record<string, unknown> = {};
      for (const action of [...plan.init, ...plan.steps.flatMap(({ actions }) => actions)]) {
        if (action.kind === "free" || action.role !== "state") continue;
        planned[`${names[action.parameter ?? -1]}.${action.name}`] = [
          action.shape,
          action.dtype,
          "cuda",
          action.id,
        ];
      }
      const recorded: Record<string, unknown> = {};
      const onHost = new Set<string>();
      for (const [parameter, row] of Object.entries(states)) {
        for (const [state, spec] of Object.entries(row)) {
          if (Array.isArray(spec) && spec[2] === "cuda") recorded[`${parameter}.${state}`] = spec;
          else if (Array.isArray(spec)) onHost.add(state);
        }
      }
      expect(planned).toEqual(recorded);
      const { states: rules } = (OPTIMIZERS as Record<string, OptimizerRule>)[
        optimizer.toLowerCase()
      ] as OptimizerRule;
      const hostStates = rules
        .filter(({ onDevice }) => onDevice === false || onDevice.length > 0)
        .map((rule) => rule.name);
      for (const state of onHost) expect(hostStates).toContain(state);
    },
  );

  test("holds every optimizer of torch.optim", () => {
    const titles = TORCH.map(([, { title }]) => title);
    expect(new Set(recording.cases.map(({ optimizer }) => optimizer))).toEqual(new Set(titles));
  });
});

interface Group {
  readonly title: string;
  readonly parameters: Recording["parameters"];
  readonly cases: readonly ({
    readonly optimizer: string;
    readonly settings: RecordedCase["settings"];
    readonly init: string;
  } & Readonly<Record<`step${number}`, string>>)[];
}

describe("recorded: other parameters", () => {
  const { groups } = read("./optimizers/fixtures/recorded.json") as { readonly groups: readonly Group[] };
  const cases = groups.flatMap(({ title, parameters, cases: rows }) =>
    rows.map((row) => ({
      title: `${title}: ${row.optimizer} ${JSON.stringify(row.settings)}`,
      parameters,
      row,
    })),
  );
  test.for(cases)("$title", ({ parameters, row }) => {
    const count = Object.keys(row).filter((key) => key.startsWith("step")).length;
    const steps = Array.from({ length: count }, (_, i) => i + 1);
    const choice = { name: row.optimizer.toLowerCase(), options: optionsOf(row.settings) };
    const plan = planOptimizerSteps(choice, givenTo(Object.keys(parameters), parameters), { steps });
    expect(printed(plan.init).join(" ")).toBe(row.init);
    for (const step of steps) {
      expect(printed(plan.steps[step - 1]?.actions ?? []).join(" "), `step ${step}`).toBe(row[`step${step}`]);
    }
  });
});

describe("known differences from the recording", () => {
  test.for(Object.entries(KNOWN_DIFFERENCES))("%s: %s", ([name]) => {
    const { settings } = recording.cases.find((row) => row.name === name) as RecordedCase;
    const parameter = { shape: [10, 10], dtype: "float32" } as const;
    const temporaries = (options: Record<string, number | boolean>): number =>
      planOptimizer({ name: "asgd", options }, [parameter]).steady.filter(({ kind }) => kind === "allocate")
        .length;
    const options = optionsOf(settings);
    expect(temporaries(options)).toBe(temporaries({ ...options, ...AVERAGES_FROM_THE_START }) - 1);
  });

  test("lbfgs: the closure's own events are left out, its places are known", () => {
    const { steps } = planOptimizerSteps(
      { name: "lbfgs", options: { max_iter: 4 } },
      [{ shape: [8], dtype: "float32" }],
      { steps: [1] },
    );
    expect(steps[0]?.closures).toHaveLength(4);
    expect(steps[0]?.closures[0]).toBe(0);
  });
});

describe("table", () => {
  const placeOf = (onDevice: OptimizerRule["states"][number]["onDevice"]): string => {
    if (onDevice === false) return "on the host";
    const words = onDevice.map((all) => all.map(({ name }) => name).join(" "));
    return words.length > 0 ? `on the host unless ${words.join(" or ")}` : "";
  };
  const stateText = ({ states }: OptimizerRule): string[] =>
    states.map(({ name, value, when, onDevice }) => {
      const condition = when
        .map((all) => all.map((word) => (word.holds ? "" : "no ") + word.name).join(" "))
        .join(" or ");
      return [name, value.extent?.says, placeOf(onDevice), condition && `if ${condition}`]
        .filter(Boolean)
        .join(", ");
    });

  test("states of each optimizer", () => {
    const rows = TORCH.map(([id, rule]) => [id, stateText(rule)] as const);
    expect(Object.fromEntries(rows)).toEqual({
      sgd: ["momentum_buffer, per element, if momentum"],
      adam: [
        "step, scalar, on the host unless capturable or fused",
        "exp_avg, per element",
        "exp_avg_sq, per element",
        "max_exp_avg_sq, per element, if amsgrad",
      ],
      adamw: [
        "step, scalar, on the host unless capturable or fused",
        "exp_avg, per element",
        "exp_avg_sq, per element",
        "max_exp_avg_sq, per element, if amsgrad",
      ],
      adagrad: ["step, scalar, on the host unless fused", "sum, per element"],
      rmsprop: [
        "step, scalar, on the host unless capturable",
        "square_avg, per element",
        "momentum_buffer, per element, if momentum",
        "grad_avg, per element, if centered",
      ],
      adadelta: [
        "step, scalar, on the host unless capturable",
        "square_avg, per element",
        "acc_delta, per element",
      ],
      adamax: ["step, scalar, on the host unless capturable", "exp_avg, per element", "exp_inf, per element"],
      nadam: [
        "step, scalar, on the host unless capturable",
        "mu_product, scalar, on the host unless capturable",
        "exp_avg, per element",
        "exp_avg_sq, per element",
      ],
      radam: [
        "step, scalar, on the host unless capturable",
        "exp_avg, per element",
        "exp_avg_sq, per element",
      ],
      asgd: ["step, scalar", "eta, scalar", "mu, scalar", "ax, per element"],
      rprop: ["step, scalar, on the host unless capturable", "prev, per element", "step_size, per element"],
      lbfgs: [],
      adafactor: [
        "step, scalar, on the host",
        "row_var, per row, if matrix",
        "col_var, per column, if matrix",
        "variance, per element, if no matrix",
      ],
      muon: ["momentum_buffer, per element"],
    });
  });

  test("bytes of states for a [1000, 500] float32 matrix", () => {
    const stateBytes = (name: string, options: Record<string, number | boolean> = {}): number => {
      const { init, first } = planOptimizer({ name, options }, [{ shape: [1000, 500], dtype: "float32" }]);
      let sum = 0;
      for (const action of [...init, ...first])
        if (action.kind === "allocate" && action.role === "state") sum += action.bytes;
      return sum;
    };
    const size = 2_000_000;
    expect(stateBytes("sgd")).toBe(0);
    expect(stateBytes("sgd", { momentum: 0.9 })).toBe(size);
    expect(stateBytes("adam")).toBe(2 * size);
    expect(stateBytes("adam", { amsgrad: true })).toBe(3 * size);
    expect(stateBytes("adamw", { fused: true })).toBe(2 * size + 4);
    expect(stateBytes("adagrad")).toBe(size);
    expect(stateBytes("rmsprop", { centered: true, momentum: 0.9 })).toBe(3 * size);
    expect(stateBytes("adafactor")).toBe(4000 + 2000);
    expect(stateBytes("muon")).toBe(size);
  });

  test("a linear layer under AdamW, printed", () => {
    const { init, first, steady } = planOptimizer({ name: "adamw", options: {} }, [
      { shape: [300, 500], dtype: "float32" },
      { shape: [300], dtype: "float32" },
    ]);
    expect(init).toEqual([]);
    expect(printed(first).join(" ")).toBe("a0:600000 a1:600000 a2:1200 a3:1200 a4:600000 a5:1200 f5 f4");
    expect(printed(steady).join(" ")).toBe("a6:600000 a7:1200 f7 f6");
    expect(first[0]).toEqual({
      kind: "allocate",
      id: 0,
      bytes: 600000,
      role: "state",
      name: "exp_avg",
      parameter: 0,
      shape: [300, 500],
      dtype: "float32",
    });
    expect(first[4]).toMatchObject({ role: "temporary", name: "exp_avg_sq_sqrt", parameter: 0 });
  });

  test("RAdam's for-loop is steady from the sixth step on, when it rectifies", () => {
    const parameter = { shape: [40, 30], dtype: "float32" } as const;
    const choice = { name: "radam", options: { foreach: false } };
    const { steps } = planOptimizerSteps(choice, [parameter], { steps: [1, 5, 6] });
    const count = (actions: readonly OptimizerAction[] = []): number =>
      actions.filter(({ kind }) => kind === "allocate").length;
    expect([count(steps[1]?.actions), count(steps[2]?.actions)]).toEqual([2, 7]);
    expect(count(planOptimizer(choice, [parameter]).steady)).toBe(7);
  });
});

describe("any parameters", () => {
  const shape = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 4 });
  const dtype = fc.constantFrom<DType>("float32", "bfloat16", "float16", "float64");
  const parameter = fc.record({ shape, dtype });
  const choices = recording.cases.map(({ optimizer, settings }) => ({
    name: optimizer.toLowerCase(),
    options: optionsOf(settings),
  }));

  test("temporaries end with their step, states stay, ids are given once", () => {
    fc.assert(
      fc.property(fc.constantFrom(...choices), fc.array(parameter, { maxLength: 5 }), (choice, any) => {
        const parameters = choice.name === "muon" ? any.filter((p) => p.shape.length === 2) : any;
        const { init, first, steady } = planOptimizer(choice, parameters);
        const live = new Map<number, OptimizerAction & { kind: "allocate" }>();
        const seen = new Set<number>();
        const sizes: number[] = [];
        for (const actions of [init, first, steady]) {
          for (const action of actions) {
            if (action.kind === "free") expect(live.delete(action.id)).toBe(true);
            else {
              expect(seen.has(action.id)).toBe(false);
              expect(action.bytes).toBeGreaterThan(0);
              seen.add(action.id);
              live.set(action.id, action);
            }
          }
          for (const { role } of live.values()) expect(role).toBe("state");
          sizes.push(live.size);
        }
        if (choice.name !== "lbfgs") expect(sizes[2]).toBe(sizes[1]);
      }),
      { numRuns: 300, seed: 2141 },
    );
  });

  test("LBFGS is steady once its history is full", () => {
    const choice = { name: "lbfgs", options: { max_iter: 3, history_size: 7 } };
    const parameters = [{ shape: [50], dtype: "float32" }] as const;
    const { steady } = planOptimizer(choice, parameters);
    const { steps } = planOptimizerSteps(choice, parameters, { steps: [1, 2, 3, 4, 5, 6] });
    const sizes = (actions: readonly OptimizerAction[]): string[] =>
      printed(actions).map((event) => event.replace(/^(a)\d+|\d+$/, "$1"));
    const fifth = sizes(steps[4]?.actions ?? []); // two iterations a step: max_eval is three
    expect(sizes(steps[5]?.actions ?? [])).toEqual(fifth);
    expect(sizes(steady).slice(-fifth.length)).toEqual(fifth);
  });
});

describe("refused", () => {
  test("Muon with a bias", () => {
    expect(() => planOptimizer({ name: "muon", options: {} }, [{ shape: [8], dtype: "float32" }])).toThrow(
      'optimizer "muon": Muon trains matrices only [training/muon-matrices]\n' +
        "  expected  parameters of two dims\n" +
        "  got       parameter 0 of shape [8]\n" +
        "  hint      freeze the others, or choose adamw",
    );
  });
});

describe("workspace of a reduction", () => {
  const A100 = {
    computeCapability: [8, 0],
    multiprocessors: 108,
    blasWorkspace: NO_BYTES,
    cudnn: "no-workspace",
  } as const;
  test("summing [16384, 4096] over its rows takes 108 MiB", () => {
    const { rounds } = reductionScratch({ outer: 1, reduced: 16384, inner: 4096, dtype: "float32" }, A100);
    expect(rounds).toEqual([[113_246_208, 128]]);
  });
  test("past 2 GiB the parts run one by one, and results of 16-bit tensors are kept wide", () => {
    const { around, rounds } = reductionScratch(
      { outer: 1, reduced: 300000, inner: 4096, dtype: "bfloat16" },
      A100,
    );
    expect(around).toBe(4096 * 4);
    expect(rounds).toHaveLength(2);
  });
  test("few values a thread need none", () => {
    expect(reductionScratch({ outer: 1, reduced: 10368, inner: 1, dtype: "float32" }, A100).rounds).toEqual(
      [],
    );
  });
});
