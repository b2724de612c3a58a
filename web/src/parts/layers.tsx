/** Every layer, with its receipts behind a click. */
import { signal } from "@preact/signals";
import { formatBytes, formatCount } from "plimsoll/present";
import type { Explained } from "../analysis/protocol.js";
import { LookedAt } from "./looked-at.js";
import { type Column, SortedTable } from "./sorted-table.js";

type Layer = Explained["report"]["layers"][number];

const open = signal<Layer | null>(null);

const COLUMNS: readonly Column<Layer>[] = [
  {
    title: "layer",
    text: ({ path }) => path,
    view: (layer) => (
      <button
        type="button"
        class="link"
        onClick={() => {
          open.value = layer;
        }}
      >
        {layer.path || layer.op}
      </button>
    ),
  },
  { title: "kind", text: ({ op }) => op },
  { title: "output", text: ({ outputShapes }) => outputShapes.map((shape) => shape.join("x")).join(", ") },
  {
    title: "parameters",
    text: ({ parameterCount }) => formatCount(parameterCount),
    order: ({ parameterCount }) => parameterCount,
  },
  {
    title: "saved",
    text: ({ savedTensorBytes }) => formatBytes(savedTensorBytes),
    order: ({ savedTensorBytes }) => savedTensorBytes,
  },
];

export function Layers() {
  return <LookedAt name="explained" view={({ report }) => <Table layers={report.layers} />} />;
}

function Table({ layers }: { readonly layers: readonly Layer[] }) {
  return (
    <>
      {open.value && (
        <aside class="receipt" aria-live="polite">
          <h3>{open.value.path || open.value.op}</h3>
          <ul>
            {open.value.receipts.map(({ text, bytes }) => (
              <li key={text}>
                <code>{text}</code> <span>{formatBytes(bytes)}</span>
              </li>
            ))}
            {open.value.receipts.length === 0 && <li>keeps nothing of its own</li>}
          </ul>
        </aside>
      )}
      <SortedTable caption="Layers, in the order they run" columns={COLUMNS} rows={layers} />
    </>
  );
}
