/** Which devices fit it, at which batch. */
import { formatBytes, formatCount } from "plimsoll/present";
import type { FitReport } from "plimsoll";
import { change, report } from "../store.js";
import { LookedAt } from "./looked-at.js";
import { type Column, SortedTable } from "./sorted-table.js";

type Row = FitReport["perGpu"][number];

const columnsAt = (batch: number): readonly Column<Row>[] => [
  {
    title: "device",
    text: ({ title }) => title,
    view: ({ gpu, title }) => (
      <button type="button" class="link" onClick={() => change("gpu", gpu)}>
        {title}
      </button>
    ),
  },
  {
    title: "usable",
    text: ({ capacityBytes }) => formatBytes(capacityBytes),
    order: ({ capacityBytes }) => capacityBytes,
  },
  {
    title: "largest batch",
    text: ({ largest, exact }) => (largest === 0 ? "none" : `${exact ? "" : "~"}${formatCount(largest)}`),
    order: ({ largest }) => largest,
  },
  {
    title: `at batch ${formatCount(batch)}`,
    text: ({ largest }) => (largest >= batch ? "fits" : "does not fit"),
  },
];

export function Gpus() {
  return (
    <LookedAt
      name="gpus"
      view={({ perGpu, smallestGpu }) => (
        <>
          <p>
            {smallestGpu
              ? `The smallest device that takes it as it is: ${smallestGpu.title}, ${formatBytes(smallestGpu.capacityBytes)}.`
              : "No known device takes it as it is."}
          </p>
          <SortedTable
            caption="Devices"
            columns={columnsAt(report.value?.setup.batch ?? 1)}
            rows={perGpu}
            first="largest batch"
          />
        </>
      )}
    />
  );
}
