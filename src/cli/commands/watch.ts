/** `plimsoll watch`: runs a command, samples the memory of its processes, writes a recording for `compare`. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { performance } from "node:perf_hooks";
import { formatBytes } from "../../present/units.js";
import { cannotSave, noCommand, notANumber } from "../complaints.js";
import { findGpuTool, type GpuSample, type GpuTool } from "../watch/gpu-tools.js";
import { readTree, type TreeMemory } from "../watch/process-tree.js";
import { terminalWidth } from "../terminal.js";

export interface WatchFlags {
  readonly interval: string;
  readonly output: string;
  readonly quiet?: boolean;
}

const LEAST_INTERVAL = 10;
const MOST_INTERVAL = 3_600_000;
/** Ends that others ask for; a terminal sends the first two to the command itself. */
const SIGNALS = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
/** As shells tell a signal from an exit code. */
const SIGNALLED = 128;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export async function runWatch(command: readonly string[], flags: WatchFlags): Promise<number> {
  const interval = Number(flags.interval);
  if (!Number.isInteger(interval) || interval < LEAST_INTERVAL || interval > MOST_INTERVAL)
    throw notANumber("--interval", flags.interval, LEAST_INTERVAL, MOST_INTERVAL);
  const tool = await findGpuTool();
  const recording = new Recording(flags.output, interval, tool);
  const view = new View(flags, tool);
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: "inherit" });
  const release = forwardSignals(child);
  try {
    const end = await sampleUntilEnd(child, interval, async (pid) => {
      const tree = await readTree(pid);
      if (!tree) return;
      const gpu = (await tool?.sample(tree.pids)) ?? null;
      recording.sample(tree, gpu);
      view.show(tree.pssBytes ?? tree.rssBytes, gpu?.bytes ?? {});
    });
    recording.end(end);
    view.finish(recording.count);
    return end.signal ? SIGNALLED + constants.signals[end.signal] : (end.code ?? 1);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES") throw noCommand(command.join(" ").slice(0, 80), code);
    throw error;
  } finally {
    release();
    recording.close();
  }
}

/** Samples at once and then at every interval; a slow sample makes the next one late, never two at a time. */
async function sampleUntilEnd(
  child: ChildProcess,
  interval: number,
  sample: (pid: number) => Promise<void>,
): Promise<End> {
  const wake = new AbortController();
  const ended = new Promise<End>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  ended.catch(() => undefined).finally(() => wake.abort());
  while (!wake.signal.aborted && child.pid !== undefined) {
    await sample(child.pid);
    await new Promise<void>((resolve) => {
      if (wake.signal.aborted) return resolve();
      const timer = setTimeout(resolve, interval);
      wake.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  return ended;
}

/** Whoever asks the watcher to end asks the command; a terminal has asked both already. */
function forwardSignals(child: ChildProcess): () => void {
  const handlers = SIGNALS.map((signal) => {
    const fromTerminal = (signal === "SIGINT" || signal === "SIGQUIT") && process.stdin.isTTY === true;
    const handler = () => {
      if (!fromTerminal) child.kill(signal);
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  return () => {
    for (const { signal, handler } of handlers) process.off(signal, handler);
  };
}

/** The file, a line at a time: what is written stays when the machine dies. */
class Recording {
  count = 0;
  private readonly file: number;
  private readonly start = performance.now();

  constructor(path: string, intervalMs: number, tool: GpuTool | null) {
    try {
      this.file = openSync(path, "w");
    } catch (error) {
      throw cannotSave("--output", path, (error as NodeJS.ErrnoException).code ?? String(error)); // as: of fs
    }
    this.write({ schema: "plimsoll/watch@1", intervalMs, tool: tool?.name ?? null, gpus: tool?.gpus ?? [] });
  }

  sample({ pids, rssBytes, pssBytes }: TreeMemory, gpu: GpuSample | null): void {
    this.count++;
    const ms = Math.round(performance.now() - this.start);
    this.write({
      ms,
      processes: pids.length,
      rssBytes,
      pssBytes,
      ...(gpu && { gpuBytes: gpu.bytes, gpuBasis: gpu.basis }),
    });
  }

  end({ code, signal }: End): void {
    this.write({ ended: true, exitCode: code, signal });
  }

  close(): void {
    closeSync(this.file);
  }

  private write(line: object): void {
    writeSync(this.file, `${JSON.stringify(line)}\n`);
  }
}

/** What a person sees, on standard error: the command has the rest of the terminal. */
class View {
  private readonly isLive: boolean;
  private readonly quiet: boolean;
  private readonly output: string;
  private lacksTool: boolean;
  private host = 0;
  private readonly gpus = new Map<string, number>();

  constructor({ quiet, output }: WatchFlags, tool: GpuTool | null) {
    this.quiet = quiet === true;
    this.output = output;
    this.isLive = !this.quiet && process.stderr.isTTY === true;
    this.lacksTool = tool === null;
  }

  show(host: number, gpuBytes: Readonly<Record<string, number>>): void {
    if (!this.quiet && this.lacksTool)
      process.stderr.write("plimsoll watch: no nvidia-smi or rocm-smi here: host memory alone is recorded\n");
    this.lacksTool = false;
    this.host = Math.max(this.host, host);
    for (const [gpu, size] of Object.entries(gpuBytes))
      this.gpus.set(gpu, Math.max(this.gpus.get(gpu) ?? 0, size));
    if (!this.isLive) return;
    const gpus = Object.entries(gpuBytes).map(
      ([gpu, size]) => `GPU ${gpu} ${formatBytes(size)} (peak ${formatBytes(this.gpus.get(gpu) ?? 0)})`,
    );
    const line = [`host ${formatBytes(host)} (peak ${formatBytes(this.host)})`, ...gpus].join(" · ");
    process.stderr.write(`\r\u001b[K  ${line.slice(0, Math.max(0, terminalWidth() - 3))}`);
  }

  finish(samples: number): void {
    if (this.isLive) process.stderr.write("\r\u001b[K");
    if (this.quiet) return;
    const gpus = [...this.gpus].map(([gpu, size]) => `, GPU ${gpu} ${formatBytes(size)}`).join("");
    process.stderr.write(
      `plimsoll watch: peak host ${formatBytes(this.host)}${gpus}; ${samples} samples in ${this.output}\n`,
    );
  }
}
