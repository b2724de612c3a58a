/** A part of the answer that is computed when it is looked at. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { More, MoreName } from "../analysis/protocol.js";
import { more, need, report } from "../store.js";

export function LookedAt<N extends MoreName>(props: {
  readonly name: N;
  readonly view: (value: More[N]) => ComponentChildren;
}) {
  const { name, view } = props;
  const now = report.value;
  useEffect(() => {
    if (now) need(name);
  }, [name, now]);
  const value = more.value[name] as More[N] | undefined; // by its name
  const why = more.value.why?.[name];
  if (why !== undefined) return <pre class="why">{why}</pre>;
  if (value === undefined) return <p role="status">Computing …</p>;
  return <>{view(value)}</>;
}
