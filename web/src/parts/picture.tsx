/** One step over time, the peak block by block, and the batch curve: the picture of `--plot`. */
import { download } from "./download.js";
import { LookedAt } from "./looked-at.js";

const SCALE = 2;

/** The drawing as a PNG, twice as many pixels as points. */
async function rasterize(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * SCALE;
  canvas.height = image.naturalHeight * SCALE;
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("the browser makes no PNG"))), "image/png"),
  );
}

export function Picture() {
  return (
    <LookedAt
      name="picture"
      view={(svg) => (
        <>
          {/* our own drawing: every name in it is escaped */}
          <div class="picture" dangerouslySetInnerHTML={{ __html: svg }} />
          <p>
            <button type="button" onClick={() => download("plimsoll.svg", "image/svg+xml", svg)}>
              SVG
            </button>{" "}
            <button
              type="button"
              onClick={async () => download("plimsoll.png", "image/png", await rasterize(svg))}
            >
              PNG
            </button>
          </p>
        </>
      )}
    />
  );
}
