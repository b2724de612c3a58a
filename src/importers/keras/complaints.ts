/** Every complaint about a Keras file, by code. `where` is the file and the path inside its configuration. */
import { InputError } from "../../base/complaint.js";
import { didYouMean } from "../../base/did-you-mean.js";

/** Characters of a file's own text that a complaint repeats. */
const MAX_TEXT = 60;

export function quoted(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

const complain = (code: string, where: string, rule: string, expected: string, got: string, hint: string) =>
  new InputError({ code: `keras/${code}`, where, rule, expected, got, hint });

const SAVE_AGAIN = 'save it again: open("model.json", "w").write(model.to_json())';

export const fileTooLarge = (where: string, size: number, limit: number) =>
  complain(
    "file-size",
    where,
    "a model's description must be of a plausible size",
    `at most ${limit} bytes`,
    `${size}`,
    SAVE_AGAIN,
  );

export const notJson = (where: string, problem: string) =>
  complain("json", where, "a model's description must be JSON", "one JSON object", problem, SAVE_AGAIN);

export const tooDeep = (where: string, limit: number) =>
  complain(
    "depth",
    where,
    "a description must not nest too deep",
    `at most ${limit} levels`,
    "more",
    "is the file damaged? models inside models rarely need more than ten levels",
  );

export const tooManyValues = (where: string, limit: number) =>
  complain(
    "values",
    where,
    "a description must hold a plausible number of values",
    `at most ${limit}`,
    "more",
    "is this a model's configuration? weights are not needed",
  );

export const noConfig = (where: string, got: string) =>
  complain(
    "config",
    where,
    "the file must hold a Keras model's configuration",
    "class_name and config of a Sequential or Functional model",
    got,
    "weights alone describe no model: save the whole model, or write model.to_json() to a file",
  );

export const subclassed = (where: string, name: string) =>
  complain(
    "subclassed",
    where,
    "the model must be Sequential or Functional",
    "a configuration that lists layers",
    `a model of class ${quoted(name)}, whose layers are in its code`,
    "call it on keras.Input inside a Functional model, or save the layers it is made of as one",
  );

export const wrongValue = (where: string, key: string, expected: string, got: unknown) =>
  complain(
    "value",
    where,
    `${key} must be ${expected}`,
    expected,
    quoted(got),
    "is the file damaged, or written by hand? save it again with Keras",
  );

export const unknownLayer = (where: string, name: string, known: readonly string[]) =>
  complain(
    "layer",
    where,
    "every layer must be one whose operations are known",
    "a layer of keras.layers",
    quoted(name),
    didYouMean(
      name,
      known,
      "a custom layer's operations are in its code: replace it by built-in layers that keep as much",
    ),
  );

export const duplicateName = (where: string, name: string) =>
  complain(
    "name",
    where,
    "layers of a model must have distinct names",
    "a name once",
    `${quoted(name)} twice`,
    "rename one of them and its inbound nodes",
  );

export const unknownTensor = (where: string, got: string) =>
  complain(
    "inbound",
    where,
    "an inbound node must name a layer's call",
    "a layer, one of its calls and one of its results",
    got,
    "is the file cut or edited? save it again with Keras",
  );

export const cyclic = (where: string, name: string) =>
  complain(
    "cycle",
    where,
    "layers must not feed themselves",
    "a graph without cycles",
    `a cycle through ${quoted(name)}`,
    "check the inbound nodes of the layers on the way",
  );

export const tooManyCalls = (where: string, limit: number) =>
  complain(
    "calls",
    where,
    "a model must run a plausible number of operations",
    `at most ${limit}`,
    "more",
    "models that call each other multiply; is the file made to exhaust memory?",
  );

export const shapeMismatch = (where: string, layer: string, expected: string, got: string) =>
  complain(
    "shape",
    where,
    `${layer} must accept the shape it is given`,
    expected,
    got,
    "check --batch, --image and --shape against the model's input",
  );

export const tooLarge = (where: string, shape: readonly number[], limit: number) =>
  complain(
    "too-large",
    where,
    "a tensor must be of a plausible size",
    `at most ${limit} elements`,
    `[${shape}]`,
    "check the layer's numbers",
  );

export const openShape = (where: string, name: string, shape: string) =>
  complain(
    "open-shape",
    where,
    "every size of an input must be known",
    `--shape ${name}=BATCHx…, or --image for images`,
    shape,
    "the file leaves more than the batch open",
  );

export const notComputed = (where: string, what: string, hint: string) =>
  complain("not-computed", where, `${what} must be one that is computed`, "another", what, hint);

export const noInput = (where: string) =>
  complain(
    "input",
    where,
    "a model must say what it is called with",
    "an InputLayer, or batch_input_shape of the first layer",
    "none",
    "build the model before it is saved: model.build(input_shape)",
  );

export const hdf5 = (where: string, got: string) =>
  complain(
    "hdf5",
    where,
    "an .h5 file must be one that Keras wrote",
    "the attribute model_config of the root group",
    got,
    "was the download cut short, or are these weights alone? save the whole model, or model.to_json()",
  );
