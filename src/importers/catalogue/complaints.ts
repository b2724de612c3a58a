/** Every complaint about names and files of the catalogue, by code. */
import { InputError } from "../../base/complaint.js";

const LIST = "plimsoll models PATTERN lists those whose name contains PATTERN";

export function unknownModel(name: string, near: readonly string[]): InputError {
  const quoted = near.slice(0, 3).map((each) => JSON.stringify(each));
  return new InputError({
    code: "catalogue/model",
    where: name,
    rule: "the model must be a file, or a name of the catalogue",
    expected: "a name from `plimsoll models`, such as torchvision/resnet50",
    got: JSON.stringify(name),
    hint: quoted.length > 0 ? `did you mean ${quoted.join(" or ")}?` : LIST,
  });
}

export function noCatalogue(name: string): InputError {
  return new InputError({
    code: "catalogue/files",
    where: name,
    rule: "a model of the catalogue must come with a way to read its files",
    expected: "readModel(name, { catalogue: { read(path) } })",
    got: "no catalogue",
    hint: "the README shows `read` for Node and for browsers",
  });
}

export function missingFile(where: string, problem: string): InputError {
  return new InputError({
    code: "catalogue/missing",
    where,
    rule: "the catalogue must hold the files it lists",
    expected: "a file that can be read",
    got: problem,
    hint: "the installation is incomplete: install plimsoll again",
  });
}

export function damaged(where: string, field: string): InputError {
  return new InputError({
    code: "catalogue/damaged",
    where,
    rule: "a file of the catalogue must be as it was recorded",
    expected: `a valid entry ${field}`,
    got: "nothing, or something of another kind",
    hint: "the file was changed or cut short: install plimsoll again",
  });
}

export function tooLarge(where: string, limit: number): InputError {
  return new InputError({
    code: "catalogue/size",
    where,
    rule: "a file of the catalogue must be small",
    expected: `at most ${limit} bytes, inflated`,
    got: "more",
    hint: "the file was changed: install plimsoll again",
  });
}

export function imageIsFixed(name: string, expected: string, got: string): InputError {
  return new InputError({
    code: "catalogue/image",
    where: name,
    rule: "the image must have the size the model was recorded at",
    expected,
    got,
    hint: "this model's layers depend on it; export the model at the other size, or ask for a sibling from `plimsoll models`",
  });
}
