/** The load line: a hull filled by category; the line is what the device can give. */
import { formatBytes } from "plimsoll/present";
import type { Figures } from "../analysis/protocol.js";
import { sharesOf } from "./parts-of.js";

const WIDTH = 640;
const HEIGHT = 220;
const DECK = 14;
const KEEL = HEIGHT - 8;
const HULL = `M10 ${DECK} H${WIDTH - 10} Q${WIDTH - 40} ${KEEL} ${WIDTH - 150} ${KEEL} H150 Q40 ${KEEL} 10 ${DECK} Z`;

export function Hull({ report }: { readonly report: Figures }) {
  const { machine, peak } = report;
  const capacity = machine?.capacityBytes ?? null;
  // the deck is a quarter above the line, or where an overload ends
  const deck = Math.max(
    capacity === null ? peak.deviceTotalBytes * 1.25 : capacity * 1.25,
    peak.deviceTotalBytes * 1.02,
  );
  const height = (bytes: number): number => ((KEEL - DECK) * bytes) / deck;
  let below = KEEL;
  const layers = sharesOf(report).map((share) => {
    const tall = height(share.bytes);
    below -= tall;
    return { ...share, y: below, tall };
  });
  const line = capacity === null ? null : KEEL - height(capacity);
  const says = `${formatBytes(peak.deviceTotalBytes)}${capacity === null ? "" : ` of ${formatBytes(capacity)}`}`;
  return (
    <figure class="hull">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`A hull loaded with ${says}`}>
        <defs>
          <clipPath id="hull">
            <path d={HULL} />
          </clipPath>
        </defs>
        <path d={HULL} class="empty" />
        <g clip-path="url(#hull)">
          {layers.map(({ part, color, y, tall, label, bytes }) => (
            <rect key={part} x={0} width={WIDTH} y={y} height={tall} fill={color}>
              <title>{`${label} ${formatBytes(bytes)}`}</title>
            </rect>
          ))}
        </g>
        <path d={HULL} class="outline" />
        {line !== null && (
          <g class="line">
            <path d={`M0 ${line} H${WIDTH}`} />
            <circle cx={WIDTH / 2} cy={line} r={9} />
          </g>
        )}
      </svg>
      <ul class="legend">
        {layers.map(({ part, label, color, bytes }) => (
          <li key={part}>
            <i style={{ background: color }} /> {label} <small>{formatBytes(bytes)}</small>
          </li>
        ))}
      </ul>
      <figcaption>
        {machine ? (
          <>
            load line of {machine.gpu}: {formatBytes(machine.capacityBytes)}; loaded{" "}
            {formatBytes(peak.deviceTotalBytes)}
          </>
        ) : (
          <>loaded {formatBytes(peak.deviceTotalBytes)}</>
        )}
      </figcaption>
    </figure>
  );
}
