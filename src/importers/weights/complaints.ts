/** Every complaint about a file of weights, by code. */
import { type Complaint, complaintInBrief, type InputError } from "../../base/complaint.js";

const MAX_TEXT = 200;
const DAMAGED = "the file is damaged or cut short; compare its size with the original";

function complain(complaint: Complaint): InputError {
  return complaintInBrief(complaint, MAX_TEXT);
}

export function badHeader(where: string, expected: string, got: string): InputError {
  return complain({
    code: "weights/header",
    where,
    rule: "the file must begin with a header that lists its tensors",
    expected,
    got,
    hint: DAMAGED,
  });
}

export function badTensor(where: string, expected: string, got: string): InputError {
  return complain({
    code: "weights/tensor",
    where,
    rule: "a tensor must have dims and a type that fit its bytes",
    expected,
    got,
    hint: "the file is damaged, or its numbers are stored in the other byte order",
  });
}

export function noTensors(where: string, got: string): InputError {
  return complain({
    code: "weights/none",
    where,
    rule: "the file must hold weights",
    expected: "a state dict, a module, or a TorchScript archive",
    got,
    hint: "save with torch.save(model.state_dict(), path)",
  });
}

export function twice(where: string, name: string): InputError {
  return complain({
    code: "weights/twice",
    where,
    rule: "a name must be given to one tensor only",
    expected: "names that differ",
    got: `${JSON.stringify(name)} twice`,
    hint: DAMAGED,
  });
}

export function tooMany(where: string, what: string, limit: number): InputError {
  return complain({
    code: "weights/size",
    where,
    rule: `a file must not have more ${what} than any model's`,
    expected: `at most ${limit}`,
    got: "more",
    hint: "the file is damaged or made to exhaust memory",
  });
}
