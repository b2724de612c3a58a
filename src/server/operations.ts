/** The questions that the service answers about a model, one row each: HTTP routes, the OpenAPI document and MCP tools are made of it. */
import {
  advise,
  byHandOf,
  compare,
  estimate,
  explain,
  fit,
  type ImportedModel,
  type ImportedRecording,
  type Options,
  plan,
} from "../index.js";

export interface Operation {
  readonly title: string;
  readonly description: string;
  /** What it takes beside the settings, with what each is; checked where it is used. */
  readonly beside?: Readonly<Record<string, string>>;
  /** What was measured comes with the question: a file, or figures among `beside`. */
  readonly takesRecording?: true;
  /** Name of the report's type, and of its schema. */
  readonly report: string;
  /** The report that `--json` prints. */
  readonly answer: (model: ImportedModel, options: Options, recording: ImportedRecording | null) => unknown;
}

export const OPERATIONS = {
  estimate: {
    title: "Estimate",
    description:
      "How much GPU memory a training step takes: totals, peak, categories, formula, verdict, assumptions.",
    report: "EstimateReport",
    answer: estimate,
  },
  explain: {
    title: "Explain",
    description: "As estimate, with every layer's receipts and every block alive at the peak.",
    report: "ExplainReport",
    answer: explain,
  },
  fit: {
    title: "Fit",
    description:
      "The largest batch, sequence or image that fits a device, several (`gpu` with commas) or all known ones.",
    beside: {
      for: "batch (default), sequence or image: what grows",
      margin: "what is to stay free: 1GiB, 512MiB or 5%",
      confidence: "how sure the answer must be: 0.5, 0.8, 0.9 or 0.95",
    },
    report: "FitReport",
    answer: fit,
  },
  advise: {
    title: "Advise",
    description: "Changes that make the step fit, each simulated, with its price and the code that makes it.",
    report: "AdviceReport",
    answer: advise,
  },
  plan: {
    title: "Plan",
    description: "How to spread a model over `gpus` of `gpu`: the fastest setups that fit, each simulated.",
    beside: {
      nodes: "machines; default: as many as eight GPUs each make",
      globalBatch: "samples of one optimizer step over all GPUs; default: one a GPU",
      intraGbps: "gigabytes per second that a GPU sends to others of its machine, one way",
      interGbps: "and to other machines",
      top: "plans that are shown; default: 5",
      confidence: "fit at the upper end of this interval: 0.5, 0.8, 0.9 (default) or 0.95",
    },
    report: "PlanReport",
    answer: plan,
  },
  compare: {
    title: "Compare",
    description:
      "A prediction beside what was measured of the same run: figures, phases, lifetimes of blocks, modules, and where they differ most.",
    beside: {
      measuredAllocated: "torch.cuda.max_memory_allocated(), in bytes or as 10.5GiB; wins over the recording",
      measuredReserved: "torch.cuda.max_memory_reserved()",
      measuredDeviceTotal: "what nvidia-smi shows of the process",
    },
    takesRecording: true,
    report: "CompareReport",
    answer: (model, options, recording) => compare(model, recording, options),
  },
  "by-hand": {
    title: "By hand",
    description: "Every known rule of thumb for the model, side by side, each with what it misses.",
    report: "ByHandReport",
    answer: (model, options) => byHandOf(model, options, explain(model, options)),
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

export const OPERATION_NAMES = Object.keys(OPERATIONS) as OperationName[]; // keys of a literal

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}
