/**
 * The engine, off the page's thread. Only the newest question counts; between questions the ones that may come next are
 * answered ahead, so that a slider finds its answer there.
 */
import { estimate, InputError, type Options } from "plimsoll";
import type { Question } from "../question.js";
import { plainOf } from "./plain.js";
import type { Ask, AskMore, Figures, Told, ToldMore } from "./protocol.js";
import { modelOf } from "./read-asked.js";

let newest = 0;

const tell = (told: Told): void => self.postMessage(told);

self.addEventListener("message", ({ data }: MessageEvent<Ask | AskMore>) => {
  if ("more" in data) void answerMore(data);
  else {
    newest = data.id;
    void answer(data);
  }
});

async function answer({ id, question, ahead, base }: Ask): Promise<void> {
  try {
    if (question) {
      await modelOf(question.model, base);
      const start = performance.now();
      const report = await figuresOf(question, base);
      tell({ kind: "estimate", id, report, took: performance.now() - start });
    }
  } catch (error) {
    if (error instanceof InputError) tell({ kind: "complaint", id, complaint: error.complaint });
    else tell({ kind: "bug", id, message: error instanceof Error ? error.message : String(error) });
    return;
  }
  for (const next of ahead) {
    await pause();
    if (id !== newest) return;
    try {
      tell({ kind: "ahead", id, question: next, report: await figuresOf(next, base) });
    } catch {
      // what is wrong with it is said when it is asked
    }
  }
}

async function figuresOf({ model, settings }: Question, base: string): Promise<Figures> {
  const report = estimate(await modelOf(model, base), settings as Options); // every value is checked there
  const names = Object.keys(report).filter((name) => name !== "formula") as (keyof Figures)[]; // keys of a report
  return plainOf(Object.fromEntries(names.map((name) => [name, report[name]]))) as Figures; // all of them
}

/** Messages that have come are taken up. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

async function answerMore({ more, question, recording, base }: AskMore): Promise<void> {
  try {
    const { MORE } = await import("./more-answers.js");
    const model = await modelOf(question.model, base);
    const value = await MORE[more](model, question.settings as Options, recording);
    self.postMessage({ kind: "more", name: more, value } satisfies ToldMore);
  } catch (error) {
    const why =
      error instanceof InputError ? error.complaint : error instanceof Error ? error.message : String(error);
    self.postMessage({ kind: "less", name: more, why } satisfies ToldMore);
  }
}
