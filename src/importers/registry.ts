/**
 * Formats by content: each entry judges the first bytes of a file and loads its reader on demand. Formats that are
 * only known by name are listed too, so that a file of one gets an answer instead of "unknown".
 */
import type { Source } from "../base/source.js";
import type { ImportedModel } from "./model.js";
import type { ImportedRecording } from "./recording.js";

export type Imported = ImportedModel | ImportedRecording;

/** The name and the first bytes of a source. */
export interface Head {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What recognizers get to see. */
export const HEAD_BYTES = 4096;

export interface ImporterEntry {
  readonly title: string;
  readonly extensions: readonly string[];
  /** How to make such a file. */
  readonly made: string;
  /** Cheap, never throws. */
  recognize(head: Head): "certain" | "possible" | "no";
  /** What is in such a file when it is no model. */
  readonly holds?: "recording";
  /** Loads the reader; absent for formats that this release cannot read. */
  readonly load?: () => Promise<(source: Source) => Promise<Imported>>;
}

export const IMPORTERS = {
  "torch-export": {
    title: "PyTorch exported program",
    extensions: [".pt2"],
    made: `torch.export.save(torch.export.export(model, (example,)), "model.pt2")`,
    recognize: (head) => {
      if (!isZip(head)) return "no";
      const named = hasExtension(head, ".pt2");
      return named || mentions(head, "archive_format") || mentions(head, "data/weights/")
        ? "certain"
        : "possible";
    },
    load: async () => (await import("./torch-export/read.js")).readTorchExport,
  },
  "layer-spec": {
    title: "layer spec (plimsoll/spec@1)",
    extensions: [".yaml", ".yml", ".json"],
    made: "write one by hand: the examples folder and the README show how",
    recognize: (head) =>
      mentions(head, "plimsoll/spec@")
        ? "certain"
        : /^\s*"?layers"?\s*:/m.test(textOf(head))
          ? "possible"
          : "no",
    load: async () => (await import("./layer-spec/read.js")).readLayerSpec,
  },
  keras: {
    title: "Keras model",
    extensions: [".keras", ".h5", ".json"],
    made: `open("model.json", "w").write(model.to_json()), or model.save("model.keras")`,
    recognize: (head) => {
      if (isHdf5(head)) return "certain";
      if (isZip(head))
        return hasExtension(head, ".keras") || mentions(head, "config.json") ? "certain" : "no";
      if (!/^\s*\{/.test(textOf(head))) return "no";
      if (mentions(head, '"modelTopology"')) return "certain";
      return /"class_name"\s*:/.test(textOf(head)) && mentions(head, '"config"') ? "certain" : "no";
    },
    load: async () => (await import("./keras/read.js")).readKeras,
  },
  "hf-config": {
    title: "Hugging Face configuration",
    extensions: ["config.json", ".json"],
    made: "config.json, as published beside a model's weights",
    recognize: (head) =>
      /^\s*\{/.test(textOf(head)) && /"(model_type|architectures)"\s*:/.test(textOf(head))
        ? "certain"
        : hasExtension(head, "config.json")
          ? "possible"
          : "no",
    load: async () => (await import("./hf-config/read.js")).readHfConfig,
  },
  "profiler-trace": {
    title: "torch.profiler trace",
    extensions: [".json", ".json.gz"],
    made: "prof.export_chrome_trace(FILE) of torch.profiler.profile(profile_memory=True)",
    holds: "recording",
    recognize: (head) => {
      const text = textOf(head);
      if (/^\s*\{/.test(text))
        return /"(traceEvents|deviceProperties|baseTimeNanoseconds)"\s*:/.test(text) ? "certain" : "no";
      return /^\s*\[\s*\{/.test(text) && /"ph"\s*:/.test(text) ? "certain" : "no";
    },
    load: async () => (await import("./profiler-trace/read.js")).readProfilerTrace,
  },
  "memory-snapshot": {
    title: "CUDA memory snapshot",
    extensions: [".pickle", ".pickle.gz"],
    made: "torch.cuda.memory._record_memory_history(), a few steps, then torch.cuda.memory._dump_snapshot(FILE)",
    holds: "recording",
    recognize: (head) => {
      if (/\.(pickle|pkl)(\.gz)?$/i.test(head.name)) return "certain";
      return head.bytes[0] === 0x80 && mentions(head, "segments") ? "certain" : "no";
    },
    load: async () => (await import("./memory-snapshot/read.js")).readMemorySnapshot,
  },
  "watch-recording": {
    title: "recording of plimsoll watch",
    extensions: [".jsonl"],
    made: "plimsoll watch --output FILE.jsonl -- python train.py",
    holds: "recording",
    recognize: (head) => (mentions(head, '"plimsoll/watch@') ? "certain" : "no"),
    load: async () => (await import("./watch-recording/read.js")).readWatchRecording,
  },
  onnx: unread("ONNX model", [".onnx"]),
  savedModel: unread("TensorFlow SavedModel or GraphDef", [".pb"]),
  safetensors: unread("safetensors weights", [".safetensors"]),
  weights: unread("PyTorch weights (torch.save)", [".pth", ".pt", ".bin", ".ckpt"]),
} satisfies Record<string, ImporterEntry>;

export type FormatId = keyof typeof IMPORTERS;

/** The entry that takes the file, certain before possible, and the first of several. */
export function recognizeFormat(head: Head): { readonly id: FormatId; readonly entry: ImporterEntry } | null {
  const entries = Object.entries(IMPORTERS) as [FormatId, ImporterEntry][]; // keys of a literal
  for (const wanted of ["certain", "possible"] as const) {
    for (const [id, entry] of entries) if (entry.recognize(head) === wanted) return { id, entry };
  }
  return null;
}

/** Known by its name only. */
function unread(title: string, extensions: readonly string[]): ImporterEntry {
  return {
    title,
    extensions,
    made: "not read by this release",
    recognize: (head) => (extensions.some((extension) => hasExtension(head, extension)) ? "certain" : "no"),
  };
}

function hasExtension({ name }: Head, extension: string): boolean {
  return name.toLowerCase().endsWith(extension);
}

function isZip({ bytes }: Head): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

function isHdf5({ bytes }: Head): boolean {
  return bytes[0] === 0x89 && bytes[1] === 0x48 && bytes[2] === 0x44 && bytes[3] === 0x46;
}

function textOf({ bytes }: Head): string {
  return new TextDecoder().decode(bytes);
}

function mentions(head: Head, word: string): boolean {
  return textOf(head).includes(word);
}
