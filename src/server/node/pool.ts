/**
 * Analyses in worker threads: one model that takes long, or too much memory, stalls nobody else. Answers to questions about
 * models by name are kept for a while; the same question has the same answer.
 */
import { LRUCache } from "lru-cache";
import { Piscina } from "piscina";
import { busy, tooLong, tooMuchMemory } from "../complaints.js";
import type { Job, Outcome, RunJob } from "../job.js";

export interface PoolOptions {
  /** The built worker. */
  readonly workerFile: URL;
  readonly threads: number;
  /** Questions that may wait for a thread. */
  readonly mostWaiting: number;
  readonly mostSeconds: number;
  /** Heap of one thread. */
  readonly mostMegabytes: number;
}

export interface Pool {
  readonly run: RunJob;
  /** Questions that wait. */
  readonly waiting: () => number;
  readonly close: () => Promise<void>;
}

/** Characters of answers that are kept. */
const KEPT_ANSWERS = 32 * 1024 ** 2;

export function createPool(options: PoolOptions): Pool {
  const { threads, mostWaiting, mostSeconds, mostMegabytes } = options;
  const pool = new Piscina<Job, Outcome>({
    filename: options.workerFile.href,
    minThreads: threads,
    maxThreads: threads,
    resourceLimits: { maxOldGenerationSizeMb: mostMegabytes },
  });
  const answers = new LRUCache<string, Outcome>({
    maxSize: KEPT_ANSWERS,
    sizeCalculation: (outcome, key) => key.length + (outcome.kind === "answer" ? outcome.json.length : 1000),
  });

  const turns = new Turns(threads);
  const compute = async (job: Job): Promise<Outcome> => {
    const where = `/v1/${job.operation}`;
    if (turns.waiting >= mostWaiting) throw busy(where, mostWaiting);
    await turns.take(); // time runs from here on, not while the question waits
    try {
      return await pool.run(job, { name: "answer", signal: AbortSignal.timeout(mostSeconds * 1000) });
    } catch (error) {
      const { name = "", code = "" } = error as { name?: string; code?: string }; // whatever was thrown
      if (name === "AbortError" || name === "TimeoutError") throw tooLong(where, mostSeconds);
      if (code === "ERR_WORKER_OUT_OF_MEMORY") throw tooMuchMemory(where, mostMegabytes);
      throw error;
    } finally {
      turns.give();
    }
  };
  return {
    run: async (job) => {
      if (job.model.kind === "file" || job.recording) return compute(job);
      const key = JSON.stringify(job);
      const before = answers.get(key);
      if (before) return before;
      const outcome = await compute(job);
      answers.set(key, outcome);
      return outcome;
    },
    waiting: () => turns.waiting,
    close: () => pool.close(),
  };
}

/** So many at a time, the others in the order they came. */
class Turns {
  private free: number;
  private readonly line: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  get waiting(): number {
    return this.line.length;
  }

  async take(): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.line.push(resolve));
  }

  give(): void {
    const next = this.line.shift();
    if (next) next();
    else this.free += 1;
  }
}
