/** Predicted beside measured: a recording that is dropped here is read here, and goes nowhere. */
import type { CompareReport } from "plimsoll";
import {
  calibrationWords,
  type CompareLine,
  compareLines,
  differenceWords,
  formatBytes,
} from "plimsoll/present";
import { compareWith, recording } from "../store.js";
import { LookedAt } from "./looked-at.js";

const GROUPS = {
  figure: "Figures",
  phase: "Peaks of the phases",
  group: "Alive at the peak, by lifetime",
  module: "Left behind by forward, module by module (those that differ most)",
} as const;
const CLOSE = 0.01;
const FAR = 0.05;

function Drop() {
  return (
    <label
      class="file drop"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        compareWith(event.dataTransfer?.files[0] ?? null);
      }}
    >
      Drop what was measured: a trace of torch.profiler with memory (.json, .json.gz), a memory snapshot
      (.pickle), a recording of plimsoll watch
      <input
        type="file"
        id="recording"
        onChange={(event) => compareWith(event.currentTarget.files?.[0] ?? null)}
      />
    </label>
  );
}

function Off({ of }: { readonly of: number | null }) {
  if (of === null) return <td class="number" />;
  const size = Math.abs(of);
  const kind = size <= CLOSE ? "good" : size <= FAR ? "tight" : "bad";
  const text = `${of > 0 ? "+" : of < 0 ? "−" : ""}${(100 * size).toFixed(size >= 1 ? 0 : 2)} %`;
  return <td class={`number ${kind}`}>{text}</td>;
}

function Lines({
  kind,
  lines,
}: {
  readonly kind: keyof typeof GROUPS;
  readonly lines: readonly CompareLine[];
}) {
  const rows = lines.filter((line) => line.kind === kind);
  if (rows.length === 0) return null;
  return (
    <tbody>
      <tr>
        <th colSpan={4} scope="rowgroup" class="group">
          {GROUPS[kind]}
        </th>
      </tr>
      {rows.map(({ name, predicted, measured, error }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td class="number">{predicted === null ? "–" : formatBytes(predicted)}</td>
          <td class="number" data-measured={`${kind} ${name}`} data-bytes={measured ?? ""}>
            {measured === null ? "–" : formatBytes(measured)}
          </td>
          <Off of={error} />
        </tr>
      ))}
    </tbody>
  );
}

function Beside({ report }: { readonly report: CompareReport }) {
  const lines = compareLines(report);
  const { recording: from, largestDifferences, diagnostics } = report;
  return (
    <>
      <p>
        <strong>{from.source}</strong> · {from.device}
        {from.steps !== null && ` · ${from.steps} ${from.steps === 1 ? "step" : "steps"}`}{" "}
        <button type="button" class="quiet" onClick={() => compareWith(null)}>
          Take it away
        </button>
      </p>
      {largestDifferences.length > 0 && (
        <>
          <h3>Where they differ most</h3>
          <ul class="differences">
            {largestDifferences.map((difference) => (
              <li key={`${difference.kind} ${difference.name}`}>{differenceWords(difference)}</li>
            ))}
          </ul>
        </>
      )}
      <div class="scroll">
        <table class="beside">
          <caption>Predicted less measured, of measured</caption>
          <thead>
            <tr>
              <th scope="col">what</th>
              <th scope="col" class="number">
                predicted
              </th>
              <th scope="col" class="number">
                measured
              </th>
              <th scope="col" class="number">
                error
              </th>
            </tr>
          </thead>
          {(Object.keys(GROUPS) as (keyof typeof GROUPS)[]).map((kind) => (
            <Lines key={kind} kind={kind} lines={lines} />
          ))}
        </table>
      </div>
      {[...calibrationWords(report), ...diagnostics.map(({ message }) => message)].map((text) => (
        <p key={text} class="note">
          {text}
        </p>
      ))}
    </>
  );
}

export function Measured() {
  return (
    <>
      <Drop />
      {recording.value && <LookedAt name="compared" view={(report) => <Beside report={report} />} />}
    </>
  );
}
