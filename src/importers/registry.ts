/** Formats by content: each entry judges the first bytes of a file and loads its reader on demand. */
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
  /** Loads the reader. */
  readonly load: () => Promise<(source: Source) => Promise<Imported>>;
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
      if (looksLikeGraphModel(head)) return "no";
      if (mentions(head, '"modelTopology"')) return "certain";
      return /"class_name"\s*:/.test(textOf(head)) && mentions(head, '"config"') ? "certain" : "no";
    },
    load: async () => (await import("./keras/read.js")).readKeras,
  },
  "tensorflow-graph": {
    title: "TensorFlow SavedModel or GraphDef",
    extensions: [".pb", ".json"],
    made: "model.export(FOLDER) or tf.saved_model.save(model, FOLDER): name the folder",
    recognize: (head) =>
      looksLikeSavedModel(head) || looksLikeGraphModel(head) || hasExtension(head, ".pb") ? "certain" : "no",
    load: async () => (await import("./tensorflow-graph/read.js")).readTensorflowGraph,
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
  jaxpr: {
    title: "jaxpr",
    extensions: [".jaxpr.txt", ".txt"],
    made: 'open("loss.jaxpr.txt", "w").write(str(jax.make_jaxpr(loss)(params, batch)))',
    recognize: (head) => {
      const text = textOf(head);
      if (/^\s*\{ lambda\b/.test(text)) return "certain";
      return /^\s*let \w+ = \{ lambda\b/.test(text)
        ? "certain"
        : hasExtension(head, ".jaxpr.txt")
          ? "possible"
          : "no";
    },
    load: async () => (await import("./jax/read.js")).readJaxpr,
  },
  stablehlo: {
    title: "StableHLO module",
    extensions: [".mlir"],
    made: 'open("step.mlir", "w").write(jax.jit(step).lower(...).as_text())',
    recognize: (head) =>
      mentions(head, "stablehlo.") || /^\s*module @\w+/.test(textOf(head))
        ? "certain"
        : hasExtension(head, ".mlir")
          ? "possible"
          : "no",
    load: async () => (await import("./jax/read-stablehlo.js")).readStablehlo,
  },
  hlo: {
    title: "optimized HLO module",
    extensions: [".hlo.txt"],
    made: 'open("step.hlo.txt", "w").write(jax.jit(step).lower(...).compile().as_text())',
    recognize: (head) => (/^HloModule /.test(textOf(head)) ? "certain" : "no"),
    load: async () => (await import("./jax/read-hlo.js")).readHlo,
  },
  onnx: {
    title: "ONNX model",
    extensions: [".onnx"],
    made: `torch.onnx.export(model, (example,), "model.onnx", dynamo=True)`,
    recognize: (head) => (looksLikeOnnx(head) || hasExtension(head, ".onnx") ? "certain" : "no"),
    load: async () => (await import("./onnx/read.js")).readOnnx,
  },
  summary: {
    title: "printed summary (torchinfo, torchsummary, Keras)",
    extensions: [".txt"],
    made: "print(torchinfo.summary(model, input_size=(32, 3, 224, 224))), or model.summary() of Keras",
    recognize: (head) => (/Output Shape.*Param #/.test(textOf(head)) ? "certain" : "no"),
    load: async () => (await import("./summary/read.js")).readSummary,
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
  safetensors: {
    title: "safetensors weights",
    extensions: [".safetensors"],
    made: `safetensors.torch.save_file(model.state_dict(), "model.safetensors"); says nothing about activations`,
    recognize: (head) =>
      looksLikeSafetensors(head) || hasExtension(head, ".safetensors") ? "certain" : "no",
    load: async () => (await import("./weights/safetensors.js")).readSafetensors,
  },
  weights: {
    title: "PyTorch weights (torch.save, torch.jit.save)",
    extensions: [".pth", ".pt", ".bin", ".ckpt"],
    made: `torch.save(model.state_dict(), "model.pth"); says nothing about activations`,
    recognize: (head) => {
      const named = [".pth", ".pt", ".ckpt"].some((extension) => hasExtension(head, extension));
      if (isZip(head)) return named || mentions(head, "/data.pkl") ? "certain" : "no";
      return isTorchStream(head) || (named && head.bytes[0] === 0x80) ? "certain" : named ? "possible" : "no";
    },
    load: async () => (await import("./weights/torch.js")).readTorchWeights,
  },
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

function hasExtension({ name }: Head, extension: string): boolean {
  return name.toLowerCase().endsWith(extension);
}

/**
 * A ModelProto begins with its IR version, 3 to some tens, and goes on with a field of ModelProto. A SavedModel begins
 * with version 1.
 */
function looksLikeOnnx({ bytes }: Head): boolean {
  const [tag, version = 0, next = 0] = bytes;
  return (
    tag === 0x08 && version >= 3 && version < 64 && [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42].includes(next)
  );
}

/** A SavedModel begins with version 1 and a meta graph; a GraphDef with a node: its length, then its name's tag. */
function looksLikeSavedModel({ bytes }: Head): boolean {
  if (bytes[0] === 0x08) return bytes[1] === 0x01 && bytes[2] === 0x12;
  if (bytes[0] !== 0x0a) return false;
  let at = 1;
  while (at < 6 && (bytes[at] ?? 0) > 127) at++;
  const length = bytes[at + 2] ?? 0;
  return bytes[at + 1] === 0x0a && length < 128 && bytes[at + 3 + length] === 0x12;
}

/** TensorFlow.js writes the format first, or the nodes. */
function looksLikeGraphModel(head: Head): boolean {
  const text = textOf(head);
  if (!/^\s*\{/.test(text)) return false;
  return /"format"\s*:\s*"graph-model"/.test(text) || /"modelTopology"\s*:\s*\{\s*"node"/.test(text);
}

/** Eight bytes of a length, and JSON. */
function looksLikeSafetensors({ bytes }: Head): boolean {
  return bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0 && bytes[4] === 0 && bytes[5] === 0;
}

/** torch.serialization.MAGIC_NUMBER, pickled. */
function isTorchStream({ bytes }: Head): boolean {
  return [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9].every((byte, i) => bytes[i] === byte);
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
