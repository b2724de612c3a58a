import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import {
  compare,
  estimate,
  fit,
  type ImportedModel,
  type ImportedRecording,
  InputError,
  readRecording,
} from "./index.js";

let lenet: ImportedModel;
let trace: ImportedRecording;
let snapshot: ImportedRecording;
const recordingOf = (file: string) =>
  readRecording(new Uint8Array(readFileSync(`test/fixtures/recordings/${file}`)), { name: file });
beforeAll(async () => {
  lenet = await readFixture("test/fixtures/lenet.pt2");
  trace = await recordingOf("lenet_trace.json.gz");
  snapshot = await recordingOf("lenet_snapshot.pickle.gz");
});

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** As the fixtures were recorded: no kernel of the stand-in needs scratch for convolutions. */
const SETUP = { batch: 64, gpu: "A100-80GB", cudnn: "no-workspace" } as const;

describe("LeNet's recorded step beside its prediction (recorded)", () => {
  test("the allocated and reserved peaks agree with the trace and the snapshot within 0.1 %", () => {
    for (const recording of [trace, snapshot]) {
      const { relativeError } = compare(lenet, recording, SETUP);
      expect(Math.abs(relativeError.allocatedBytes ?? 1)).toBeLessThan(0.001);
      expect(relativeError.reservedBytes).toBe(0);
    }
  });

  test("every module that leaves something behind is found under its path, with the same bytes", () => {
    const { modules } = compare(lenet, trace, SETUP);
    const named = modules.filter(({ measuredBytes }) => measuredBytes > 0);
    expect(
      named.map(({ path, predictedBytes, measuredBytes }) => [path, predictedBytes - measuredBytes]),
    ).toEqual([
      ["net.1", 0],
      ["net.2", 0],
      ["net.4", 0],
      ["net.5", 0],
      ["net.8", 0],
      ["net.10", 0],
    ]);
  });

  test("at another batch what forward saves differs most", () => {
    const { largestDifferences, relativeError } = compare(lenet, trace, { ...SETUP, batch: 128 });
    expect(largestDifferences.map(({ name }) => name)).toContain("saved");
    expect(relativeError.groups.saved).toBeGreaterThan(0.5);
  });
});

describe("one measured number", () => {
  const at = (figures: object, more: object = {}) => compare(lenet, null, { ...SETUP, ...figures, ...more });

  test("of the device total becomes the context, which estimate, fit and explain then start from", () => {
    const reserved = estimate(lenet, SETUP).peak.reservedBytes;
    const measured = reserved + 600 * MIB;
    const profile = at({ measuredDeviceTotal: measured }).calibration?.profile;
    expect(profile).toEqual({
      schema: "plimsoll/profile@1",
      gpu: "A100-80GB",
      contextBytes: 600 * MIB,
      workspaceBytes: null,
      measuredWith: "lenet",
    });
    const again = estimate(lenet, { ...SETUP, ...(profile && { profile }) });
    expect(again.peak.deviceTotalBytes).toBe(measured);
    expect(again.assumptions.find(({ setting }) => setting === "profile")).toMatchObject({
      value: `context ${600 * MIB} B`,
    });
    const small = { gpu: "a100:2", optimizer: "sgd" } as const;
    const fewer =
      fit(lenet, { ...small, ...(profile && { profile: { ...profile, gpu: null } }) }).largestBatch ?? 0;
    expect(fewer).toBeLessThan(fit(lenet, small).largestBatch ?? 0);
  });

  test("of allocated bytes becomes scratch of the cuBLAS handles, and is predicted to 2 MiB from then on: cached blocks are handed out whole", () => {
    const { allocatedBytes } = estimate(lenet, SETUP).peak;
    const measured = allocatedBytes + 20 * MIB;
    const { calibration } = at({ measuredAllocated: measured });
    expect(calibration?.profile.contextBytes).toBeNull();
    const again = estimate(lenet, { ...SETUP, ...(calibration && { profile: calibration.profile }) });
    expect(Math.abs(again.peak.allocatedBytes - measured)).toBeLessThan(2 * MIB);
  });

  test("that neither context nor scratch explains stays unexplained", () => {
    const { calibration } = at({ measuredAllocated: 3 * GIB });
    expect(calibration?.profile.workspaceBytes).toBeNull();
    expect(calibration?.unexplainedBytes).toBeLessThan(-2 * GIB);
    const far = at({ measuredDeviceTotal: "9.1GiB" }).calibration;
    expect(far?.profile.contextBytes).toBe(1843 * MIB);
  });

  test("a profile of another device is left out, and the answer says so", () => {
    const profile = at({ measuredDeviceTotal: "1GiB" }).calibration?.profile;
    const other = { batch: 64, gpu: "T4-16GB" } as const;
    const answer = estimate(lenet, { ...other, ...(profile && { profile }) });
    expect(answer.peak).toEqual(estimate(lenet, other).peak);
    expect(answer.assumptions.find(({ setting }) => setting === "profile")?.value).toBe("not used");
  });

  test.each([
    [{}, "compare/nothing"],
    [{ measuredAllocated: "9 potatoes" }, "compare/size"],
    [{ measuredAllocated: -1 }, "compare/size"],
    [{ measuredAllocated: "2GiB", measuredReserved: "1GiB" }, "setup/contradiction"],
    [{ measuredReserved: "2GiB", profile: { schema: "plimsoll/profile@2" } }, "profile/fields"],
    [{ measuredReserved: "2GiB", profile: "{" }, "profile/fields"],
  ])("%o is refused", (figures, code) => {
    const failed = () => at(figures);
    expect(failed).toThrow(InputError);
    expect(failed).toThrow(`[${code}]`);
  });
});
