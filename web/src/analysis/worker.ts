/** The engine, off the page's thread. Only the newest question counts: an older one is given up between two steps. */
import {
  advise,
  byHandOf,
  checkFlags,
  estimate,
  explain,
  fit,
  InputError,
  type ImportedModel,
  largestBatch,
  type Options,
  plot,
  readModel,
} from "plimsoll";
import type { Asked } from "../question.js";
import type { Ask, AskMore, More, MoreName, Told, ToldMore } from "./protocol.js";

let newest = 0;
let known: { readonly key: string; readonly model: ImportedModel } | null = null;

const tell = (told: Told): void => self.postMessage(told);

self.addEventListener("message", ({ data }: MessageEvent<Ask | AskMore>) => {
  if ("more" in data) void answerMore(data);
  else {
    newest = data.id;
    void answer(data);
  }
});

const MORE: { readonly [name in MoreName]: (model: ImportedModel, options: Options) => More[name] } = {
  picture: (model, options) => plot(model, options),
  advice: (model, options) => structuredCloneable(advise(model, options)),
  gpus: (model, { gpu: _, ...options }) => structuredCloneable(fit(model, options)),
};

async function answerMore({ more, question, base }: AskMore): Promise<void> {
  try {
    const model = await modelOf(question.model, base);
    const value = MORE[more](model, checkFlags(question.settings as Options)); // every value is checked there
    self.postMessage({ kind: "more", name: more, value } satisfies ToldMore);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    self.postMessage({ kind: "less", name: more, why } satisfies ToldMore);
  }
}

async function answer({ id, question, base }: Ask): Promise<void> {
  try {
    const model = await modelOf(question.model, base);
    const options = question.settings as Options; // every value is checked where it is used
    const start = performance.now();
    const report = estimate(model, options);
    const plain = structuredCloneable(report);
    tell({ kind: "estimate", id, report: plain, took: performance.now() - start });
    await pause();
    if (id !== newest) return;
    const explained = explain(model, options);
    const details = {
      report: structuredCloneable(explained),
      largest: largestBatch(model, options),
      rules: byHandOf(model, options, explained).rules,
    };
    tell({ kind: "details", id, details });
  } catch (error) {
    if (error instanceof InputError) tell({ kind: "complaint", id, complaint: error.complaint });
    else tell({ kind: "bug", id, message: error instanceof Error ? error.message : String(error) });
  }
}

/** Messages that have come are taken up. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Getters compute when they are read: `JSON` reads all. */
function structuredCloneable<T>(report: T): T {
  return JSON.parse(JSON.stringify(report)) as T; // a report is JSON by contract
}

async function modelOf(asked: Asked, base: string): Promise<ImportedModel> {
  const key =
    asked.kind === "file"
      ? `${asked.name} ${asked.file.size} ${asked.file.lastModified}`
      : JSON.stringify(asked);
  if (known?.key === key) return known.model;
  const model = await read(asked, base);
  known = { key, model };
  return model;
}

function read(asked: Asked, base: string): Promise<ImportedModel> {
  if (asked.kind === "file") return readModel(asked.file, { name: asked.name });
  if (asked.kind === "text") return readModel(new TextEncoder().encode(asked.text), { name: asked.name });
  return readModel(asked.name, { catalogue: { read: (path) => fetched(`${base}catalogue/${path}`) } });
}

async function fetched(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} for ${url}`);
  return new Uint8Array(await response.arrayBuffer());
}
