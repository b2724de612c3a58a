/** The answer: load line, breakdown, and what is behind it, in tabs. */
import { signal } from "@preact/signals";
import { formatBytes, formatCount } from "plimsoll/present";
import type { Figures as Answered } from "../analysis/protocol.js";
import { isComputing, more, report, took } from "../store.js";
import { Advice } from "./advice.js";
import { Assumptions } from "./assumptions.js";
import { Breakdown } from "./breakdown.js";
import { ByHand } from "./by-hand.js";
import { Export } from "./export.js";
import { Formula } from "./formula.js";
import { Gpus } from "./gpus.js";
import { Hull } from "./hull.js";
import { Layers } from "./layers.js";
import { Measured } from "./measured-on-demand.js";
import { Picture } from "./picture.js";

const TABS = {
  peak: { title: "At the peak", view: () => <Breakdown /> },
  picture: { title: "Over time", view: () => <Picture /> },
  advice: { title: "Advice", view: () => <Advice /> },
  gpus: { title: "GPUs", view: () => <Gpus /> },
  layers: { title: "Layers", view: () => <Layers /> },
  formula: { title: "Formula", view: () => <Formula /> },
  measured: { title: "Measured", view: () => <Measured /> },
  hand: { title: "By hand", view: () => <ByHand /> },
  assumed: { title: "Assumed", view: () => <Assumptions /> },
  export: { title: "Export", view: () => <Export /> },
} as const;
type TabName = keyof typeof TABS;
const NAMES = Object.keys(TABS) as TabName[]; // keys of a literal
const open = signal<TabName>("peak");

export function verdictOf({ machine }: Answered): string {
  if (!machine) return "Choose a GPU to see whether it fits.";
  const room = formatBytes(Math.abs(machine.headroomBytes));
  if (machine.verdict === "does-not-fit")
    return machine.headroomBytes < 0
      ? `Does not fit: ${room} too much.`
      : "Does not fit: the allocator runs out on the way.";
  return machine.verdict === "tight"
    ? `Tight: ${room} to spare, less than the answer is sure of.`
    : `Fits, with ${room} to spare.`;
}

/** A lower bound alone has no upper end. */
function upTo(highBytes: number): string {
  return highBytes === Number.MAX_SAFE_INTEGER ? "or more" : `to ${formatBytes(highBytes)}`;
}

function Figures({ report: { peak, machine, interval } }: { readonly report: Answered }) {
  const largest = more.value.largest;
  const figures = [
    ["allocated", peak.allocatedBytes, "torch.cuda.\u200bmax_memory_allocated()"],
    ["reserved", peak.reservedBytes, "torch.cuda.\u200bmax_memory_reserved()"],
    [
      "device total",
      peak.deviceTotalBytes,
      `nvidia-smi; ${Math.round(interval.confidence * 100)} %: ${formatBytes(interval.lowBytes)} ${upTo(interval.highBytes)}`,
    ],
  ] as const;
  return (
    <dl class="figures">
      {figures.map(([name, bytes, as]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-bytes={bytes} data-figure={name}>
            {formatBytes(bytes)}
          </dd>
          <dd class="as">{as}</dd>
        </div>
      ))}
      {machine && largest && (
        <div>
          <dt>largest batch</dt>
          <dd data-figure="largest">{formatCount(largest.batch)}</dd>
          <dd class="as">{machine.gpu}</dd>
        </div>
      )}
    </dl>
  );
}

function onKey(event: KeyboardEvent): void {
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (step === 0) return;
  const next = NAMES[(NAMES.indexOf(open.value) + step + NAMES.length) % NAMES.length] as TabName;
  open.value = next;
  document.getElementById(`tab-${next}`)?.focus();
}

export function Answer() {
  const now = report.value;
  if (now === null) return <p class="waiting">{isComputing.value ? "Computing …" : ""}</p>;
  return (
    <div class={isComputing.value ? "stale" : ""} aria-busy={isComputing.value}>
      <h2>
        {now.model.name}{" "}
        <small>
          {formatCount(now.model.parameterCount)} parameters · batch {formatCount(now.setup.batch)}
        </small>
      </h2>
      <p class={`verdict ${now.machine?.verdict ?? ""}`} role="status">
        {verdictOf(now)}
      </p>
      <Hull report={now} />
      <Figures report={now} />
      <div role="tablist" aria-label="What is behind it" class="tabs">
        {NAMES.map((name) => (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={open.value === name}
            aria-controls="panel"
            tabIndex={open.value === name ? 0 : -1}
            onClick={() => {
              open.value = name;
            }}
            onKeyDown={onKey}
          >
            {TABS[name].title}
          </button>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a panel that scrolls is reached by keyboard */}
      <section id="panel" role="tabpanel" aria-labelledby={`tab-${open.value}`} tabIndex={0}>
        {TABS[open.value].view()}
      </section>
      <p class="took">{took.value === null ? "computed ahead" : `computed in ${took.value.toFixed(0)} ms`}</p>
    </div>
  );
}
