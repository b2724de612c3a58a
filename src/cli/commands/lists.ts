/** `plimsoll models`, `gpus`, `optimizers` and `formats`: what is known, with sources. */
import type { List } from "../../present/index.js";
import { fold } from "../../present/layout.js";
import { formatBytes, formatCount } from "../../present/units.js";
import { renderJson } from "../../present/json.js";
import { renderList } from "../../present/list.js";
import { renderListCsv } from "../../present/csv.js";
import { listModels } from "../../list-models.js";
import { listFormats, listGpus, listOptimizers } from "../../tables.js";
import { catalogueFiles } from "../catalogue-files.js";
import { EXIT } from "../exit-codes.js";
import { type OutputFlags, print, terminalWidth, wantsColor } from "../terminal.js";

export async function runModels(pattern: string | undefined, flags: OutputFlags): Promise<number> {
  const models = await listModels(catalogueFiles(), pattern);
  const rows = models.map(({ name, parameterCount, image, isImageFree, description }) => [
    name,
    formatCount(parameterCount),
    image === null ? "" : `${image.join("x")}${isImageFree ? "" : " only"}`,
    description,
  ]);
  return show(models, { columns: columns("name", ">parameters", "image", "model"), rows }, flags);
}

export async function runGpus(pattern: string | undefined, flags: OutputFlags): Promise<number> {
  const gpus = listGpus(pattern);
  const rows = gpus.map(({ id, usableBytes, usableBasis, computeCapability, multiprocessors, title }) => [
    id,
    formatBytes(usableBytes),
    usableBasis,
    computeCapability ?? "",
    multiprocessors === null ? "" : String(multiprocessors),
    title,
  ]);
  return show(
    gpus,
    { columns: columns("name", ">usable", "basis", ">capability", ">SMs", "device"), rows },
    flags,
  );
}

export async function runOptimizers(flags: OutputFlags): Promise<number> {
  const optimizers = listOptimizers();
  const rows = optimizers.map(({ name, package: from, states, implementation, options }) => [
    name,
    from,
    implementation,
    states.join(", ") || "none",
    options.join(", "),
  ]);
  return show(
    optimizers,
    { columns: columns("name", "from", "path", "states on the device", "options that change memory"), rows },
    flags,
  );
}

export async function runFormats(flags: OutputFlags): Promise<number> {
  const formats = listFormats();
  const rows = formats.map(({ title, extensions, isRead }) => [
    title,
    extensions.join(" "),
    isRead ? "read" : "not yet",
  ]);
  const list = { columns: columns("format", "files", ""), rows };
  if (flags.json || flags.csv) return show(formats, list, flags);
  const made = formats
    .filter(({ isRead }) => isRead)
    .map(({ title, made, kinds }) => `\n${title}:\n  ${made}\n${named(kinds)}`);
  await print(renderList(list, { width: terminalWidth(), color: wantsColor(flags) }) + made.join(""));
  return EXIT.done;
}

/** Kinds of models, folded to the terminal. */
function named(kinds: readonly string[]): string {
  if (kinds.length === 0) return "";
  const lines = fold(`model_type: ${kinds.join(", ")}`, terminalWidth(), "  ", "  ");
  return lines.map((line) => `${line}\n`).join("");
}

async function show(data: unknown, list: List, flags: OutputFlags): Promise<number> {
  const text = flags.json
    ? renderJson(data)
    : flags.csv
      ? renderListCsv(list)
      : renderList(list, { width: terminalWidth(), color: wantsColor(flags) });
  await print(text);
  return EXIT.done;
}

/** `>` before a title aligns its column to the right. */
function columns(...titles: readonly string[]): List["columns"] {
  return titles.map((title) =>
    title.startsWith(">") ? { title: title.slice(1), align: "right" } : { title, align: "left" },
  );
}
