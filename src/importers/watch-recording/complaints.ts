/** What can be wrong with a recording of `plimsoll watch`. */
import { InputError } from "../../base/complaint.js";

export function badLine(where: string, line: number, got: string): InputError {
  return new InputError({
    code: "watch/line",
    where: `${where}:${line}`,
    rule: "a recording must have one sample per line",
    expected: "a JSON object with whole numbers of bytes, as plimsoll watch writes them",
    got,
    hint: "the file was edited or damaged; watch the run again",
  });
}

export function otherVersion(where: string, got: string): InputError {
  return new InputError({
    code: "watch/version",
    where,
    rule: "the recording must be of a version this release reads",
    expected: "plimsoll/watch@1",
    got,
    hint: "it was written by another release: read it with that one, or watch the run again",
  });
}

export function noSamples(where: string): InputError {
  return new InputError({
    code: "watch/empty",
    where,
    rule: "a recording must hold a sample",
    expected: "the first line, then at least one sample",
    got: "none",
    hint: "the command ended before the first sample; lower --interval",
  });
}
