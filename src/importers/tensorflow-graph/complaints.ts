/** Every complaint about a TensorFlow graph, by code. `where` is the file and the node, as functions call each other. */
import { complaintInBrief, type InputError } from "../../base/complaint.js";

/** Characters of a file's own text that a complaint repeats. */
const MAX_TEXT = 160;

const complain = (code: string, where: string, rule: string, expected: string, got: string, hint: string) =>
  complaintInBrief({ code: `tensorflow-graph/${code}`, where, rule, expected, got, hint }, MAX_TEXT);

const DAMAGED =
  "is the file damaged or cut short? compare its size with the original, or save the model again";
const SAVE_KERAS = 'for a Keras model, model.save("model.keras") says more than a graph does';

export const fileTooLarge = (where: string, size: number, limit: number): InputError =>
  complain(
    "file-size",
    where,
    "a graph must be of a plausible size",
    `at most ${limit} bytes`,
    `${size}`,
    "tfjs keeps weights in files beside model.json; they are not needed",
  );

export const notJson = (where: string, problem: string): InputError =>
  complain("json", where, "a graph model must be JSON", "one JSON object", problem, DAMAGED);

export const noGraph = (where: string, expected: string, got: string): InputError =>
  complain("graph", where, "the file must hold a graph of TensorFlow operations", expected, got, DAMAGED);

export const noSignature = (where: string, got: string): InputError =>
  complain(
    "signature",
    where,
    "the model must say what it is called with",
    "a signature with inputs and outputs, such as serving_default",
    got,
    "save it with one: model.export(FOLDER), or tf.saved_model.save(model, FOLDER, signatures=…)",
  );

export const duplicateNode = (where: string, name: string): InputError =>
  complain(
    "name",
    where,
    "nodes of a graph must have distinct names",
    "a name once",
    `${JSON.stringify(name)} twice`,
    DAMAGED,
  );

export const unknownTensor = (where: string, ref: string): InputError =>
  complain(
    "input",
    where,
    "a node's input must be a result of the graph",
    "the name of a node or an argument",
    JSON.stringify(ref),
    DAMAGED,
  );

export const cyclic = (where: string): InputError =>
  complain(
    "cycle",
    where,
    "nodes must not feed themselves",
    "a graph without cycles outside of loops",
    "a cycle through this node",
    "loops of TensorFlow 1 count one turn; a cycle of other operations cannot run",
  );

export const tooDeep = (where: string, limit: number): InputError =>
  complain(
    "depth",
    where,
    "functions must not call each other without end",
    `at most ${limit} calls inside each other`,
    "more",
    "a function that calls itself cannot be written out; save the model again",
  );

export const tooManyNodes = (where: string, limit: number): InputError =>
  complain(
    "nodes",
    where,
    "a model must run a plausible number of operations",
    `at most ${limit}`,
    "more",
    "functions that call each other multiply; is the file made to exhaust memory?",
  );

export const wrongValue = (where: string, what: string, expected: string, got: unknown): InputError =>
  complain(
    "value",
    where,
    `${what} must be ${expected}`,
    expected,
    String(JSON.stringify(got) ?? got),
    DAMAGED,
  );

export const unknownSize = (where: string, what: string): InputError =>
  complain(
    "data-dependent",
    where,
    "a size must follow from the shapes of the inputs",
    `${what} that is known before the run`,
    "one that is computed from data, or of a variable without a shape",
    "save the model with fixed sizes: an input_signature of tf.TensorSpec with every size but the batch",
  );

export const unknownOperation = (where: string, op: string): InputError =>
  complain(
    "operation",
    where,
    "an operation that is not known must state its results' shapes",
    "_output_shapes beside it, or an input to take the shape of",
    JSON.stringify(op),
    SAVE_KERAS,
  );

export const openShape = (where: string, name: string, shape: string): InputError =>
  complain(
    "open-shape",
    where,
    "every size of an input must be known",
    `--shape ${name}=BATCHx…, or --image for images`,
    shape,
    "the file leaves more than the batch open",
  );

export const notComputed = (where: string, what: string, hint: string): InputError =>
  complain("not-computed", where, `${what} must be one that is computed`, "another", what, hint);

export const precisionIsFixed = (where: string, asked: string): InputError =>
  complain(
    "precision",
    where,
    "a graph computes in the types it was saved with",
    "--precision fp32, which leaves them as they are",
    asked,
    `the casts of a policy are operations of the graph: ${SAVE_KERAS}, and takes --precision`,
  );

export const shapeMismatch = (where: string, op: string, expected: string, got: string): InputError =>
  complain(
    "shape",
    where,
    `${op} must accept the shapes it is given`,
    expected,
    got,
    "check --batch, --image and --shape against the model's input",
  );

export const tooLarge = (where: string, shape: readonly number[], limit: number): InputError =>
  complain(
    "too-large",
    where,
    "a tensor must be of a plausible size",
    `at most ${limit} elements`,
    `[${shape}]`,
    DAMAGED,
  );
