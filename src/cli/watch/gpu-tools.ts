/** GPU memory through the vendor's tool, where one is there: nvidia-smi by process, rocm-smi by device. */
import { execFile } from "node:child_process";

export interface WatchedGpu {
  readonly index: number;
  readonly name: string;
  readonly totalBytes: number;
}

export interface GpuSample {
  /** By GPU. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Whether figures are of the watched processes, or of the device less what it held at the start. */
  readonly basis: "process" | "device";
}

export interface GpuTool {
  readonly name: "nvidia-smi" | "rocm-smi";
  readonly gpus: readonly WatchedGpu[];
  /** Null when the tool fails. */
  sample(pids: readonly number[]): Promise<GpuSample | null>;
}

const MIB = 1024 ** 2;
/** A tool that hangs, as with a lost driver, must not hold up the rest. */
const PATIENCE = 5000;

export async function findGpuTool(): Promise<GpuTool | null> {
  return (await nvidia()) ?? (await rocm());
}

async function nvidia(): Promise<GpuTool | null> {
  const rows = await query("--query-gpu=index,uuid,name,memory.total,memory.used");
  if (!rows || rows.length === 0) return null;
  const gpus = rows.map(([index = "", uuid = "", name = "", total, used]) => ({
    index: Number(index),
    uuid,
    name,
    totalBytes: mebibytes(total),
    before: mebibytes(used),
  }));
  // inside a container the driver's process numbers are others: then only the device's own figure is left
  let byProcess = false;
  return {
    name: "nvidia-smi",
    gpus: gpus.map(({ index, name, totalBytes }) => ({ index, name, totalBytes })),
    sample: async (pids) => {
      const apps = await query("--query-compute-apps=pid,gpu_uuid,used_memory");
      const own = (apps ?? []).filter(([pid]) => pids.includes(Number(pid)));
      byProcess ||= own.some(([, , used]) => mebibytes(used) > 0);
      if (byProcess) {
        const entries = gpus.map(({ index, uuid }) => [
          index,
          own.reduce((sum, [, gpu, used]) => sum + (gpu === uuid ? mebibytes(used) : 0), 0),
        ]);
        return { bytes: Object.fromEntries(entries), basis: "process" };
      }
      const devices = await query("--query-gpu=index,memory.used");
      if (!devices) return null;
      const entries = devices.map(([index = "", used]) => {
        const before = gpus.find((gpu) => gpu.index === Number(index))?.before ?? 0;
        return [index, Math.max(0, mebibytes(used) - before)];
      });
      return { bytes: Object.fromEntries(entries), basis: "device" };
    },
  };
}

async function query(what: string): Promise<string[][] | null> {
  const text = await run("nvidia-smi", [what, "--format=csv,noheader,nounits"]);
  if (text === null) return null;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => line.split(",").map((cell) => cell.trim()));
}

/** `[N/A]` counts nothing. */
function mebibytes(cell: string | undefined): number {
  const number = Number(cell);
  return Number.isFinite(number) && number > 0 ? Math.round(number * MIB) : 0;
}

async function rocm(): Promise<GpuTool | null> {
  const first = await readRocm();
  if (!first || first.length === 0) return null;
  return {
    name: "rocm-smi",
    gpus: first.map(({ index, total }) => ({ index, name: `GPU ${index}`, totalBytes: total })),
    sample: async () => {
      const now = await readRocm();
      if (!now) return null;
      const entries = now.map(({ index, used }) => {
        const before = first.find((gpu) => gpu.index === index)?.used ?? 0;
        return [index, Math.max(0, used - before)];
      });
      return { bytes: Object.fromEntries(entries), basis: "device" };
    },
  };
}

/** `{"card0": {"VRAM Total Memory (B)": "…", "VRAM Total Used Memory (B)": "…"}}` */
async function readRocm(): Promise<{ index: number; total: number; used: number }[] | null> {
  const text = await run("rocm-smi", ["--showmeminfo", "vram", "--json"]);
  if (text === null) return null;
  try {
    const cards = Object.entries(JSON.parse(text) as Record<string, Record<string, string>>);
    return cards
      .filter(([card]) => /^card\d+$/.test(card))
      .map(([card, fields]) => ({
        index: Number(card.slice(4)),
        total: Number(fields["VRAM Total Memory (B)"] ?? 0),
        used: Number(fields["VRAM Total Used Memory (B)"] ?? 0),
      }))
      .filter(({ total, used }) => Number.isSafeInteger(total) && Number.isSafeInteger(used));
  } catch {
    return null;
  }
}

/** What the tool prints; null when it is not there, fails or hangs. */
function run(tool: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(tool, args, { timeout: PATIENCE, maxBuffer: MIB }, (error, stdout) =>
      resolve(error ? null : stdout),
    );
  });
}
