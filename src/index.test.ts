import { beforeAll, describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import {
  type EstimateReport,
  type ExplainReport,
  estimate,
  explain,
  type ImportedModel,
  InputError,
} from "./index.js";

let lenet: ImportedModel;
let vgg: ImportedModel;
beforeAll(async () => {
  lenet = await readFixture("test/fixtures/lenet.pt2");
  vgg = await readFixture("examples/vgg16.yaml");
});

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

describe("an estimate of LeNet at batch 64 with AdamW", () => {
  let report: EstimateReport;
  beforeAll(() => {
    report = estimate(lenet, { batch: 64 });
  });

  test("61,706 float32 parameters, as many gradients, twice as many states (exact)", () => {
    expect(report.model).toMatchObject({ parameterCount: 61_706, trainableParameterCount: 61_706 });
    expect(report.totals).toMatchObject({
      parameterBytes: 246_824,
      gradientBytes: 246_824,
      optimizerStateBytes: 493_648,
      masterParameterBytes: 0,
    });
  });

  test("inputs are 64 images of 1 x 28 x 28 and 64 int64 targets (exact)", () => {
    expect(report.totals.inputBytes).toBe(64 * 28 * 28 * 4 + 64 * 8);
  });

  test("categories at the peak add up to the allocated bytes, and slack and context to the device total", () => {
    const { atPeak, peak, overhead } = report;
    expect(sum(Object.values(atPeak))).toBe(peak.allocatedBytes);
    expect(peak.allocatedBytes + overhead.allocatorSlackBytes).toBe(peak.reservedBytes);
    expect(peak.reservedBytes + overhead.communicationBytes + overhead.contextBytes).toBe(
      peak.deviceTotalBytes,
    );
  });

  test("categories are multiples of 512 B", () => {
    for (const bytes of Object.values(report.atPeak)) expect(bytes % 512).toBe(0);
  });

  test("the highest phase is the peak", () => {
    const phases = Object.values(report.phases).map(({ peakAllocatedBytes }) => peakAllocatedBytes);
    expect(Math.max(...phases)).toBe(report.peak.allocatedBytes);
    expect(report.phases[report.peak.phase]?.peakAllocatedBytes).toBe(report.peak.allocatedBytes);
  });

  test("the interval holds the device total", () => {
    expect(report.interval.lowBytes).toBeLessThan(report.peak.deviceTotalBytes);
    expect(report.interval.highBytes).toBeGreaterThan(report.peak.deviceTotalBytes);
  });

  test("without a device there is no verdict, and the stand-in is an assumption", () => {
    expect(report.machine).toBeNull();
    expect(report.assumptions.map(({ setting }) => setting)).toContain("gpu");
  });

  test("its keys are those of the contract, in its order", () => {
    expect(Object.keys(report)).toEqual([
      "schema", "model", "setup", "totals", "peak", "phases", "atPeak", "overhead",
      "stages", "formula", "machine", "interval", "assumptions", "diagnostics",
    ]); // biome-ignore format: one line reads better
    expect(JSON.parse(JSON.stringify(report)).formula).toEqual(report.formula);
  });
});

describe("settings move the estimate as PyTorch would", () => {
  test("no optimizer keeps no states and runs no optimizer phase", () => {
    const { totals, phases, setup } = estimate(lenet, { batch: 64, optimizer: false });
    expect(totals.optimizerStateBytes).toBe(0);
    expect(phases.optimizer.peakAllocatedBytes).toBe(0);
    expect(setup.optimizer).toBeNull();
  });

  test("plain SGD keeps no states, momentum one per parameter", () => {
    expect(estimate(lenet, { optimizer: "sgd" }).totals.optimizerStateBytes).toBe(0);
    expect(estimate(lenet, { optimizer: "sgd:momentum=0.9" }).totals.optimizerStateBytes).toBe(246_824);
  });

  test("inference keeps nothing for backward and has no gradients", () => {
    const { totals, phases, atPeak, peak } = estimate(lenet, { batch: 64, mode: "inference" });
    expect(totals).toMatchObject({ gradientBytes: 0, optimizerStateBytes: 0, savedTensorBytes: 0 });
    expect(phases.backward.peakAllocatedBytes).toBe(0);
    expect(atPeak.savedTensors).toBe(0);
    expect(peak.phase).toBe("forward");
  });

  test("16 bits throughout halve parameters, gradients and states; autocast halves none of them", () => {
    const [fp32, bf16, amp] = (["fp32", "bf16", "amp-bf16"] as const).map(
      (precision) => estimate(lenet, { batch: 64, precision }).totals,
    );
    for (const total of ["parameterBytes", "gradientBytes"] as const) {
      expect(bf16?.[total]).toBe((fp32?.[total] as number) / 2);
      expect(amp?.[total]).toBe(fp32?.[total]);
    }
    expect(amp?.savedTensorBytes).toBeLessThan(fp32?.savedTensorBytes as number);
  });

  test("checkpointing a model without blocks says that it does nothing", () => {
    const { diagnostics, peak } = estimate(lenet, { batch: 64, checkpointing: "full" });
    expect(diagnostics.map(({ code }) => code)).toContain("training/no-blocks");
    expect(peak.allocatedBytes).toBe(estimate(lenet, { batch: 64 }).peak.allocatedBytes);
  });

  test("a compiler keeps less of VGG-16", () => {
    const eager = estimate(vgg, { batch: 32 }).totals.savedTensorBytes;
    expect(estimate(vgg, { batch: 32, compile: true }).totals.savedTensorBytes).toBeLessThan(0.7 * eager);
  });

  test("a frozen parameter has no gradient and no states", () => {
    const { model, totals } = estimate(vgg, { batch: 2, freeze: ["conv*"] });
    expect(model.trainableParameterCount).toBe(138_357_544 - 14_714_688);
    expect(totals.gradientBytes).toBe(4 * model.trainableParameterCount);
    expect(totals.optimizerStateBytes).toBe(8 * model.trainableParameterCount);
  });

  test("gradients that are kept cost their bytes at the forward peak", () => {
    const freed = estimate(vgg, { batch: 2, cudnn: "no-workspace" });
    const kept = estimate(vgg, { batch: 2, cudnn: "no-workspace", zeroGrad: "keep" });
    expect(kept.phases.forward.peakAllocatedBytes - freed.phases.forward.peakAllocatedBytes).toBeGreaterThan(
      0.99 * freed.totals.gradientBytes,
    );
  });

  test("the first step makes the states, so its backward runs without them", () => {
    const first = estimate(vgg, { batch: 2, step: "first" });
    const steady = estimate(vgg, { batch: 2, step: "steady" });
    expect(first.phases.backward.peakAllocatedBytes).toBeLessThan(steady.phases.backward.peakAllocatedBytes);
    expect(first.totals.optimizerStateBytes).toBe(steady.totals.optimizerStateBytes);
  });

  test("an input's whole shape sets the batch", () => {
    const input = lenet.bind({}).graph.values.find(({ role }) => role === "input")?.name ?? "";
    expect(estimate(lenet, { shape: { [input]: [32, 1, 28, 28] } }).setup.batch).toBe(32);
  });
});

describe("verdicts", () => {
  test("a network far below the load line fits", () => {
    const { machine } = estimate(lenet, { batch: 64, gpu: "a100" });
    expect(machine).toMatchObject({ gpu: "A100-80GB", verdict: "fits" });
  });

  test("a step that asks for more than the device has does not fit, and its peak is that of a device that never fills", () => {
    const { machine, peak } = estimate(vgg, { batch: 512, gpu: "RTX 3060" });
    expect(machine?.verdict).toBe("does-not-fit");
    expect(machine?.headroomBytes).toBe((machine?.capacityBytes ?? 0) - peak.deviceTotalBytes);
    expect(machine?.headroomBytes).toBeLessThan(0);
    expect(peak.deviceTotalBytes).toBeGreaterThan(estimate(vgg, { batch: 256 }).peak.deviceTotalBytes);
  });

  test("what fits as computed, but not at the upper end of the interval, is tight", () => {
    const { peak } = estimate(vgg, { batch: 32, cudnn: "no-workspace" });
    const gib = (peak.deviceTotalBytes / 2 ** 30 + 0.5).toFixed(3);
    expect(estimate(vgg, { batch: 32, cudnn: "no-workspace", gpu: `a100:${gib}` }).machine?.verdict).toBe(
      "tight",
    );
  });
});

describe("an explanation of VGG-16", () => {
  let report: ExplainReport;
  beforeAll(() => {
    report = explain(vgg, { batch: 4 });
  });

  test("layers add up to the parameters and to what backward keeps", () => {
    expect(sum(report.layers.map(({ parameterCount }) => parameterCount))).toBe(138_357_544);
    expect(sum(report.layers.map(({ savedTensorBytes }) => savedTensorBytes))).toBe(
      report.totals.savedTensorBytes,
    );
  });

  test("receipts of a layer add up to its parameters and what it keeps", () => {
    for (const { receipts, parameterBytes, savedTensorBytes } of report.layers) {
      expect(sum(receipts.map(({ bytes }) => bytes))).toBe(parameterBytes + savedTensorBytes);
    }
  });

  test("activations per image are those of the CS231n table", () => {
    const table = report.layers.filter(({ path }) => /^(conv|maxpool)/.test(path));
    expect(table.map(({ activationsPerSample }) => activationsPerSample)).toEqual([
      3_211_264, 3_211_264, 802_816, 1_605_632, 1_605_632, 401_408, 802_816, 802_816, 802_816, 200_704, 401_408,
      401_408, 401_408, 100_352, 100_352, 100_352, 100_352, 25_088,
    ]); // biome-ignore format: as the notes list them
  });

  test("a receipt can be checked by hand", () => {
    const conv1 = report.layers.find(({ path }) => path === "conv1");
    expect(conv1?.receipts[0]).toEqual({ text: "64 x (3x3) x 3 weights x 4 B", bytes: 64 * 9 * 3 * 4 });
  });

  test("blocks alive at the peak add up to the allocated bytes", () => {
    expect(sum(report.alive.map(({ bytes }) => bytes))).toBe(report.peak.allocatedBytes);
  });
});

describe("questions that have no answer", () => {
  const code = (run: () => unknown): string => {
    try {
      run();
      return "answered";
    } catch (error) {
      if (error instanceof InputError) return error.complaint.code;
      throw error;
    }
  };
  test("a batch whose bytes cannot be counted exactly", () => {
    expect(code(() => estimate(vgg, { batch: 1_000_000_000 }))).toBe("layer-spec/too-large");
  });
  test("a glob that freezes nothing", () => {
    expect(code(() => estimate(vgg, { freeze: ["encoder.*"] }))).toBe("setup/freeze");
  });
  test("a shape for an input that is not there", () => {
    expect(code(() => estimate(lenet, { shape: { pixels: [1, 1, 28, 28] } }))).toBe("setup/input");
  });
  test("a batch and a shape that disagree", () => {
    expect(code(() => estimate(vgg, { batch: 4, shape: { input: [8, 3, 224, 224] } }))).toBe("setup/batch");
  });
});
