/** What is known, as a table: devices, optimizers, formats. */
import { type Cell, renderTable } from "./layout.js";
import { createPaint } from "./style.js";

export interface List {
  readonly columns: readonly { readonly title: string; readonly align: "left" | "right" }[];
  readonly rows: readonly (readonly string[])[];
}

export interface ListOptions {
  readonly width?: number;
  readonly color?: boolean;
}

/** Columns that do not fit drop from the right. */
export function renderList({ columns, rows }: List, { width = 80, color = false }: ListOptions = {}): string {
  const paint = createPaint(color);
  const head = columns.map(({ title }): Cell => ({ text: title, paint: paint.dim }));
  const cells = rows.map((row) => row.map((text): Cell => ({ text })));
  const layout = columns.map(({ align }, i) => (i === 0 ? { align } : { align, least: 8 }));
  return `${renderTable({ columns: layout, rows: [head, ...cells], width, indent: "" }).join("\n")}\n`;
}
