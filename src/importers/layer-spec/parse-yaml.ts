/**
 * Text → YAML document. Length and depth are checked while the text is cut into tokens, before the recursive half of the
 * parser runs: a full stack inside V8's regular expressions ends the process, and nothing can catch that.
 */
import { Composer, type CST, type Document, Lexer, type LineCounter, Parser } from "yaml";
import { deepNesting, syntaxError, tooManyTokens } from "./complaints.js";

/** Words, marks and line ends: 2,000 layers of 75 each. What the composer makes of so many takes a second at worst. */
const MAX_TOKENS = 150_000;
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
  const tokens = tokenize(text, { lines, at, name });
  // duplicate keys are found later, in one look-up each; the composer compares every pair
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false });
  const [document, second] = withoutStackTraces(() => [...composer.compose(tokens, true, text.length)]);
  if (!document) throw syntaxError(name, "no document");
  const [error] = document.errors;
  if (error) throw syntaxError(at(error.pos[0]), error.message);
  if (second) throw syntaxError(at(second.range[0]), "a second document");
  return document;
}

/** V8's own property; other engines do not read it. */
type WithStackTraces = ErrorConstructor & { stackTraceLimit: number };

/**
 * What `compose` returns. The composer makes an error of each of 100,000 mistakes, and taking the call stack down for each
 * is nine tenths of its time; only the first error's text and place are ever told.
 */
function withoutStackTraces<T>(compose: () => T): T {
  const before = (Error as WithStackTraces).stackTraceLimit;
  (Error as WithStackTraces).stackTraceLimit = 0;
  try {
    return compose();
  } finally {
    (Error as WithStackTraces).stackTraceLimit = before;
  }
}

/** Documents and comments in order, up to the first mistake: the composer describes one mistake as well as many. */
function tokenize(text: string, { lines, at, name }: ParseYamlOptions): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    // every escape can be a mistake of its own
    count += lexeme.startsWith('"') ? lexeme.split("\\").length : 1;
    if (count > MAX_TOKENS) throw tooManyTokens(name, MAX_TOKENS);
    tokens.push(...parser.next(lexeme));
    // below the top there is the document, above it the scalar being read
    if (parser.stack.length > MAX_DEPTH + 2) throw deepNesting(at(parser.offset - lexeme.length), MAX_DEPTH);
    if (tokens[tokens.length - 1]?.type === "error") return tokens;
  }
  tokens.push(...parser.end());
  return tokens;
}
