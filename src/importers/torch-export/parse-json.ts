/** A member's bytes → JSON values, counted before they are made: a million empty objects cost more than the file. */
import { jsonTooDeep, notJson, tooManyValues } from "./complaints.js";

/** Deeper nesting than any export's, regions included. */
const MAX_DEPTH = 256;
/** A language model of a hundred layers has some 800,000; parsing so many takes a second at worst. */
const MAX_VALUES = 1_500_000;

const [QUOTE, ESCAPE, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\,[]{}'].map(
  (character) => character.charCodeAt(0),
);

export function parseJson(bytes: Uint8Array, where: string): unknown {
  refuseCrowds(bytes, where);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw notJson(where, error instanceof Error ? error.message : "no JSON");
  }
}

function refuseCrowds(bytes: Uint8Array, where: string): void {
  let [depth, values, quoted] = [0, 0, false];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (quoted) {
      if (byte === ESCAPE) i += 1;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === COMMA) values += 1;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      values += 1;
      depth += 1;
      if (depth > MAX_DEPTH) throw jsonTooDeep(where, MAX_DEPTH);
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    if (values > MAX_VALUES) throw tooManyValues(where, MAX_VALUES);
  }
}
