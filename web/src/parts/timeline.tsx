/**
 * One step over time: zoomed by wheel, by dragging over a stretch, by keys and by buttons; the moment under the pointer or the
 * cursor names what is alive then. The drawing is that of `--plot`.
 */
import { useComputed, useSignal } from "@preact/signals";
import { aliveAt, columnsBetween, highestMoment, phaseAt } from "plimsoll";
import { formatBytes, formatCount, PARTS, renderTimeline, timelineFrame } from "plimsoll/present";
import type { Picture } from "../analysis/protocol.js";
import { useEffect } from "preact/hooks";
import { frameOf, type Span, zoomed } from "./zoom.js";

const MOST_COLUMNS = 480;
/** Tensors that are named; the rest is counted. */
const NAMED = 12;
const LEAST_WIDTH = 280;
/** Pixels: a shorter drag is a click. */
const LEAST_DRAG = 6;
const percent = (share: number): string => `${(100 * share).toFixed(3)}%`;

export function Timeline({ picture: { data, history } }: { readonly picture: Picture }) {
  const count = history.actions.length;
  const peak = highestMoment(history);
  const span = useSignal<Span>({ from: 0, to: count });
  const cursor = useSignal(peak);
  /** Where a drag began and is, as moments. */
  const dragged = useSignal<Span | null>(null);
  /** Pixels there are. */
  const width = useSignal(960);
  const drawing = useComputed(() =>
    renderTimeline(
      { ...data, columns: columnsBetween(history, span.value.from, span.value.to, MOST_COLUMNS) },
      width.value,
    ),
  );
  useEffect(() => {
    const box = document.getElementById("timeline");
    if (!box) return;
    const watch = new ResizeObserver(() => {
      width.value = Math.max(LEAST_WIDTH, Math.round(box.clientWidth));
    });
    watch.observe(box);
    return () => watch.disconnect();
  }, [width]);
  const { from, to } = span.value;
  const moment = Math.min(cursor.value, count - 1);
  const { xOf, momentAt } = frameOf(span.value, timelineFrame(width.value));
  const says = describe(moment);

  function describe(at: number): string {
    const place = history.places[history.at[at] ?? 0] ?? "";
    const allocated = formatBytes(history.allocated[at] ?? 0);
    return `moment ${formatCount(at + 1)} of ${formatCount(count)}, ${phaseAt(history, at)}, ${place}: ${allocated} allocated${at === peak ? ", the peak" : ""}`;
  }

  function see(next: Span): void {
    span.value = zoomed(next, count);
  }
  function zoom(factor: number, around: number): void {
    see({ from: around - (around - from) * factor, to: around + (to - around) * factor });
  }
  function move(steps: number): void {
    goTo(moment + steps);
  }
  function goTo(at: number): void {
    cursor.value = Math.max(0, Math.min(count - 1, at));
    const [length, here] = [to - from, cursor.value];
    if (here < from || here >= to) see({ from: here - length / 2, to: here + length / 2 });
  }

  const stride = Math.max(1, Math.round((to - from) / 50));
  const KEYS: Readonly<Record<string, () => void>> = {
    ArrowRight: () => move(1),
    ArrowLeft: () => move(-1),
    ArrowUp: () => zoom(0.5, moment),
    ArrowDown: () => zoom(2, moment),
    PageDown: () => move(stride),
    PageUp: () => move(-stride),
    Home: () => goTo(0),
    End: () => goTo(count - 1),
    "+": () => zoom(0.5, moment),
    "-": () => zoom(2, moment),
    "0": () => see({ from: 0, to: count }),
    Escape: () => see({ from: 0, to: count }),
    p: () => goTo(peak),
  };

  const shareOf = (event: PointerEvent | WheelEvent): number => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect(); // as: of an element's own listener
    return (event.clientX - box.left) / box.width;
  };

  return (
    <>
      <p class="tools">
        <button type="button" onClick={() => zoom(0.5, moment)}>
          Zoom in
        </button>
        <button type="button" onClick={() => zoom(2, moment)}>
          Zoom out
        </button>
        <button type="button" disabled={to - from === count} onClick={() => see({ from: 0, to: count })}>
          All of the step
        </button>
        <button type="button" onClick={() => goTo(peak)}>
          To the peak
        </button>
      </p>
      <div
        id="timeline"
        class="timeline"
        role="slider"
        tabIndex={0}
        aria-label="Moments of one step"
        aria-describedby="timeline-keys"
        aria-valuemin={1}
        aria-valuemax={count}
        aria-valuenow={moment + 1}
        aria-valuetext={says}
        data-from={from}
        data-to={to}
        data-moment={moment}
        data-peak={peak}
        onKeyDown={(event) => {
          const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : KEYS[event.key];
          if (!act) return;
          event.preventDefault();
          act();
        }}
        onWheel={(event) => {
          event.preventDefault();
          zoom(event.deltaY > 0 ? 1.25 : 0.8, momentAt(shareOf(event)));
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const at = momentAt(shareOf(event));
          dragged.value = { from: at, to: at };
        }}
        onPointerMove={(event) => {
          const at = momentAt(shareOf(event));
          cursor.value = Math.floor(at);
          if (dragged.value) dragged.value = { ...dragged.value, to: at };
        }}
        onPointerUp={() => {
          const drag = dragged.value;
          dragged.value = null;
          if (!drag) return;
          if (Math.abs(xOf(drag.to) - xOf(drag.from)) * width.value < LEAST_DRAG) return;
          see({ from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) });
        }}
        onPointerCancel={() => {
          dragged.value = null;
        }}
      >
        {/* our own drawing: every name in it is escaped */}
        <div dangerouslySetInnerHTML={{ __html: drawing.value }} />
        {peak >= from && peak < to && (
          <span class={xOf(peak) < 0.5 ? "pin early" : "pin"} style={{ left: percent(xOf(peak + 0.5)) }}>
            <b>peak {formatBytes(history.allocated[peak] ?? 0)}</b>
          </span>
        )}
        {moment >= from && moment < to && (
          <span class="cursor" style={{ left: percent(xOf(moment + 0.5)) }} />
        )}
        {dragged.value && (
          <span
            class="dragged"
            style={{
              left: percent(xOf(Math.min(dragged.value.from, dragged.value.to))),
              width: percent(Math.abs(xOf(dragged.value.to) - xOf(dragged.value.from))),
            }}
          />
        )}
      </div>
      <p id="timeline-keys" class="hint">
        Wheel or + and − zoom, dragging over a stretch opens it, 0 shows all; ← → move by one, Page keys by
        more, p goes to the peak. Bars are what is alive by category, the dashed line is what the allocator
        holds.
      </p>
      <Alive says={says} tensors={aliveAt(history, moment)} />
    </>
  );
}

function Alive({ says, tensors }: { readonly says: string; readonly tensors: ReturnType<typeof aliveAt> }) {
  const rest = tensors.slice(NAMED);
  const left = rest.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <section class="alive" aria-label="Alive at this moment">
      <h3>{says}</h3>
      <ol>
        {tensors.slice(0, NAMED).map(({ name, category, bytes }, i) => (
          <li key={i}>
            <i style={{ background: PARTS[category].web }} /> <span>{name}</span>{" "}
            <small>
              {PARTS[category].label}, {formatBytes(bytes)}
            </small>
          </li>
        ))}
      </ol>
      {rest.length > 0 && (
        <p>
          and {formatCount(rest.length)} more, {formatBytes(left)} together
        </p>
      )}
    </section>
  );
}
