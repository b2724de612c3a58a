/** A place in a text that is read forward, with its line for complaints. */
import { unexpected } from "./complaints.js";

const NEWLINE = 10;

export class Scanner {
  readonly text: string;
  readonly name: string;
  at = 0;
  private line = 1;
  private counted = 0;

  constructor(text: string, name: string) {
    this.text = text;
    this.name = name;
  }

  /** File and line of the place. */
  where(): string {
    for (; this.counted < this.at && this.counted < this.text.length; this.counted++)
      if (this.text.charCodeAt(this.counted) === NEWLINE) this.line++;
    return `${this.name}:${this.line}`;
  }

  /** Skips white space; whether a new line began. */
  space(): boolean {
    let newline = this.at === 0;
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === NEWLINE) newline = true;
      else if (code !== 32 && code !== 9 && code !== 13) break;
    }
    return newline;
  }

  /** Takes `word` when it stands here. */
  take(word: string): boolean {
    this.space();
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  sees(word: string): boolean {
    return this.text.startsWith(word, this.at);
  }

  need(word: string): void {
    if (!this.take(word)) throw this.wrong(quote(word));
  }

  /** What a sticky expression matches here, or null. */
  match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  wrong(expected: string): Error {
    const rest = this.text.slice(this.at, this.at + 40).split("\n", 1)[0] ?? "";
    return unexpected(
      this.where(),
      expected,
      rest || (this.at >= this.text.length ? "the end of the file" : "a new line"),
    );
  }
}

function quote(word: string): string {
  return JSON.stringify(word);
}
