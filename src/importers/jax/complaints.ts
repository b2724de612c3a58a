/** Every complaint about a program that JAX printed, by code. `where` is the file and the line. */
import { complaintInBrief } from "../../base/complaint.js";

/** Characters of a file's own text that a part repeats. */
const MAX_PART = 400;

const complain = (code: string, where: string, rule: string, expected: string, got: string, hint: string) =>
  complaintInBrief({ code: `jax/${code}`, where, rule, expected, got, hint }, MAX_PART);

const PRINT = "print it again: print(jax.make_jaxpr(loss)(params, batch))";

export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

export const fileTooLarge = (where: string, size: number, limit: number) =>
  complain(
    "file-size",
    where,
    "a program's text must be of a plausible size",
    `at most ${limit} bytes`,
    `${size}`,
    PRINT,
  );

export const notText = (where: string) =>
  complain("text", where, "a printed program must be UTF-8 text", "text", "other bytes", PRINT);

export const unexpected = (where: string, expected: string, got: string) =>
  complain("syntax", where, "the text must be a program as JAX prints it", expected, quoted(got), PRINT);

export const tooDeep = (where: string, limit: number) =>
  complain(
    "depth",
    where,
    "programs must not nest too deep",
    `at most ${limit} levels`,
    "more",
    "is the file damaged? loops inside loops rarely need ten levels",
  );

export const tooManyOperations = (where: string, limit: number) =>
  complain(
    "operations",
    where,
    "a program must have a plausible number of operations, loops unrolled",
    `at most ${limit}`,
    "more",
    "shorten the loop (length of a scan), or print the program of one block",
  );

export const undefinedName = (where: string, name: string) =>
  complain(
    "name",
    where,
    "every name must be defined before it is read",
    "a variable bound above",
    quoted(name),
    PRINT,
  );

export const redefinedName = (where: string, name: string) =>
  complain("name", where, "every name must be bound once", "a new name", quoted(name), PRINT);

export const unknownType = (where: string, text: string) =>
  complain(
    "type",
    where,
    "a type must be one that arrays have",
    "such as f32[8,128]",
    quoted(text),
    "dims must be numbers: trace at concrete sizes, without symbolic shapes",
  );

export const tooLargeArray = (where: string, text: string) =>
  complain(
    "array-size",
    where,
    "an array must be of a countable size",
    "a count of elements below 2^53",
    quoted(text),
    "is the file damaged?",
  );

export const wrongCount = (where: string, what: string, expected: number, got: number) =>
  complain(
    "count",
    where,
    `${what} must be as many as the program inside has`,
    `${expected}`,
    `${got}`,
    PRINT,
  );

export const noLoss = (where: string, got: string) =>
  complain(
    "loss",
    where,
    "a function that is differentiated must return one number",
    "a scalar as its first result: the loss",
    got,
    "print the program of the loss, or of the whole step (which has the optimizer inside)",
  );

export const nothingToTrain = (where: string) =>
  complain(
    "parameters",
    where,
    "the first arguments of the function must be its parameters",
    "arrays of floating-point numbers before those of the batch",
    "none",
    "call it as jax.make_jaxpr(loss)(params, batch): parameters first",
  );

export const fixedBatch = (where: string, own: number, got: number) =>
  complain(
    "batch",
    where,
    "a printed program has the sizes it was traced with",
    `--batch ${own}`,
    `--batch ${got}`,
    "trace it again with a batch of that size",
  );

export const fixedSize = (where: string, flag: string, got: string) =>
  complain(
    "size",
    where,
    "a printed program has the sizes it was traced with",
    `no ${flag}`,
    got,
    "trace it again with these sizes",
  );
