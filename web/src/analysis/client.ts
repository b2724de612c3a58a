/** One question under way at a time; of those that come meanwhile only the last is asked. */
import type { Question } from "../question.js";
import type { Ask, Told } from "./protocol.js";

export interface Analysis {
  readonly ask: (question: Question) => void;
}

export function startAnalysis(hear: (told: Told) => void): Analysis {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const base = new URL("./", document.baseURI).href;
  let id = 0;
  let isBusy = false;
  let next: Question | null = null;
  const send = (question: Question): void => {
    isBusy = true;
    id += 1;
    worker.postMessage({ id, question, base } satisfies Ask);
  };
  worker.addEventListener("message", ({ data }: MessageEvent<Told>) => {
    if (data.id !== id) return;
    hear(data);
    isBusy = false; // after the estimate a new question may come: the details are then given up
    if (next === null) return;
    const question = next;
    next = null;
    send(question);
  });
  worker.addEventListener("error", (event) =>
    hear({ kind: "bug", id, message: event.message || "the worker did not start" }),
  );
  return {
    ask: (question) => {
      if (isBusy) next = question;
      else send(question);
    },
  };
}
