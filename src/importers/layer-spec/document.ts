/**
 * YAML or JSON text → plain values that know where they stand.
 *
 * Spec     YAML 1.2 core schema, of which JSON is a part
 * Reads    one document; anchors and aliases, counted as often as they are used
 * Ignores  comments, tags, directives
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from "yaml";
import { deepNesting, notPlain, syntaxError, tooManyValues, unknownAnchor } from "./complaints.js";

export type Located = LocatedMap | LocatedList | LocatedScalar;

export interface LocatedScalar {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** `file:line:column`, both counted from one. */
  readonly at: string;
}

export interface LocatedList {
  readonly kind: "list";
  readonly items: readonly Located[];
  readonly at: string;
}

export interface LocatedEntry {
  readonly key: string;
  readonly at: string;
  readonly value: Located;
}

export interface LocatedMap {
  readonly kind: "map";
  readonly entries: readonly LocatedEntry[];
  readonly at: string;
}

/** Ten values for each of the layers a spec may have; aliases count as often as they are used. */
const MAX_VALUES = 1_000_000;
/** Deeper nesting than any model's; guards the stack against hostile text. */
const MAX_DEPTH = 64;

/** The document's root, or undefined when there is none. Throws InputError where the text is no YAML. */
export function readDocument(text: string, name: string): Located | undefined {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const document = parse(text, name, lines);
  const [error] = document.errors;
  if (error?.code === "RESOURCE_EXHAUSTION") throw deepNesting(at(error.pos[0]), MAX_DEPTH); // the parser's stack is full
  if (error) throw syntaxError(at(error.pos[0]), error.message);
  if (!document.contents) return undefined;
  return new Converter(at).convert(document.contents as ParsedNode, 0);
}

function parse(text: string, name: string, lines: LineCounter) {
  try {
    return parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  } catch (error) {
    if (error instanceof RangeError) throw deepNesting(name, MAX_DEPTH); // the parser's stack is full
    throw error;
  }
}

/** An anchor's value, and how many values it holds. */
interface Anchored {
  readonly value: Located;
  readonly size: number;
}

class Converter {
  private readonly place: (offset: number) => string;
  private readonly anchors = new Map<string, Anchored>();
  private count = 0;

  constructor(place: (offset: number) => string) {
    this.place = place;
  }

  convert(node: ParsedNode, depth: number): Located {
    const at = this.place(node.range[0]);
    if (depth > MAX_DEPTH) throw deepNesting(at, MAX_DEPTH);
    if (isAlias(node)) {
      const anchored = this.anchors.get(node.source);
      if (!anchored) throw unknownAnchor(at, node.source);
      this.spend(anchored.size, at);
      return anchored.value;
    }
    const before = this.count;
    this.spend(1, at);
    const value = this.plain(node, at, depth);
    const { anchor } = node;
    if (anchor) this.anchors.set(anchor, { value, size: this.count - before });
    return value;
  }

  private plain(node: ParsedNode, at: string, depth: number): Located {
    if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => {
        const place = key?.range ? this.place(key.range[0]) : at;
        if (!isScalar(key) || key.value === null) throw notPlain(place, "a key");
        if (value === null) return { key: String(key.value), at: place, value: empty(place) };
        return { key: String(key.value), at: place, value: this.convert(value as ParsedNode, depth + 1) };
      });
      return { kind: "map", entries, at };
    }
    if (isSeq(node)) {
      return {
        kind: "list",
        items: node.items.map((item) => this.convert(item as ParsedNode, depth + 1)),
        at,
      };
    }
    const { value } = node as { value?: unknown };
    if (value !== null && !["string", "number", "boolean"].includes(typeof value))
      throw notPlain(at, "a value");
    return { kind: "scalar", value: value as string | number | boolean | null, at }; // as: checked above
  }

  private spend(values: number, at: string): void {
    this.count += values;
    if (this.count > MAX_VALUES) throw tooManyValues(at, MAX_VALUES);
  }
}

const empty = (at: string): Located => ({ kind: "scalar", value: null, at });

/** `value` as a complaint quotes it. */
export function quoted(value: Located): string {
  if (value.kind === "list") return `a list of ${value.items.length}`;
  if (value.kind === "map")
    return `a map with ${value.entries.map(({ key }) => JSON.stringify(key)).join(", ") || "no keys"}`;
  return value.value === null ? "nothing" : JSON.stringify(value.value);
}
