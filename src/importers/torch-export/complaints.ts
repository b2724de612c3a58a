import { InputError } from "../../base/complaint.js";

/** Every complaint about a .pt2 file, by code. */
export function notAnExport(where: string, members: number): InputError {
  return new InputError({
    code: "torch-export/no-model",
    where,
    rule: "the archive must hold an exported program",
    expected: "a member models/NAME.json, as torch.export.save writes it",
    got: `${members} members without one`,
    hint: "save with torch.export.save(torch.export.export(model, inputs), path); weights alone are a .pth file",
  });
}

export function olderExport(where: string): InputError {
  return new InputError({
    code: "torch-export/old",
    where,
    rule: "the program must be in the format of torch 2.9 or newer",
    expected: "models/NAME.json",
    got: "serialized_exported_program.json, the layout of earlier releases",
    hint: "load it with torch.export.load and save it again with a current torch",
  });
}

export function notJson(where: string, problem: string): InputError {
  return new InputError({
    code: "torch-export/json",
    where,
    rule: "the program must be JSON",
    expected: "one JSON object",
    got: problem,
    hint: "the file is damaged; export the model again",
  });
}

export function missing(where: string, what: string): InputError {
  return new InputError({
    code: "torch-export/missing",
    where,
    rule: `the program must state its ${what}`,
    expected: `the field ${what}`,
    got: "nothing, or something of another type",
    hint: "the file was edited or written by another tool; export the model again with torch.export.save",
  });
}

export function unknownTensor(where: string, name: string): InputError {
  return new InputError({
    code: "torch-export/tensor",
    where,
    rule: "an operator must read tensors that exist before it",
    expected: "an input, a parameter or an earlier result",
    got: JSON.stringify(name),
    hint: "the file is damaged or was edited; export the model again",
  });
}

export function badSize(where: string, got: string): InputError {
  return new InputError({
    code: "torch-export/size",
    where,
    rule: "a dim must be a whole number that is not negative",
    expected: "0 or more",
    got,
    hint: "check --batch and --shape; a size that depends on data cannot be known before the run",
  });
}

export function shapeMismatch(where: string, expected: string, got: string): InputError {
  return new InputError({
    code: "torch-export/shape",
    where,
    rule: "the operator must accept the shapes it is given",
    expected,
    got,
    hint: "the model may need another --batch or --shape than asked",
  });
}

export function batchOutOfRange(where: string, batch: number, low: number, high: number | null): InputError {
  return new InputError({
    code: "torch-export/batch",
    where,
    rule: "the batch must lie in the range the export allows",
    expected: high === null ? `${low} or more` : `${low} to ${high}`,
    got: String(batch),
    hint: "export again with another torch.export.Dim range if the model takes it",
  });
}
