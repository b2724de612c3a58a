/** A prediction beside what was measured of the same run. */
import { contradiction, nothingMeasured } from "./complaints.js";
import { checkFlags } from "./check-options.js";
import type { ImportedModel } from "./importers/model.js";
import type { ImportedRecording } from "./importers/recording.js";
import { predictBlocks } from "./predict-blocks.js";
import { calibrate } from "./report/calibrate.js";
import {
  type CompareReport,
  type GivenFigures,
  largestDifferences,
  measuredFigures,
  pairModules,
  predictedFigures,
  relativeErrors,
} from "./report/compare.js";
import { reportEstimate } from "./report/explain.js";
import { spreadOf } from "./report/interval.js";
import { inputOf } from "./report-input.js";
import type { Options } from "./settings.js";
import { readSize } from "./machine-profile.js";

/** Figures that were read off somewhere, as texts with a unit or in bytes; they win over a recording's. */
export interface CompareOptions extends Options {
  /** As torch.cuda.max_memory_allocated(). */
  readonly measuredAllocated?: string | number;
  /** As torch.cuda.max_memory_reserved(). */
  readonly measuredReserved?: string | number;
  /** Of the process, as nvidia-smi shows it. */
  readonly measuredDeviceTotal?: string | number;
}

/** Scratch of convolutions is told within this confidence. */
const CONFIDENCE = 0.95;

/** `recording` may be null when a figure is given. Throws InputError when nothing was measured that is predicted, too. */
export function compare(
  model: ImportedModel,
  recording: ImportedRecording | null,
  options: CompareOptions = {},
): CompareReport {
  const { measuredAllocated, measuredReserved, measuredDeviceTotal, ...rest } = options;
  const settings = checkFlags(rest);
  const given: GivenFigures = {
    ...(measuredAllocated !== undefined && {
      allocatedBytes: size(measuredAllocated, "--measured-allocated"),
    }),
    ...(measuredReserved !== undefined && { reservedBytes: size(measuredReserved, "--measured-reserved") }),
    ...(measuredDeviceTotal !== undefined && {
      deviceTotalBytes: size(measuredDeviceTotal, "--measured-device-total"),
    }),
  };
  const measured = measuredFigures(recording, given);
  const { allocatedBytes, reservedBytes, deviceTotalBytes } = measured;
  if (allocatedBytes === null && reservedBytes === null && deviceTotalBytes === null)
    throw nothingMeasured(recording?.source ?? null);
  const [inner, outer] = [allocatedBytes ?? 0, reservedBytes ?? deviceTotalBytes ?? Number.POSITIVE_INFINITY];
  if (inner > outer || (reservedBytes ?? 0) > (deviceTotalBytes ?? Number.POSITIVE_INFINITY))
    throw contradiction(
      "what was measured",
      "allocated up to reserved up to the device total",
      [allocatedBytes, reservedBytes, deviceTotalBytes].map((each) => each ?? "?").join(", "),
    );
  const input = inputOf(model, settings);
  const estimate = reportEstimate(input);
  const blocks = predictBlocks(model, settings);
  const predicted = predictedFigures(estimate, blocks);
  const modules = pairModules(blocks.modules, recording?.modules ?? []);
  return {
    schema: "plimsoll/compare@1",
    model: estimate.model,
    setup: estimate.setup,
    recording: {
      source: recording?.source ?? null,
      format: recording?.format ?? null,
      device: recording?.device ?? null,
      steps: recording?.steps ?? null,
      hostBytes: recording?.host ?? null,
    },
    predicted,
    measured,
    relativeError: relativeErrors(predicted, measured),
    modules,
    largestDifferences: largestDifferences(predicted, measured, modules),
    calibration:
      recording !== null && !recording.isGpu && Object.keys(given).length === 0
        ? null
        : calibrate({
            predicted,
            measured,
            machine: input.machine,
            model: model.name,
            handles: blocks.handles,
            spread: spreadOf(input.graph, input.setup, CONFIDENCE),
          }),
    assumptions: estimate.assumptions,
    diagnostics: [...estimate.diagnostics, ...(recording?.diagnostics ?? [])],
  };
}

function size(value: string | number, where: string): number {
  return readSize(String(value), where);
}
