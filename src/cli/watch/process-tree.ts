/** Host memory of a process and all it started, read from /proc. */
import { readdir, readFile } from "node:fs/promises";

export interface TreeMemory {
  readonly pids: readonly number[];
  /** Sum of resident sets: pages that processes share count once per process. */
  readonly rssBytes: number;
  /** Shared pages in proportion to who shares them; null where the kernel does not tell of every process. */
  readonly pssBytes: number | null;
}

const KIB = 1024;

/** Memory of `root` and its descendants; null when it is gone. Processes that end meanwhile count nothing. */
export async function readTree(root: number): Promise<TreeMemory | null> {
  const pids = await descendants(root);
  const found = await Promise.all(pids.map(readMemory));
  const alive = found.filter((each) => each !== null);
  if (alive.length === 0) return null;
  const pss = alive.map(({ pssBytes }) => pssBytes);
  return {
    pids,
    rssBytes: alive.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    pssBytes: pss.some((each) => each === null)
      ? null
      : pss.reduce((sum: number, each) => sum + (each ?? 0), 0),
  };
}

/** `root` first. A process whose parent ended belongs to init, and is lost. */
async function descendants(root: number): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const children = new Map<number, number[]>();
  await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
        // the name of a program may hold spaces and brackets: the parent stands after the last of them
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        if (stat !== "") children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
      }),
  );
  const all = [root];
  for (const pid of all) all.push(...(children.get(pid) ?? []));
  return all;
}

async function readMemory(pid: number): Promise<{ rssBytes: number; pssBytes: number | null } | null> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const rss = field(rollup, "Rss") ?? field(status, "VmRSS");
  return rss === null ? null : { rssBytes: rss, pssBytes: field(rollup, "Pss") };
}

function field(text: string, name: string): number | null {
  const digits = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
  return digits === undefined ? null : Number(digits) * KIB;
}
