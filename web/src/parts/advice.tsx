/** Changes that save memory, each simulated; one click applies one, and another takes it back. */
import { signal } from "@preact/signals";
import { formatBytes } from "plimsoll/present";
import type { AdviceReport } from "plimsoll";
import { question, report, restore, changeAll } from "../store.js";
import type { Question } from "../question.js";
import { LookedAt } from "./looked-at.js";

type Change = AdviceReport["changes"][number];

/** What was set before the changes that were applied, the last one last. */
const before = signal<readonly Question[]>([]);

function apply(change: Change["change"]): void {
  before.value = [...before.value, question.value];
  changeAll(
    Object.fromEntries(
      Object.entries(change).map(([name, value]) => [
        name,
        value === undefined || value === null || value === false ? "" : String(value),
      ]),
    ),
  );
}

function undo(): void {
  const last = before.value.at(-1);
  if (!last) return;
  before.value = before.value.slice(0, -1);
  restore(last.settings);
}

function Item({
  change: { title, savedBytes, deviceTotalBytes, fits, relativeTime, price, code, change },
}: {
  readonly change: Change;
}) {
  return (
    <li class="change">
      <h3>{title}</h3>
      <p>
        saves <strong>{formatBytes(savedBytes)}</strong>, leaves {formatBytes(deviceTotalBytes)}
        {fits ? ", which fits" : ""}; step time x {relativeTime.toFixed(2)}
      </p>
      <p>{price}</p>
      {Object.entries(code).map(([where, text]) => (
        <details key={where}>
          <summary>{where}</summary>
          <pre>
            <code>{text}</code>
          </pre>
        </details>
      ))}
      <button type="button" onClick={() => apply(change)}>
        Apply: {title}
      </button>
    </li>
  );
}

export function Advice() {
  if (!report.value?.machine) return <p>Choose a GPU: advice is about what fits it.</p>;
  return (
    <>
      {before.value.at(-1)?.model === question.value.model && (
        <button type="button" onClick={undo}>
          Undo the last change
        </button>
      )}
      <LookedAt
        name="advice"
        view={({ plan, changes }) => (
          <>
            {plan && (
              <p class="plan">
                Together: <code>{plan.flags}</code> leaves {formatBytes(plan.deviceTotalBytes)}
                {plan.fits ? " and fits" : ""}, step time x {plan.relativeTime.toFixed(2)}{" "}
                <button type="button" onClick={() => apply(plan.change)}>
                  Apply all
                </button>
              </p>
            )}
            <ul class="changes">
              {changes
                .filter(({ savedBytes }) => savedBytes > 0)
                .map((change) => (
                  <Item key={change.id} change={change} />
                ))}
            </ul>
          </>
        )}
      />
    </>
  );
}
