/** One step over time, the peak block by block, and the batch curve: the picture of `--plot`, the first of them to look into. */
import type { Picture as PictureData } from "../analysis/protocol.js";
import { download } from "./download.js";
import { LookedAt } from "./looked-at.js";
import { onDemand } from "./on-demand.js";
import { rasterize } from "./rasterize.js";

const Timeline = onDemand<{ readonly picture: PictureData }>(
  async () => (await import("./timeline.js")).Timeline,
);

export function Picture() {
  return (
    <LookedAt
      name="picture"
      view={(picture) => (
        <>
          <Timeline key={picture.svg} picture={picture} />
          <details class="whole">
            <summary>The peak block by block, and the peak over the batch</summary>
            {/* our own drawing: every name in it is escaped */}
            <div class="picture" dangerouslySetInnerHTML={{ __html: picture.svg }} />
          </details>
          <p>
            <button type="button" onClick={() => download("plimsoll.svg", "image/svg+xml", picture.svg)}>
              SVG
            </button>{" "}
            <button
              type="button"
              onClick={async () => download("plimsoll.png", "image/png", await rasterize(picture.svg))}
            >
              PNG
            </button>
          </p>
        </>
      )}
    />
  );
}
