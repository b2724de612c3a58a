/** The answer to take away: JSON, Markdown, the command, the address. */
import { renderEstimateMarkdown, renderJson } from "plimsoll/present";
import { question, report } from "../store.js";
import { download } from "./download.js";

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

export function Export() {
  const now = report.value;
  if (!now) return null;
  const name = now.model.name.replace(/[^\w.-]+/g, "-");
  return (
    <>
      <p>
        <button type="button" onClick={() => download(`${name}.json`, "application/json", renderJson(now))}>
          JSON
        </button>{" "}
        <button
          type="button"
          onClick={() => download(`${name}.md`, "text/markdown", renderEstimateMarkdown(now))}
        >
          Markdown
        </button>{" "}
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
