/**
 * YAML or JSON text → plain values that know where they stand.
 *
 * Spec     YAML 1.2 core schema, of which JSON is a part
 * Reads    one document; anchors and aliases, counted as often as they are used
 * Ignores  comments, tags, directives
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode } from "yaml";
import { deepNesting, keyTwice, notPlain, quotedText, tooManyValues, unknownAnchor } from "./complaints.js";
import { MAX_DEPTH, parseYaml } from "./parse-yaml.js";

/** Ten values for each of the layers a spec may have; aliases count as often as they are used. */
const MAX_VALUES = 100_000;

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

/** The document's root, or undefined when there is none. Throws InputError where the text is no YAML. */
export function readDocument(text: string, name: string): Located | undefined {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const document = parseYaml(text, { lines, at, name });
  if (!document.contents) return undefined;
  return new Converter(at).convert(document.contents as ParsedNode, 0);
}

/** An anchor's value, how many values it holds, and how deep they nest. */
interface Anchored {
  readonly value: Located;
  readonly size: number;
  readonly height: number;
}

class Converter {
  private readonly place: (offset: number) => string;
  private readonly anchors = new Map<string, Anchored>();
  private count = 0;
  /** The deepest value so far of the anchors being read. */
  private deepest = 0;

  constructor(place: (offset: number) => string) {
    this.place = place;
  }

  convert(node: ParsedNode, depth: number): Located {
    const at = this.place(node.range[0]);
    this.descend(depth, at);
    if (isAlias(node)) {
      const anchored = this.anchors.get(node.source);
      if (!anchored) throw unknownAnchor(at, node.source);
      this.spend(anchored.size, at);
      this.descend(depth + anchored.height, at);
      return anchored.value;
    }
    this.spend(1, at);
    return node.anchor ? this.anchored(node, node.anchor, at, depth) : this.plain(node, at, depth);
  }

  private anchored(node: ParsedNode, anchor: string, at: string, depth: number): Located {
    const [count, deepest] = [this.count - 1, this.deepest];
    this.deepest = depth;
    const value = this.plain(node, at, depth);
    this.anchors.set(anchor, { value, size: this.count - count, height: this.deepest - depth });
    this.deepest = Math.max(deepest, this.deepest);
    return value;
  }

  private plain(node: ParsedNode, at: string, depth: number): Located {
    if (isMap(node)) {
      const seen = new Set<string>();
      const entries = node.items.map(({ key, value }) => {
        const place = key?.range ? this.place(key.range[0]) : at;
        if (!isScalar(key) || key.value === null) throw notPlain(place, "a key");
        if (seen.has(String(key.value))) throw keyTwice(place, String(key.value));
        seen.add(String(key.value));
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

  private descend(depth: number, at: string): void {
    if (depth > MAX_DEPTH) throw deepNesting(at, MAX_DEPTH);
    this.deepest = Math.max(this.deepest, depth);
  }

  private spend(values: number, at: string): void {
    this.count += values;
    if (this.count > MAX_VALUES) throw tooManyValues(at, MAX_VALUES);
  }
}

const empty = (at: string): Located => ({ kind: "scalar", value: null, at });

/** Keys of a map that a complaint lists. */
const MAX_QUOTED = 8;

/** `value` as a complaint quotes it. */
export function quoted(value: Located): string {
  if (value.kind === "list") return `a list of ${value.items.length}`;
  if (value.kind === "map") {
    const keys = value.entries.slice(0, MAX_QUOTED).map(({ key }) => quotedText(key));
    const rest = value.entries.length - keys.length;
    return `a map with ${keys.join(", ") || "no keys"}${rest > 0 ? `, and ${rest} more` : ""}`;
  }
  if (typeof value.value === "string") return quotedText(value.value);
  return value.value === null ? "nothing" : JSON.stringify(value.value);
}
