import { type Complaint, complaintInBrief, type InputError } from "../../base/complaint.js";

/** Characters of a part that a complaint repeats; what stands in a file may be longer, or on several lines. */
const MAX_TEXT = 300;

function complain(complaint: Complaint): InputError {
  return complaintInBrief(complaint, MAX_TEXT);
}

/** Every complaint about a .pt2 file, by code. */
export function notAnExport(where: string, members: number): InputError {
  return complain({
    code: "torch-export/no-model",
    where,
    rule: "the archive must hold an exported program",
    expected: "a member models/NAME.json, as torch.export.save writes it",
    got: `${members} members without one`,
    hint: "save with torch.export.save(torch.export.export(model, inputs), path); weights alone are a .pth file",
  });
}

export function olderExport(where: string): InputError {
  return complain({
    code: "torch-export/old",
    where,
    rule: "the program must be in the format of torch 2.9 or newer",
    expected: "models/NAME.json",
    got: "serialized_exported_program.json, the layout of earlier releases",
    hint: "load it with torch.export.load and save it again with a current torch",
  });
}

export function notJson(where: string, problem: string): InputError {
  return complain({
    code: "torch-export/json",
    where,
    rule: "the program must be JSON",
    expected: "one JSON object",
    got: problem,
    hint: "the file is damaged; export the model again",
  });
}

export function jsonTooDeep(where: string, limit: number): InputError {
  return complain({
    code: "torch-export/json-depth",
    where,
    rule: "lists and objects must not nest too deep",
    expected: `at most ${limit} levels`,
    got: "more",
    hint: "the file is damaged or made to exhaust memory; export the model again",
  });
}

export function tooManyValues(where: string, limit: number): InputError {
  return complain({
    code: "torch-export/json-size",
    where,
    rule: "a program must not be larger than any model's",
    expected: `at most ${limit} values`,
    got: "more",
    hint: "the file is damaged or made to exhaust memory; export the model again",
  });
}

export function missing(where: string, what: string): InputError {
  return complain({
    code: "torch-export/missing",
    where,
    rule: `the program must state its ${what}`,
    expected: `the field ${what}`,
    got: "nothing, or something of another type",
    hint: "the file was edited or written by another tool; export the model again with torch.export.save",
  });
}

export function tooDeep(where: string, limit: number): InputError {
  return complain({
    code: "torch-export/depth",
    where,
    rule: "regions must not nest too deep",
    expected: `at most ${limit} levels`,
    got: "more",
    hint: "the file is damaged or was edited; export the model again",
  });
}

export function unknownTensor(where: string, name: string): InputError {
  return complain({
    code: "torch-export/tensor",
    where,
    rule: "an operator must read tensors that exist before it",
    expected: "an input, a parameter or an earlier result",
    got: JSON.stringify(name),
    hint: "the file is damaged or was edited; export the model again",
  });
}

export function badSize(where: string, got: string): InputError {
  return complain({
    code: "torch-export/size",
    where,
    rule: "a dim must be a whole number that is not negative",
    expected: "0 or more",
    got,
    hint: "check --batch and --shape; a size that depends on data cannot be known before the run",
  });
}

export function shapeMismatch(where: string, expected: string, got: string): InputError {
  return complain({
    code: "torch-export/shape",
    where,
    rule: "the operator must accept the shapes it is given",
    expected,
    got,
    hint: "the model may need another --batch or --shape than asked",
  });
}

export function batchOutOfRange(where: string, batch: number, low: number, high: number | null): InputError {
  return complain({
    code: "torch-export/batch",
    where,
    rule: "the batch must lie in the range the export allows",
    expected: high === null ? `${low} or more` : `${low} to ${high}`,
    got: String(batch),
    hint: "export again with another torch.export.Dim range if the model takes it",
  });
}
