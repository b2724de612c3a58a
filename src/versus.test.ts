import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { renderVersus } from "./present/index.js";
import { versus } from "./versus.js";

const vgg = await readFixture("examples/vgg16.yaml");
const cnn = await readFixture("examples/grayscale-cnn.yaml");
const total = (list: readonly { readonly deltaBytes: number }[]) =>
  list.reduce((sum, { deltaBytes }) => sum + deltaBytes, 0);

describe("two setups of one model", () => {
  const report = versus(
    { model: vgg, options: { batch: 16 } },
    { model: vgg, options: { batch: 32, precision: "amp-bf16", optimizer: "sgd" } },
  );
  const difference = report.b.peak.deviceTotalBytes - report.a.peak.deviceTotalBytes;

  test("differ by category as their device totals do", () =>
    expect(total(report.differences)).toBe(difference));
  test("differ setting by setting as their device totals do", () => {
    expect(report.bySetting.map(({ setting }) => setting)).toEqual(["batch", "optimizer", "precision"]);
    expect(total(report.bySetting)).toBe(difference);
  });
  test("read side by side", () => {
    const text = renderVersus(report, { width: 100 });
    expect(text).toMatch(/optimizer states +1\.03 GiB +|precision +default -> amp-bf16/);
  });
});

test("two models differ by the model alone where the setup is the same", () => {
  const { bySetting, differences } = versus(
    { model: cnn, options: { batch: 8 } },
    { model: vgg, options: { batch: 8 } },
  );
  expect(bySetting).toHaveLength(1);
  expect(bySetting[0]).toMatchObject({ setting: "model", from: "grayscale-cnn", to: "vgg16" });
  expect(total(bySetting)).toBe(total(differences));
});

test("settings that only go together are one line", () => {
  const { bySetting } = versus(
    { model: vgg, options: { batch: 8, accumulate: 2 } },
    { model: vgg, options: { batch: 8, optimizerInBackward: true } },
  );
  expect(bySetting.map(({ setting }) => setting)).toEqual(["optimizer-in-backward + accumulate"]);
});
