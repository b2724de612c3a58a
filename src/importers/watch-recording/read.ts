/**
 * Recordings of `plimsoll watch`: JSON lines, plimsoll/watch@1.
 *
 * Line 1   {"schema":"plimsoll/watch@1","intervalMs":…,"tool":"nvidia-smi"|"rocm-smi"|null,"gpus":[{"index","name","totalBytes"}]}
 * Others   {"ms":…,"processes":…,"rssBytes":…,"pssBytes":…|null,"gpuBytes":{"0":…},"gpuBasis":"process"|"device"}
 * Last     {"ended":true,"exitCode":…,"signal":…}; absent when the watcher itself was killed
 * Untrue   a sample is a moment: peaks between two samples are missed. What the driver reports counts the whole process,
 *          its context included, in steps of a MiB.
 */
import type { Diagnostic } from "../../base/complaint.js";
import type { Source } from "../../base/source.js";
import { type Bytes, MiB } from "../../base/units.js";
import { readPieces } from "../../decode/byte-stream.js";
import type { ImportedRecording } from "../recording.js";
import { badLine, noSamples, otherVersion } from "./complaints.js";

/** A line holds one sample of a machine's GPUs. */
const MAX_LINE = MiB;

export async function readWatchRecording(source: Source): Promise<ImportedRecording> {
  const samples = new Samples(source.name);
  let rest = "";
  const text = new TextDecoder();
  await readPieces(source, (piece) => {
    const lines = (rest + text.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE)
      throw badLine(source.name, samples.line + 1, `a line of more than ${MAX_LINE} bytes`);
    for (const line of lines) samples.take(line);
    return true;
  });
  if (rest.trim() !== "") samples.takeLast(rest);
  return samples.recording();
}

type Fields = Readonly<Record<string, unknown>>;

class Samples {
  line = 0;
  private readonly where: string;
  private started = false;
  private count = 0;
  private host = 0;
  /** Of the device less what it held before; of the processes themselves, where the driver knows them. */
  private readonly gpus = { device: new Map<string, number>(), process: new Map<string, number>() };
  private ended: Fields | null = null;
  private cutShort = false;

  constructor(where: string) {
    this.where = where;
  }

  take(text: string): void {
    this.line++;
    if (text.trim() === "") return;
    const fields = this.parse(text);
    if (!this.started) this.start(fields);
    else if (fields["ended"] === true) this.ended = fields;
    else this.sample(fields);
  }

  /** A line without an end: the watcher may have been killed while it wrote. */
  takeLast(text: string): void {
    try {
      this.take(text);
    } catch (error) {
      if (this.count === 0) throw error;
      this.cutShort = true;
    }
  }

  recording(): ImportedRecording {
    if (this.count === 0) throw noSamples(this.where);
    const basis = [...this.gpus.process.values()].some((size) => size > 0) ? "process" : "device";
    const [first] = [...this.gpus[basis]].sort((a, b) => b[1] - a[1]);
    const total = first && first[1] > 0 ? (first[1] as Bytes) : null; // checked when it was read
    return {
      kind: "recording",
      source: this.where,
      format: "watch-recording",
      device: total === null ? "host" : `GPU ${first?.[0]}`,
      isGpu: total !== null,
      steps: null,
      allocated: null,
      reserved: null,
      deviceTotal: total,
      host: this.host as Bytes, // checked when it was read
      phases: {},
      groups: null,
      modules: [],
      diagnostics: this.notes(total !== null, basis),
    };
  }

  private start(fields: Fields): void {
    const { schema } = fields;
    if (schema !== "plimsoll/watch@1") throw otherVersion(this.where, String(schema).slice(0, 40));
    this.started = true;
  }

  private sample(fields: Fields): void {
    this.count++;
    const rss = this.whole(fields["rssBytes"], "rssBytes");
    const pss = fields["pssBytes"];
    this.host = Math.max(this.host, pss === null || pss === undefined ? rss : this.whole(pss, "pssBytes"));
    const gpus = fields["gpuBytes"] ?? {};
    if (typeof gpus !== "object" || gpus === null || Array.isArray(gpus))
      throw badLine(this.where, this.line, '"gpuBytes" is no object');
    for (const [index, value] of Object.entries(gpus)) {
      if (!/^\d{1,4}$/.test(index))
        throw badLine(this.where, this.line, `a GPU named ${JSON.stringify(index.slice(0, 20))}`);
      const highest = this.gpus[fields["gpuBasis"] === "process" ? "process" : "device"];
      highest.set(index, Math.max(highest.get(index) ?? 0, this.whole(value, `gpuBytes.${index}`)));
    }
  }

  private parse(text: string): Fields {
    let value: unknown;
    try {
      value = text.length > MAX_LINE ? null : JSON.parse(text);
    } catch (error) {
      throw badLine(this.where, this.line, error instanceof Error ? error.message.slice(0, 80) : "no JSON");
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields; // an object
    throw badLine(this.where, this.line, "no object");
  }

  private whole(value: unknown, field: string): number {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw badLine(
      this.where,
      this.line,
      `${(JSON.stringify(value) ?? "nothing").slice(0, 40)} under "${field}"`,
    );
  }

  private notes(hasGpu: boolean, basis: "device" | "process"): Diagnostic[] {
    const note = (code: string, message: string): Diagnostic => ({
      code,
      severity: "info",
      message,
      where: this.where,
    });
    const { exitCode, signal } = this.ended ?? {};
    const failed = signal
      ? `was ended by ${String(signal)}`
      : exitCode
        ? `ended with ${String(exitCode)}`
        : null;
    return [
      note("watch/samples", `${this.count} samples: a peak between two of them is missed`),
      ...(hasGpu ? [] : [note("watch/no-gpu", "it holds host memory alone: no GPU's tool was there")]),
      ...(hasGpu && basis === "device"
        ? [
            note(
              "watch/device",
              "the GPU's figures are of the whole device, less what it held before the command began",
            ),
          ]
        : []),
      ...(failed ? [note("watch/failed", `the command ${failed}: the peak may lie ahead of it`)] : []),
      ...(this.ended && !this.cutShort
        ? []
        : [note("watch/cut", "it breaks off: the watcher was ended itself")]),
    ];
  }
}
