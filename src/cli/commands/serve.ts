/** `plimsoll serve`: opens the port, says where, and closes it when asked to end. */
import { availableParallelism } from "node:os";
import type { Listening } from "../../server/node/listen.js";
import { runService } from "../../server/node/run-service.js";
import { catalogueFiles } from "../catalogue-files.js";
import { notANumber, portTaken } from "../complaints.js";
import { EXIT } from "../exit-codes.js";

export interface ServeFlags {
  readonly port: string;
  readonly host: string;
  readonly threads?: string;
  readonly maxBody: string;
  readonly maxSeconds: string;
}

const MiB = 1024 ** 2;

export async function runServe(flags: ServeFlags, version: string): Promise<number> {
  const { port, host, threads = String(availableParallelism()), maxBody, maxSeconds } = flags;
  const options = {
    host,
    port: numberOf("--port", port, 0, 65_535),
    version,
    threads: numberOf("--threads", threads, 1, 256),
    mostBody: numberOf("--max-body", maxBody, 1, 4096) * MiB,
    mostSeconds: numberOf("--max-seconds", maxSeconds, 1, 3600),
    catalogue: catalogueFiles(),
    workerFile: builtFile("worker.js"),
    folders: { page: builtFile("../web/"), catalogue: builtFile("../../catalogue/") },
  };
  let listening: Listening;
  try {
    listening = await runService(options);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException; // node:http rejects with these
    if (code === "EADDRINUSE" || code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
      throw portTaken(host, options.port, code);
    throw error;
  }
  process.stdout.write(`${listening.url}\n`);
  process.stderr.write("the page, /v1/…, /openapi.json and /mcp; Ctrl-C ends it\n");
  await asked();
  await listening.close();
  return EXIT.done;
}

/** Resolves when the process is told to end; told twice, it ends at once. */
function asked(): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      process.on(signal, () => {
        if (told) process.exit(EXIT.done);
        told = true;
        resolve();
      });
  });
}

function numberOf(flag: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < low || value > high) throw notANumber(flag, text, low, high);
  return value;
}

/** Beside dist/cli/main.js, whichever chunk this lies in. */
function builtFile(name: string): URL {
  const here = import.meta.url.includes("/chunks/")
    ? new URL("..", import.meta.url)
    : new URL(".", import.meta.url);
  return new URL(name, here);
}
