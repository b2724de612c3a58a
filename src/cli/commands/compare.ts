/** `plimsoll compare`: a prediction beside what was measured. */
import { writeFile } from "node:fs/promises";
import type { CompareOptions, CompareReport } from "../../index.js";
import { compare } from "../../compare.js";
import { readRecording } from "../../read-model.js";
import { compareList, renderCompare, renderCompareMarkdown } from "../../present/compare-text.js";
import { renderJson } from "../../present/json.js";
import { renderListCsv } from "../../present/csv.js";
import { cannotSave, nothingToSave } from "../complaints.js";
import { EXIT } from "../exit-codes.js";
import { type ModelFlags, resolveFlags, withFile, withModel } from "../model-command.js";
import { print, startProgress, terminalWidth, wantsColor } from "../terminal.js";

export interface CompareFlags extends ModelFlags {
  readonly measuredAllocated?: string;
  readonly measuredReserved?: string;
  readonly measuredDeviceTotal?: string;
  readonly saveProfile?: string;
}

export async function runCompare(
  path: string,
  recordingPath: string | undefined,
  flags: CompareFlags,
): Promise<number> {
  const { measuredAllocated, measuredReserved, measuredDeviceTotal, saveProfile } = flags;
  const options: CompareOptions = {
    ...(await resolveFlags(flags)),
    ...(measuredAllocated !== undefined && { measuredAllocated }),
    ...(measuredReserved !== undefined && { measuredReserved }),
    ...(measuredDeviceTotal !== undefined && { measuredDeviceTotal }),
  };
  const recording = recordingPath === undefined ? null : await readFrom(recordingPath);
  const report = await withModel(path, (model) => compare(model, recording, options));
  if (saveProfile !== undefined) await save(report, saveProfile);
  await print(render(report, flags));
  return EXIT.done;
}

async function readFrom(path: string) {
  const progress = startProgress(`reading ${path}`);
  try {
    return await withFile(path, (source) => readRecording(source));
  } finally {
    progress.stop();
  }
}

async function save({ calibration }: CompareReport, path: string): Promise<void> {
  const profile = calibration?.profile;
  if (!profile || (profile.contextBytes === null && profile.workspaceBytes === null))
    throw nothingToSave(path, calibration?.notes.join("; ") || "no figure of a GPU");
  try {
    await writeFile(path, renderJson(profile));
  } catch (error) {
    throw cannotSave("--save-profile", path, (error as NodeJS.ErrnoException).code ?? String(error)); // as: of fs
  }
}

function render(report: CompareReport, flags: CompareFlags): string {
  if (flags.json) return renderJson(report);
  if (flags.csv) return renderListCsv(compareList(report));
  if (flags.markdown) return renderCompareMarkdown(report);
  return renderCompare(report, {
    width: terminalWidth(),
    color: wantsColor(flags),
    quiet: flags.quiet === true,
  });
}
