/** A part of the answer that is computed when it is looked at. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { More, MoreName } from "../analysis/protocol.js";
import { fresh, isComputing, more, need, question, recording, whyNot } from "../store.js";
import { FiveParts } from "./five-parts.js";

export function LookedAt<N extends MoreName>(props: {
  readonly name: N;
  readonly view: (value: NonNullable<More[N]>) => ComponentChildren;
}) {
  const { name, view } = props;
  const [asked, measured] = [question.value, recording.value];
  useEffect(() => need(name), [name, asked, measured]);
  const value = more.value[name] as NonNullable<More[N]> | undefined; // by its name
  const why = whyNot.value[name];
  if (typeof why === "string") return <pre class="why">{why}</pre>;
  if (why !== undefined) return <FiveParts of={why} />;
  if (value === undefined) return <p role="status">Computing …</p>;
  const isStale = isComputing.value || !fresh.value.has(name);
  return (
    <div class={isStale ? "stale" : ""} aria-busy={isStale}>
      {view(value)}
    </div>
  );
}
