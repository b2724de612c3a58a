/** One question under way at a time; of those that come meanwhile only the last is asked. */
import type { Question } from "../question.js";
import type { Ask, Told } from "./protocol.js";

export interface Analysis {
  /** `question` is null where its answer is known, and only others are to be answered ahead. */
  readonly ask: (question: Question | null, ahead: readonly Question[]) => void;
}

export function startAnalysis(hear: (told: Told) => void): Analysis {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const base = new URL("./", document.baseURI).href;
  let id = 0;
  let isBusy = false;
  let next: Omit<Ask, "id" | "base"> | null = null;
  const send = (ask: Omit<Ask, "id" | "base">): void => {
    isBusy = ask.question !== null;
    id += 1;
    worker.postMessage({ ...ask, id, base } satisfies Ask);
  };
  worker.addEventListener("message", ({ data }: MessageEvent<Told>) => {
    if (data.kind === "ahead") return hear(data);
    if (data.id !== id) return;
    isBusy = false; // what is answered ahead from now on is given up for a new question
    if (next === null) return hear(data);
    // somebody drags on: a figure on the way is shown, a mistake on the way is not
    if (data.kind === "estimate") hear(data);
    const ask = next;
    next = null;
    send(ask);
  });
  worker.addEventListener("error", (event) =>
    hear({ kind: "bug", id, message: event.message || "the worker did not start" }),
  );
  return {
    ask: (question, ahead) => {
      if (isBusy) next = { question, ahead };
      else send({ question, ahead });
    },
  };
}
