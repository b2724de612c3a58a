/**
 * Text → YAML document. Size and depth are checked before the recursive half of the parser runs: a full stack inside
 * V8's regular expressions ends the process, and nothing can catch that.
 */
import { Composer, type CST, type Document, type LineCounter, Parser } from "yaml";
import { deepNesting, syntaxError, tooManyValues } from "./complaints.js";

/** Ten values for each of the layers a spec may have; aliases count as often as they are used. */
export const MAX_VALUES = 1_000_000;
/** Deeper nesting than any model's; guards the stack against hostile text. */
export const MAX_DEPTH = 64;

export interface ParseYamlOptions {
  readonly lines: LineCounter;
  /** An offset's place: `file:line:column`. */
  readonly at: (offset: number) => string;
  readonly name: string;
}

/** The one document in `text`. Throws InputError where the text is no YAML, or more than one. */
export function parseYaml(text: string, { lines, at, name }: ParseYamlOptions): Document.Parsed {
  refuseCrowds(text, name);
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = tokens.map(tooDeep).find((offset) => offset !== undefined);
  if (deep !== undefined) throw deepNesting(at(deep), MAX_DEPTH);
  // duplicate keys are found later, in one look-up each; the composer compares every pair
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (!document) throw syntaxError(name, "no document");
  const [error] = document.errors;
  if (error) throw syntaxError(at(error.pos[0]), error.message);
  if (second) throw syntaxError(at(second.range[0]), "a second document");
  return document;
}

/** Values are parted by commas, line ends and brackets: a cheap look before the parser, which takes seconds for a million. */
function refuseCrowds(text: string, name: string): void {
  let parts = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (PARTING.has(code)) parts += 1;
  }
  if (parts > MAX_VALUES) throw tooManyValues(name, MAX_VALUES);
}

const PARTING: ReadonlySet<number> = new Set([..."\n,[{"].map((character) => character.charCodeAt(0)));

/** Where nesting exceeds the limit, looked for without recursion. */
function tooDeep(root: CST.Token): number | undefined {
  const open: { token: CST.Token; depth: number }[] = [{ token: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === "document" && token.value) open.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const item of token.items) {
      for (const inner of [item.key, item.value]) if (inner) open.push({ token: inner, depth: depth + 1 });
    }
  }
  return undefined;
}
