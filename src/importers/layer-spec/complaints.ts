/** Every complaint about a layer spec, by code. `where` is `file:line:column`. */
import { InputError } from "../../base/complaint.js";
import { didYouMean } from "../../base/did-you-mean.js";

/** Characters of a file's own text that a complaint repeats. */
const MAX_TEXT = 60;

/** Names a complaint lists. */
const MAX_LISTED = 12;

/** Characters of the YAML parser's own words. */
const MAX_PROBLEM = 200;

/** Text of the file as a complaint quotes it: on one line, and not without end. */
export function quotedText(text: string): string {
  const start = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return JSON.stringify(start) + (text.length > MAX_TEXT ? ` (${text.length} characters)` : "");
}

const complain = (code: string, where: string, rule: string, expected: string, got: string, hint: string) =>
  new InputError({ code: `layer-spec/${code}`, where, rule, expected, got, hint });

// ---------------------------------------------------------------- the file

export function fileTooLarge(where: string, size: number, limit: number): InputError {
  const hint = "write repeated layers once, with repeat";
  return complain(
    "file-size",
    where,
    "a layer spec must be a small text file",
    `at most ${limit} bytes`,
    `${size} bytes`,
    hint,
  );
}

export function notText(where: string): InputError {
  const hint = "save the file as UTF-8; a model in a binary format has its own reader";
  return complain("text", where, "a layer spec must be UTF-8 text", "UTF-8", "bytes that are no UTF-8", hint);
}

export function syntaxError(where: string, problem: string): InputError {
  const hint = "check indentation, brackets and quotes up to this place";
  return complain(
    "syntax",
    where,
    "a layer spec must be YAML or JSON",
    "one YAML or JSON document",
    problem.length > MAX_PROBLEM ? `${problem.slice(0, MAX_PROBLEM)}…` : problem,
    hint,
  );
}

export function deepNesting(where: string, limit: number): InputError {
  const hint = "blocks inside blocks rarely need more than ten levels; is a bracket left open?";
  return complain(
    "depth",
    where,
    "lists and maps must not nest too deep",
    `at most ${limit} levels`,
    "more",
    hint,
  );
}

export function tooManyTokens(where: string, limit: number): InputError {
  const hint = "write repeated layers once, with repeat";
  return complain(
    "tokens",
    where,
    "a layer spec must be a short text",
    `at most ${limit} words, marks and line ends`,
    "more",
    hint,
  );
}

export function tooManyValues(where: string, limit: number): InputError {
  const hint = "aliases count as often as they are used; write repeated layers with repeat";
  return complain(
    "values",
    where,
    "a layer spec must not grow without bound",
    `at most ${limit} values`,
    "more",
    hint,
  );
}

export function unknownAnchor(where: string, name: string): InputError {
  const short = name.length > MAX_TEXT ? `${name.slice(0, MAX_TEXT)}…` : name;
  const hint = `write &${short} before the value that *${short} repeats; a value cannot repeat itself`;
  return complain(
    "anchor",
    where,
    "an alias must repeat a value written before it",
    "a known anchor",
    `*${short}`,
    hint,
  );
}

export function notPlain(where: string, what: string): InputError {
  const hint = "quote it if it is meant as text";
  return complain(
    "plain",
    where,
    `${what} must be text, a number, true or false`,
    "a plain value",
    "something else",
    hint,
  );
}

export function keyTwice(where: string, key: string): InputError {
  const hint = "remove one; every layer needs a dash of its own";
  return complain("key-twice", where, "a map must have every key once", "a new key", quotedText(key), hint);
}

// ---------------------------------------------------------------- the outline

export function emptySpec(where: string): InputError {
  const hint = "start from an example: schema, input and layers are enough";
  return complain(
    "empty",
    where,
    "a layer spec must have content",
    "a map with schema, input and layers",
    "an empty document",
    hint,
  );
}

export function wrongSchema(where: string, got: string, schema: string): InputError {
  const hint = `write "schema: ${schema}" as the first line; other versions need another release`;
  return complain("schema", where, "a layer spec must name its schema", schema, got, hint);
}

export function wrongKind(
  where: string,
  what: string,
  expected: string,
  got: string,
  hint: string,
): InputError {
  return complain("kind", where, `${what} must be ${expected}`, expected, got, hint);
}

export function missing(where: string, owner: string, key: string, hint: string): InputError {
  return complain(
    "missing",
    where,
    `${owner} must have ${quotedText(key)}`,
    `the key ${quotedText(key)}`,
    "none",
    hint,
  );
}

export function unknownKey(where: string, owner: string, key: string, known: readonly string[]): InputError {
  const hint = didYouMean(key, known, "remove it, or check the spelling");
  return complain(
    "key",
    where,
    `${owner} must have known keys only`,
    known.join(", "),
    quotedText(key),
    hint,
  );
}

export function inputKind(where: string, got: string): InputError {
  const expected = "one of image, sequence, tokens, vector, shape";
  const hint = "write for instance input: { image: [3, 224, 224] }: channels, height, width";
  return complain("input", where, "an input must say what it is, once", expected, got, hint);
}

// ---------------------------------------------------------------- layers

export function unknownLayer(where: string, word: string, known: readonly string[]): InputError {
  const hint = didYouMean(
    word,
    known,
    "see the JSON Schema for every layer; any model can come as torch.export",
  );
  return complain(
    "layer",
    where,
    "a layer must be one that Plimsoll knows",
    "a known layer",
    quotedText(word),
    hint,
  );
}

export function notOneLayer(where: string, words: readonly string[]): InputError {
  const listed = `${words.slice(0, MAX_LISTED).join(", ")}${words.length > MAX_LISTED ? ", …" : ""}`;
  const got = words.length === 0 ? "no layer" : `${words.length} layers: ${listed}`;
  const hint = "start every layer with a dash of its own";
  return complain(
    "one-layer",
    where,
    "an item of a list of layers must hold one layer",
    "one layer",
    got,
    hint,
  );
}

export function unknownOption(
  where: string,
  layer: string,
  key: string,
  known: readonly string[],
): InputError {
  const hint = didYouMean(
    key,
    known,
    known.length === 0 ? `write just ${layer}` : "remove it, or check the spelling",
  );
  const expected = known.length === 0 ? "no options" : known.join(", ");
  return complain("option", where, `${layer} must have known options only`, expected, quotedText(key), hint);
}

export function twiceGiven(where: string, layer: string, key: string): InputError {
  const hint = "options may have two spellings; keep one";
  return complain(
    "twice",
    where,
    `an option of ${layer} must be given once`,
    "one value",
    `${quotedText(key)} again`,
    hint,
  );
}

export function badValue(where: string, what: string, expected: string, got: string): InputError {
  const hint = "sizes are whole numbers above zero; the batch axis is implied and never written";
  return complain("value", where, `${what} must be ${expected}`, expected, got, hint);
}

export function tooManyLayers(where: string, count: number, limit: number): InputError {
  const got = Number.isSafeInteger(count) ? String(count) : "more than can be counted";
  const hint = "lower times of a repeat; a layer with several inputs counts once for each";
  return complain("layers", where, "a spec must not have too many layers", `at most ${limit}`, got, hint);
}

export function tooManyOperators(where: string, limit: number): InputError {
  const hint = "lower times of a repeat around the larger blocks";
  return complain(
    "operators",
    where,
    "the layers must not run too many operators",
    `at most ${limit}`,
    "more",
    hint,
  );
}

export function unknownReference(where: string, name: string, known: readonly string[]): InputError {
  const hint = didYouMean(name, known, `give the earlier layer a name, and write that name here`);
  const expected = `one of ${known.slice(-MAX_LISTED).join(", ")}${known.length > MAX_LISTED ? ", and earlier ones" : ""}`;
  return complain(
    "reference",
    where,
    "input must name an input or an earlier layer",
    expected,
    quotedText(name),
    hint,
  );
}

export function nameTaken(where: string, name: string): InputError {
  const hint = "names also hold for the blocks inside; choose another";
  return complain("name-taken", where, "a name must be used once", "a new name", quotedText(name), hint);
}

export function badName(where: string, got: string): InputError {
  const hint = "it becomes part of parameter names, such as conv1.weight";
  return complain(
    "name",
    where,
    "a name must be a plain word",
    "letters, digits, _ and -, a letter first, at most 64",
    got,
    hint,
  );
}

export function wrongInputs(where: string, layer: string, expected: string, count: number): InputError {
  const hint = "name earlier layers and list them, for instance concat: [left, right]";
  return complain("inputs", where, `${layer} must have ${expected}`, expected, String(count), hint);
}

// ---------------------------------------------------------------- sizes

export function shapeMismatch(where: string, layer: string, expected: string, got: string): InputError {
  const hint = "dim 0 is the batch; check the layers above, and --batch, --image or --shape";
  return complain("shape", where, `${layer} must accept the shape it is given`, expected, got, hint);
}

export function tooLarge(where: string, layer: string, shape: readonly number[], limit: number): InputError {
  const hint = "check the sizes above: no device holds such a tensor";
  return complain(
    "too-large",
    where,
    `a tensor of ${layer} must be of a thinkable size`,
    `at most ${limit} elements`,
    `[${shape}]`,
    hint,
  );
}

export function badBinding(where: string, what: string, expected: string, got: string): InputError {
  return complain(
    "binding",
    where,
    `${what} must fit the spec's inputs`,
    expected,
    got,
    "see input in the spec",
  );
}
