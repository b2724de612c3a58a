/** A table that is sorted by the heading one clicks; long ones show their first rows. */
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

export interface Column<T> {
  readonly title: string;
  readonly text: (row: T) => string;
  /** What to sort by, where it is not the text; such a column is one of numbers. */
  readonly order?: (row: T) => number;
  readonly view?: (row: T) => ComponentChildren;
}

const SHOWN = 25;

export function SortedTable<T>(props: {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** Title of the column that is sorted by, largest first. Absent: the rows' own order. */
  readonly first?: string;
}) {
  const { caption, columns, rows, first } = props;
  const [sorted, setSorted] = useState({ title: first ?? "", isDown: true });
  const [isWhole, setWhole] = useState(false);
  const by = columns.find(({ title }) => title === sorted.title);
  const ordered = by
    ? rows.toSorted(
        (a, b) =>
          (sorted.isDown ? -1 : 1) *
          (by.order ? by.order(a) - by.order(b) : by.text(a).localeCompare(by.text(b))),
      )
    : rows;
  const shown = isWhole ? ordered : ordered.slice(0, SHOWN);
  return (
    <div class="scroll">
      <table>
        <caption>
          {caption} ({rows.length})
        </caption>
        <thead>
          <tr>
            {columns.map(({ title, order }) => {
              const isBy = sorted.title === title;
              return (
                <th
                  key={title}
                  scope="col"
                  class={order ? "number" : ""}
                  aria-sort={isBy ? (sorted.isDown ? "descending" : "ascending") : "none"}
                >
                  <button
                    type="button"
                    class="link"
                    onClick={() => setSorted({ title, isDown: isBy ? !sorted.isDown : order !== undefined })}
                  >
                    {title}
                    {isBy && (sorted.isDown ? " ▾" : " ▴")}
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, i) => (
            <tr key={i}>
              {columns.map(({ title, text, order, view }) => (
                <td key={title} class={order ? "number" : ""}>
                  {view ? view(row) : text(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {ordered.length > shown.length && (
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          Show all {ordered.length}
        </button>
      )}
    </div>
  );
}
