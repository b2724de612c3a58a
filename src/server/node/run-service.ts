/** The whole service in one process: pool, handler, figures, port, and its end. */
import type { CatalogueFiles } from "../../index.js";
import { createHandler } from "../handler.js";
import { type Listening, listen } from "./listen.js";
import { measured } from "./metrics.js";
import { type PageFolders, pageFiles } from "./page-files.js";
import { createPool } from "./pool.js";

export interface ServiceOptions {
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly threads: number;
  readonly mostBody: number;
  readonly mostSeconds: number;
  readonly catalogue: CatalogueFiles;
  /** The built worker: its export `answer` answers a job. */
  readonly workerFile: URL;
  readonly folders: PageFolders;
}

/** Questions that may wait for each thread: more than this and the caller is better off asking another copy. */
const WAITING_PER_THREAD = 256;
/** DESIGN: hostile files are answered within 512 MiB. */
const HEAP_MEGABYTES = 512;

export async function runService(options: ServiceOptions): Promise<Listening> {
  const pool = createPool({
    workerFile: options.workerFile,
    threads: options.threads,
    mostWaiting: WAITING_PER_THREAD * options.threads,
    mostSeconds: options.mostSeconds,
    mostMegabytes: HEAP_MEGABYTES,
  });
  const handler = createHandler({
    run: pool.run,
    catalogue: options.catalogue,
    version: options.version,
    mostBody: options.mostBody,
    page: pageFiles(options.folders),
    onBug: (error) =>
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`),
  });
  const listening = await listen(measured(handler, pool.waiting), options.host, options.port);
  return {
    url: listening.url,
    close: async () => {
      await listening.close();
      await pool.close();
    },
  };
}
