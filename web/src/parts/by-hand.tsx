/** Rules of thumb beside the truth: each with its numbers, how far off it is, and what it misses here. */
import { formatBytes } from "plimsoll/present";
import type { Explained } from "../analysis/protocol.js";
import { LookedAt } from "./looked-at.js";

/** The rule that courses teach is open, the others are a click away. */
const TAUGHT = /^CS231n/;

function off(bytes: number, truth: number): string {
  const share = bytes / truth;
  if (share > 0.995 && share < 1.005) return "the same";
  return share < 1
    ? `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} % of it`
    : `${share.toFixed(share < 10 ? 1 : 0)} times as much`;
}

function Rule({ rule, truth }: { readonly rule: Explained["rules"][number]; readonly truth: number }) {
  const { name, source, bytes, formula, misses } = rule;
  const isTaught = TAUGHT.test(name);
  return (
    <li class="change">
      <h3>{name}</h3>
      <p>
        says <strong>{formatBytes(bytes)}</strong>, {off(bytes, truth)}
      </p>
      <details open={isTaught}>
        <summary>{isTaught ? "What the CS231n notes miss here" : "What it misses here"}</summary>
        <ul>
          {misses.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
        <p class="hint">
          <code>{formula}</code>
          <br />
          {source}
        </p>
      </details>
    </li>
  );
}

export function ByHand() {
  return (
    <LookedAt
      name="explained"
      view={({ report: { peak, setup }, rules }) => (
        <>
          <p>
            Computed step by step, a batch of {setup.batch} allocates{" "}
            <strong>{formatBytes(peak.allocatedBytes)}</strong> at its peak. The rules that people use say:
          </p>
          <ul class="changes">
            {rules.map((rule) => (
              <Rule key={rule.name} rule={rule} truth={peak.allocatedBytes} />
            ))}
          </ul>
        </>
      )}
    />
  );
}
