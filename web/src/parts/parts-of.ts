/** A report's bytes by part, in the order of the terminal's breakdown. */
import { PARTS, type Part } from "plimsoll/present";
import type { Figures } from "../analysis/protocol.js";

export interface Share {
  readonly part: Part;
  readonly label: string;
  readonly color: string;
  readonly bytes: number;
}

export function sharesOf({ atPeak, overhead }: Figures): readonly Share[] {
  const bytes: Readonly<Record<Part, number>> = {
    ...atPeak,
    allocatorSlack: overhead.allocatorSlackBytes,
    context: overhead.contextBytes,
  };
  return (Object.keys(PARTS) as Part[]) // keys of a literal
    .map((part) => ({ part, label: PARTS[part].label, color: PARTS[part].web, bytes: bytes[part] }))
    .filter((share) => share.bytes > 0);
}
