/** A model's configuration, read key by key with the type that is asked for: what is missing takes the family's default. */
import { badValue } from "./complaints.js";

/** Values of a family's configuration class, by key. */
export type Defaults = Readonly<Record<string, unknown>>;

/** More than any model has, little enough to compute with: counts above are typing errors or attacks. */
const MOST = 2 ** 31;
/** Layers of the deepest stack that is drawn; the largest published model has 126. */
const MOST_LAYERS = 4096;

export class Config {
  /** Where the configuration comes from, for complaints. */
  readonly source: string;
  private readonly values: Defaults;
  private readonly defaults: Defaults;
  /** Sizes that were read and that the file does not have, with what the class takes. */
  readonly defaulted: Map<string, number>;

  constructor(source: string, values: Defaults, defaults: Defaults, defaulted = new Map<string, number>()) {
    this.source = source;
    this.values = values;
    this.defaults = defaults;
    this.defaulted = defaulted;
  }

  /** The value of `key`, or the default; null when neither says, or the file says null. */
  value(key: string): unknown {
    if (Object.hasOwn(this.values, key)) return this.values[key] ?? null;
    return Object.hasOwn(this.defaults, key) ? this.defaults[key] : null;
  }

  /** The same configuration with other values where they are given. */
  with(values: Defaults): Config {
    const given = Object.entries(values).filter(([, value]) => value !== undefined);
    if (given.length === 0) return this;
    const changed = { ...this.values, ...Object.fromEntries(given) };
    return new Config(this.source, changed, this.defaults, this.defaulted);
  }

  has(key: string): boolean {
    return this.value(key) !== null;
  }

  /** A whole number above zero. */
  count(key: string, otherwise?: number): number {
    const value = this.value(key) ?? otherwise;
    if (typeof value === "number" && Number.isInteger(value) && value > 0 && value < MOST) {
      if (!Object.hasOwn(this.values, key) && Object.hasOwn(this.defaults, key))
        this.defaulted.set(key, value);
      return value;
    }
    throw badValue(this.source, key, "a whole number above 0", value);
  }

  /** The number of layers of a stack. */
  layers(key: string): number {
    const count = this.count(key);
    if (count <= MOST_LAYERS) return count;
    throw badValue(this.source, key, `at most ${MOST_LAYERS} layers`, count);
  }

  number(key: string, otherwise?: number): number {
    const value = this.value(key) ?? otherwise;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw badValue(this.source, key, "a number", value);
  }

  flag(key: string, otherwise = false): boolean {
    const value = this.value(key) ?? otherwise;
    if (typeof value === "boolean") return value;
    throw badValue(this.source, key, "true or false", value);
  }

  text(key: string, otherwise?: string): string {
    const value = this.value(key) ?? otherwise;
    if (typeof value === "string") return value;
    throw badValue(this.source, key, "a text", value);
  }

  list(key: string): readonly unknown[] | null {
    const value = this.value(key);
    if (value === null || Array.isArray(value)) return value as readonly unknown[] | null;
    throw badValue(this.source, key, "a list", value);
  }

  counts(key: string): readonly number[] {
    const list = this.list(key) ?? [];
    if (list.every((item) => typeof item === "number" && Number.isInteger(item) && item > 0 && item < MOST))
      return list as readonly number[];
    throw badValue(this.source, key, "a list of whole numbers above 0", list);
  }

  /** Height and width: two whole numbers, or one for both. */
  pair(key: string): readonly [number, number] {
    const value = this.value(key);
    if (!Array.isArray(value)) {
      const side = this.count(key);
      return [side, side];
    }
    const [height, width] = this.counts(key);
    if (height !== undefined && width !== undefined && value.length === 2) return [height, width];
    throw badValue(this.source, key, "one whole number or two", value);
  }

  /** `num_labels`, or the number of names in `id2label`; transformers takes 2. */
  classes(): number {
    const names = this.value("id2label");
    const named = typeof names === "object" && names !== null ? Object.keys(names).length : 0;
    return this.count("num_labels", named > 0 ? named : 2);
  }

  /** Share of a head that rotary positions turn: `partial_rotary_factor`, on its own or among the rope parameters. */
  rotatedShare(otherwise: number): number {
    const inner = this.value("rope_parameters") ?? this.value("rope_scaling");
    const said =
      typeof inner === "object" && inner !== null && "partial_rotary_factor" in inner
        ? inner.partial_rotary_factor
        : this.value("partial_rotary_factor");
    const share = said ?? otherwise;
    if (typeof share === "number" && share > 0 && share <= 1) return share;
    throw badValue(this.source, "partial_rotary_factor", "a number above 0, up to 1", share);
  }

  /** A configuration inside this one. */
  inner(key: string, defaults: Defaults): Config {
    const value = this.value(key) ?? {};
    if (typeof value !== "object" || Array.isArray(value)) throw badValue(this.source, key, "a map", value);
    return new Config(`${this.source} › ${key}`, value as Defaults, defaults);
  }

  /** Refuses a value of `key` above that of another key. */
  atMost(key: string, most: number, other: string): void {
    const value = this.count(key);
    if (value > most) throw badValue(this.source, key, `at most ${other} (${most})`, value);
  }

  /** Refuses the width of what is rotated, which `key` decides, when it has no halves. */
  even(width: number, key: string): number {
    if (width > 0 && width % 2 === 0) return width;
    throw badValue(this.source, key, "a rotated part of an even number of elements", width);
  }

  /** `whole / parts`, or a complaint: `key` names the parts. */
  share(whole: number, parts: number, key: string, of: string): number {
    if (whole % parts === 0) return whole / parts;
    throw badValue(this.source, key, `a divisor of ${of} (${whole})`, parts);
  }
}
