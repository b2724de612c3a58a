/** Located values → layers with typed options: everything a spec can get wrong except shapes is found here. */
import {
  badName,
  badValue,
  missing,
  nameTaken,
  notOneLayer,
  tooManyLayers,
  twiceGiven,
  unknownKey,
  unknownLayer,
  unknownOption,
  unknownReference,
  wrongInputs,
  wrongKind,
} from "./complaints.js";
import { type Located, type LocatedEntry, quoted } from "./document.js";
import { NAME } from "./inputs.js";
import { LAYER_WORDS, layerRow } from "./layers.js";
import {
  type LayerRow,
  type OptionRow,
  Options,
  type OptionValue,
  type PlannedLayer,
  type Reference,
} from "./row.js";

/** Layers of a spec, repetitions counted: more than any network has, few enough to answer in seconds. */
const MAX_LAYERS = 10_000;
/** Inputs of one layer; DenseNet joins some sixty. */
const MAX_INPUTS = 256;

/** Keys that every layer may have, beside its word or among its options. */
const COMMON = ["name", "input", "inputs"];

/** Names a reference may use: those of the list so far, and of the lists around it. */
class Names {
  private readonly outer: Names | undefined;
  private readonly own = new Set<string>();

  constructor(outer?: Names) {
    this.outer = outer;
  }

  has(name: string): boolean {
    return this.own.has(name) || (this.outer?.has(name) ?? false);
  }

  add(name: string): void {
    this.own.add(name);
  }

  all(): string[] {
    return [...(this.outer?.all() ?? []), ...this.own];
  }
}

/** What a layer's keys say, before they are read. */
interface Written {
  readonly row: LayerRow;
  readonly word: string;
  readonly at: string;
  readonly options: Map<string, Located>;
  name: LocatedEntry | undefined;
  inputs: Located | undefined;
}

/** Where a list of layers is: the names it sees, and how often it runs. */
interface Place {
  readonly names: Names;
  readonly times: number;
}

export interface LayerPlan {
  readonly layers: readonly PlannedLayer[];
  /** Throws when `reference` names no layer of the outermost list and no input. */
  readonly check: (reference: Reference) => void;
}

export function planLayers(list: Located, inputs: readonly string[]): LayerPlan {
  const names = new Names();
  for (const name of inputs) names.add(name);
  const layers = new Planner().list(list, { names, times: 1 });
  return { layers, check: (reference) => resolve(reference, names) };
}

function resolve({ name, at }: Reference, names: Names): void {
  if (!names.has(name)) throw unknownReference(at, name, names.all());
}

class Planner {
  private total = 0;

  list(value: Located, place: Place): PlannedLayer[] {
    if (value.kind !== "list")
      throw wrongKind(value.at, "layers", "a list", quoted(value), "start every layer with a dash");
    // an empty list that is repeated is work too
    if (value.items.length === 0) this.spend(place.times, value.at);
    return value.items.map((item) => this.layer(item, place));
  }

  private spend(layers: number, at: string): void {
    this.total += layers;
    if (this.total > MAX_LAYERS) throw tooManyLayers(at, this.total, MAX_LAYERS);
  }

  private layer(item: Located, place: Place): PlannedLayer {
    const written = outline(item);
    const { row, word, at } = written;
    const inputs = readReferences(written);
    this.spend(place.times * Math.max(1, inputs.length), at);
    for (const reference of inputs) resolve(reference, place.names);
    if (row.merges && inputs.length < 2) throw wrongInputs(at, word, "two inputs or more", inputs.length);
    if (!row.merges && inputs.length > 1) throw wrongInputs(at, word, "one input", inputs.length);
    const options = this.options(written, place);
    if (row.stacks !== undefined) this.spend(place.times * (options.number(row.stacks, 1) - 1), at);
    const name = readName(written, place.names);
    return { row, word, at, name, inputs, options };
  }

  private options({ row, word, at, options }: Written, place: Place): Options {
    const values = new Map<string, OptionValue>();
    const names = row.kind === null ? place.names : new Names(place.names);
    for (const [name, option] of Object.entries(row.options)) {
      const given = options.get(name);
      if (given === undefined) {
        if (option.required) throw missing(at, word, name, option.help);
        continue;
      }
      // the number of repetitions stands before the lists it repeats
      const times =
        place.times *
        (row.repeats === undefined ? 1 : ((values.get(row.repeats) as number | undefined) ?? 1));
      const lists = (list: Located) =>
        this.list(list, { names: row.kind === null ? names : new Names(place.names), times });
      const value = option.kind.read(given, lists);
      if (value === undefined)
        throw badValue(given.at, `${name} of ${word}`, option.kind.expected, quoted(given));
      values.set(name, value);
    }
    return new Options(values);
  }
}

/** `relu`, `{ relu: … }`, `{ dense: 10, name: logits, input: features }`. */
function outline(item: Located): Written {
  if (item.kind === "scalar" && typeof item.value === "string")
    return { ...known(item.value, item.at), options: new Map(), name: undefined, inputs: undefined };
  if (item.kind !== "map")
    throw wrongKind(
      item.at,
      "a layer",
      "a word or a map",
      quoted(item),
      'write for instance "relu" or "conv: { filters: 32, kernel: 3 }"',
    );
  const words = item.entries.filter(({ key }) => LAYER_WORDS.has(key));
  const [entry] = words;
  if (words.length > 1) {
    throw notOneLayer(
      item.at,
      words.map(({ key }) => key),
    );
  }
  const stray = item.entries.find(({ key }) => !LAYER_WORDS.has(key) && !COMMON.includes(key));
  if (!entry)
    throw stray ? unknownLayer(stray.at, stray.key, [...LAYER_WORDS.keys()]) : notOneLayer(item.at, []);
  const written: Written = {
    ...known(entry.key, entry.at),
    options: new Map(),
    name: undefined,
    inputs: undefined,
  };
  if (stray) throw strayKey(stray, written);
  for (const other of item.entries) if (other !== entry) takeCommon(written, other);
  takeOptions(written, entry.value);
  return written;
}

function known(word: string, at: string): Pick<Written, "row" | "word" | "at"> {
  const row = layerRow(word);
  if (!row) throw unknownLayer(at, word, [...LAYER_WORDS.keys()]);
  return { row, word, at };
}

/** A key beside the layer's word that is one of its options was not indented. */
function strayKey({ key, at }: LocatedEntry, { row, word }: Written) {
  if (optionName(row, key) === undefined)
    return unknownKey(at, `an item with ${word}`, key, [word, ...COMMON]);
  return wrongKind(
    at,
    `${key} of ${word}`,
    `indented under ${word}`,
    `beside it`,
    `write ${word}: { ${key}: … } or indent the line further`,
  );
}

function optionName(row: LayerRow, key: string): string | undefined {
  if (Object.hasOwn(row.options, key)) return key;
  return Object.entries(row.options).find(([, { words }]: [string, OptionRow]) => words.includes(key))?.[0];
}

function takeCommon(written: Written, entry: LocatedEntry): void {
  if (entry.key === "name") {
    if (written.name) throw twiceGiven(entry.at, written.word, "name");
    written.name = entry;
    return;
  }
  if (written.inputs) throw twiceGiven(entry.at, written.word, entry.key);
  written.inputs = entry.value;
}

function takeOptions(written: Written, value: Located): void {
  const { row, word, options } = written;
  if (value.kind === "scalar" && value.value === null) return;
  if (value.kind !== "map") {
    if (row.main === "inputs") takeCommon(written, { key: "inputs", at: value.at, value });
    else if (row.main !== undefined) options.set(row.main, value);
    else throw badValue(value.at, word, "alone or followed by a map of options", quoted(value));
    return;
  }
  for (const entry of value.entries) {
    const name = optionName(row, entry.key);
    if (name !== undefined) {
      if (options.has(name)) throw twiceGiven(entry.at, word, entry.key);
      options.set(name, entry.value);
    } else if (COMMON.includes(entry.key)) takeCommon(written, entry);
    else throw unknownOption(entry.at, word, entry.key, Object.keys(row.options));
  }
}

function readReferences({ inputs, word }: Written): Reference[] {
  if (!inputs) return [];
  const items = inputs.kind === "list" ? inputs.items : [inputs];
  if (items.length > MAX_INPUTS)
    throw wrongInputs(inputs.at, word, `at most ${MAX_INPUTS} inputs`, items.length);
  return items.map((item) => {
    if (item.kind === "scalar" && typeof item.value === "string") return { name: item.value, at: item.at };
    throw badValue(item.at, `an input of ${word}`, "the name of an earlier layer", quoted(item));
  });
}

function readName({ name }: Written, names: Names): string | undefined {
  if (!name) return undefined;
  const { value, at } = name;
  const text = value.kind === "scalar" && typeof value.value === "string" ? value.value : undefined;
  if (text === undefined || !NAME.test(text)) throw badName(value.at, quoted(value));
  if (names.has(text)) throw nameTaken(at, text);
  names.add(text);
  return text;
}
