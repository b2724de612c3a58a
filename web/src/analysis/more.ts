/** What takes longer, in a worker of its own: it is ended when the question changes under way. */
import type { Question } from "../question.js";
import type { AskMore, MoreName, ToldMore } from "./protocol.js";

export interface MoreAnalysis {
  readonly ask: (more: MoreName, question: Question, recording: File | null) => void;
  /** Whatever is under way is of no use any more. */
  readonly forget: () => void;
}

export function startMore(hear: (told: ToldMore) => void): MoreAnalysis {
  const base = new URL("./", document.baseURI).href;
  let worker: Worker | null = null;
  let pending = 0;
  const start = (): Worker => {
    const made = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    made.addEventListener("message", ({ data }: MessageEvent<ToldMore>) => {
      if (worker !== made) return;
      pending -= 1;
      hear(data);
    });
    return made;
  };
  return {
    ask: (more, question, recording) => {
      worker ??= start();
      pending += 1;
      worker.postMessage({ more, question, recording, base } satisfies AskMore);
    },
    forget: () => {
      if (pending > 0) {
        worker?.terminate();
        worker = null;
      }
      pending = 0;
    },
  };
}
