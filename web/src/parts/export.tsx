/** The answer to take away: JSON, Markdown, the picture, the command, the address. */
import type { EstimateReport } from "plimsoll";
import { renderEstimateMarkdown, renderJson } from "plimsoll/present";
import { question } from "../store.js";
import type { Explained } from "../analysis/protocol.js";
import { download } from "./download.js";
import { LookedAt } from "./looked-at.js";
import { rasterize } from "./rasterize.js";

function quoted(text: string): string {
  return /^[\w./:=,+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function command(): string {
  const { model, settings } = question.value;
  const flags = Object.entries(settings).map(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === "true" ? flag : `${flag} ${quoted(value)}`;
  });
  return ["plimsoll estimate", quoted(model.name), ...flags].join(" ");
}

/** What `estimate --json` prints: the explanation without what it adds. */
function estimateOf({ report: { layers: _layers, alive: _alive, ...estimate } }: Explained): EstimateReport {
  return estimate;
}

function Texts({ explained }: { readonly explained: Explained }) {
  const estimate = estimateOf(explained);
  const name = nameOf(estimate.model.name);
  return (
    <>
      <button
        type="button"
        onClick={() => download(`${name}.json`, "application/json", renderJson(estimate))}
      >
        JSON
      </button>{" "}
      <button
        type="button"
        onClick={() => download(`${name}.md`, "text/markdown", renderEstimateMarkdown(estimate))}
      >
        Markdown
      </button>
    </>
  );
}

function nameOf(model: string): string {
  return model.replace(/[^\w.-]+/g, "-");
}

export function Export() {
  const name = nameOf(question.value.model.name);
  return (
    <>
      <p>Figures, as `plimsoll estimate` prints them:</p>
      <LookedAt name="explained" view={(explained) => <Texts explained={explained} />} />
      <p>The picture of the step, the peak and the batch:</p>
      <LookedAt
        name="picture"
        view={({ svg }) => (
          <>
            <button type="button" onClick={() => download(`${name}.svg`, "image/svg+xml", svg)}>
              SVG
            </button>{" "}
            <button
              type="button"
              onClick={async () => download(`${name}.png`, "image/png", await rasterize(svg))}
            >
              PNG
            </button>
          </>
        )}
      />
      <p>
        <button type="button" onClick={() => void navigator.clipboard.writeText(location.href)}>
          Copy the address
        </button>
      </p>
      <p>The same on a command line:</p>
      <pre>
        <code>{command()}</code>
      </pre>
    </>
  );
}
