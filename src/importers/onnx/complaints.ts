/** Every complaint about an ONNX file, by code. */
import { type Complaint, complaintInBrief, type InputError } from "../../base/complaint.js";

/** Characters of a part that a complaint repeats; names in a file may be longer, or on several lines. */
const MAX_TEXT = 200;
const DAMAGED = "the file is damaged or was edited; export the model again";

function complain(complaint: Complaint): InputError {
  return complaintInBrief(complaint, MAX_TEXT);
}

export function noGraph(where: string): InputError {
  return complain({
    code: "onnx/no-graph",
    where,
    rule: "the file must hold a graph with operators",
    expected: "a ModelProto with a graph, as torch.onnx.export writes it",
    got: "none",
    hint: "a file of weights beside a model is not the model: name the .onnx file",
  });
}

export function oldOpset(where: string, version: number, oldest: number): InputError {
  return complain({
    code: "onnx/opset",
    where,
    rule: "the operators must be of a version that is read",
    expected: `opset ${oldest} or newer`,
    got: `opset ${version}`,
    hint: "onnx.version_converter.convert_version(model, 17) brings it up to date",
  });
}

export function tooMany(where: string, what: string, limit: number): InputError {
  return complain({
    code: "onnx/size",
    where,
    rule: `a model must not have more ${what} than any model's`,
    expected: `at most ${limit}`,
    got: "more",
    hint: "the file is damaged or made to exhaust memory; export the model again",
  });
}

export function twice(where: string, name: string): InputError {
  return complain({
    code: "onnx/twice",
    where,
    rule: "a name must be given to one tensor only",
    expected: "names that differ",
    got: `${JSON.stringify(name)} twice`,
    hint: DAMAGED,
  });
}

export function unknownTensor(where: string, name: string): InputError {
  return complain({
    code: "onnx/tensor",
    where,
    rule: "an operator must read tensors that exist before it",
    expected: "an input, an initializer or an earlier result",
    got: JSON.stringify(name),
    hint: "operators that read each other's results in a circle, or in the wrong order, cannot run; export the model again",
  });
}

export function missingInput(where: string, index: number): InputError {
  return complain({
    code: "onnx/input",
    where,
    rule: "an operator must have the inputs it needs",
    expected: `input ${index + 1}`,
    got: "none",
    hint: DAMAGED,
  });
}

export function badDim(where: string, got: string): InputError {
  return complain({
    code: "onnx/dim",
    where,
    rule: "a dim must be a whole number of a plausible size",
    expected: "0 to 2^40",
    got,
    hint: "the file is damaged, or its numbers are stored in the other byte order; export the model again",
  });
}

export function unknownType(where: string, got: string): InputError {
  return complain({
    code: "onnx/type",
    where,
    rule: "a tensor must have a type of numbers",
    expected: "a TensorProto.DataType of numbers",
    got,
    hint: "text, sequences and maps take no part in training: cut that part of the model off",
  });
}

export function dataLength(where: string, expected: number, got: number): InputError {
  return complain({
    code: "onnx/data",
    where,
    rule: "a tensor must have as many bytes as its dims say",
    expected: `${expected} bytes`,
    got: `${got}`,
    hint: DAMAGED,
  });
}

export function shapeMismatch(where: string, expected: string, got: string): InputError {
  return complain({
    code: "onnx/shape",
    where,
    rule: "the operator must accept the shapes it is given",
    expected,
    got,
    hint: "the model may need another --batch or --shape than asked",
  });
}

export function unknownSize(where: string, what: string): InputError {
  return complain({
    code: "onnx/data-dependent",
    where,
    rule: "a size must follow from the shapes of the inputs",
    expected: `${what} that is known before the run`,
    got: "one that is computed from data, and no shape for the result in the file",
    hint: "run onnx.shape_inference, or export again with fixed sizes, so that the file states the result's shape",
  });
}

export function openDim(where: string, name: string, shape: string): InputError {
  return complain({
    code: "onnx/open-dim",
    where,
    rule: "every dim of an input must be known",
    expected: `--shape ${name}=… with a number per dim`,
    got: shape,
    hint: "the file leaves these dims open; --batch sets the first",
  });
}

export function recursion(where: string, limit: number): InputError {
  return complain({
    code: "onnx/depth",
    where,
    rule: "functions and branches must not nest without end",
    expected: `at most ${limit} inside each other`,
    got: "more",
    hint: "a function that calls itself cannot be written out; export the model again",
  });
}
