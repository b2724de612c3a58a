/** Lines that never exceed the terminal: columns drop from the right, texts are cut or folded by words. */

/** One cell: its plain text, and how to paint it once its width is settled. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

export interface Column {
  readonly align: "left" | "right";
  /** Below this many characters the column is left out; absent: it needs its full width. */
  readonly least?: number;
  /** Wider texts are cut even where there is room. */
  readonly most?: number;
  /** Which end of a text that is cut stays; paths say more at their end. */
  readonly keep?: "start" | "end";
}

export interface TableOptions {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly width: number;
  readonly indent?: string;
  readonly gap?: number;
}

/** Rows with aligned columns. A column that does not fit is cut to what is left, or dropped with all after it. */
export function renderTable({ columns, rows, width, indent = "  ", gap = 2 }: TableOptions): string[] {
  const natural = columns.map(({ most = Number.POSITIVE_INFINITY }, i) =>
    Math.min(most, Math.max(0, ...rows.map((row) => lengthOf(row[i]?.text ?? "")))),
  );
  const widths: number[] = [];
  let left = width - indent.length;
  for (const [i, wanted] of natural.entries()) {
    const room = left - (i > 0 ? gap : 0);
    const least = columns[i]?.least ?? wanted;
    if (i > 0 && (room < Math.min(least, wanted) || room <= 0)) break;
    const given = Math.max(1, Math.min(wanted, room));
    widths.push(given);
    left = room - given;
  }
  return rows.map((row) => {
    const cells = widths.map((size, i) => {
      const cell = row[i] ?? { text: "" };
      const text = columns[i]?.keep === "end" ? cutStart(cell.text, size) : cut(cell.text, size);
      const space = " ".repeat(Math.max(0, size - lengthOf(text)));
      const painted = cell.paint ? cell.paint(text) : text;
      return columns[i]?.align === "right" ? space + painted : painted + space;
    });
    return `${indent}${cells.join(" ".repeat(gap))}`.trimEnd();
  });
}

/** `text` folded by words to `width`, every line after the first indented as deep as the first word block. */
export function fold(text: string, width: number, first: string, rest: string): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = rest;
      empty = true;
    }
    line += empty ? cut(word, Math.max(1, width - lengthOf(line))) : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

/** As many of `parts` as fit, from the left. */
export function joinFitting(parts: readonly string[], separator: string, width: number): string {
  let line = cut(parts[0] ?? "", width);
  for (const part of parts.slice(1)) {
    if (lengthOf(line) + lengthOf(separator) + lengthOf(part) > width) break;
    line += separator + part;
  }
  return line;
}

/** At most `width` characters; what is cut ends in an ellipsis. */
export function cut(text: string, width: number): string {
  if (lengthOf(text) <= width) return text;
  return width <= 1
    ? "…".slice(0, width)
    : `${[...text]
        .slice(0, width - 1)
        .join("")
        .trimEnd()}…`;
}

/** As `cut`, but the end of the text stays. */
function cutStart(text: string, width: number): string {
  if (lengthOf(text) <= width) return text;
  return width <= 1 ? "…".slice(0, width) : `…${[...text].slice(1 - width).join("")}`;
}

/** Characters on screen; everything Plimsoll prints is one column wide. */
export function lengthOf(text: string): number {
  return [...text].length;
}
