/** The peak by category, and every block alive then. */
import { signal } from "@preact/signals";
import { formatBytes, PARTS } from "plimsoll/present";
import type { Explained } from "../analysis/protocol.js";
import { fresh, more, report } from "../store.js";
import { sharesOf } from "./parts-of.js";
import { type Column, SortedTable } from "./sorted-table.js";

type Alive = Explained["report"]["alive"][number];

const only = signal<string | null>(null);

const COLUMNS: readonly Column<Alive>[] = [
  { title: "tensor", text: ({ name }) => name },
  { title: "category", text: ({ category }) => PARTS[category].label },
  { title: "shape", text: ({ shape }) => shape.join("x") || "scalar" },
  { title: "type", text: ({ dtype }) => dtype },
  { title: "bytes", text: ({ bytes }) => formatBytes(bytes), order: ({ bytes }) => bytes },
  { title: "because", text: ({ because }) => because },
];

export function Breakdown() {
  const now = report.value;
  if (!now) return null;
  const shares = sharesOf(now);
  const most = Math.max(...shares.map(({ bytes }) => bytes));
  const alive = more.value.explained?.report.alive ?? [];
  const shown = only.value === null ? alive : alive.filter(({ category }) => category === only.value);
  return (
    <>
      <p>
        The peak is in <strong>{now.peak.phase}</strong>, at <code>{now.peak.at}</code>.
      </p>
      <table class="bars">
        <caption>Bytes by category; choose one to see its tensors</caption>
        <tbody>
          {shares.map(({ part, label, color, bytes }) => (
            <tr key={part} class={only.value === part ? "chosen" : ""}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  aria-pressed={only.value === part}
                  onClick={() => {
                    only.value = only.value === part ? null : part;
                  }}
                >
                  {label}
                </button>
              </th>
              <td class="number" data-part={part} data-bytes={bytes}>
                {formatBytes(bytes)}
              </td>
              <td class="bar" aria-hidden="true">
                <span style={{ width: `${(100 * bytes) / most}%`, background: color }} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {alive.length > 0 && (
        <div class={fresh.value.has("explained") ? "" : "stale"} aria-busy={!fresh.value.has("explained")}>
          <SortedTable caption="Alive at the peak" columns={COLUMNS} rows={shown} first="bytes" />
        </div>
      )}
    </>
  );
}
