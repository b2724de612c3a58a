/** Every complaint about a printed summary, by code. */
import { complaintInBrief, type InputError } from "../../base/complaint.js";

/** Characters of a file's own text that a complaint repeats. */
const MAX_TEXT = 160;

const complain = (code: string, where: string, rule: string, expected: string, got: string, hint: string) =>
  complaintInBrief({ code: `summary/${code}`, where, rule, expected, got, hint }, MAX_TEXT);

const PRINT_AGAIN = "print it again, wide enough that no column is cut off, and copy all of it";

export const fileTooLarge = (where: string, size: number, limit: number): InputError =>
  complain(
    "file-size",
    where,
    "a summary must be of a plausible size",
    `at most ${limit} bytes`,
    `${size}`,
    PRINT_AGAIN,
  );

export const tooManyRows = (where: string, limit: number): InputError =>
  complain(
    "rows",
    where,
    "a summary must have a plausible number of rows",
    `at most ${limit}`,
    "more",
    "print fewer levels: torchinfo.summary(…, depth=3)",
  );

export const noTable = (where: string, expected: string, got: string): InputError =>
  complain("table", where, "the text must hold a whole summary", expected, got, PRINT_AGAIN);

export const wrongValue = (where: string, what: string, expected: string, got: string): InputError =>
  complain("value", where, `${what} must be ${expected}`, expected, JSON.stringify(got), PRINT_AGAIN);

export const sumsApart = (where: string, stated: number, found: number): InputError =>
  complain(
    "total",
    where,
    "rows must not have more parameters than the whole",
    `at most ${stated}, as the total says`,
    `${found}`,
    "was the text put together from two summaries?",
  );

export const precisionIsUnknown = (where: string, asked: string): InputError =>
  complain(
    "precision",
    where,
    "a summary says nothing of types: float32 is computed",
    "--precision fp32",
    asked,
    "export the model instead: torch.export.save, or model.to_json() of Keras",
  );
