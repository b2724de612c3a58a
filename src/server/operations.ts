/** The questions that the service answers about a model, one row each: HTTP routes, the OpenAPI document and MCP tools are made of it. */
import { byHandOf, estimate, explain, type ImportedModel, type Options } from "../index.js";

export interface Operation {
  readonly title: string;
  readonly description: string;
  /** The report that `--json` prints. */
  readonly answer: (model: ImportedModel, options: Options) => unknown;
}

export const OPERATIONS = {
  estimate: {
    title: "Estimate",
    description:
      "How much GPU memory a training step takes: totals, peak, categories, formula, verdict, assumptions.",
    answer: estimate,
  },
  explain: {
    title: "Explain",
    description: "As estimate, with every layer's receipts and every block alive at the peak.",
    answer: explain,
  },
  "by-hand": {
    title: "By hand",
    description: "Every known rule of thumb for the model, side by side, each with what it misses.",
    answer: (model, options) => byHandOf(model, options, explain(model, options)),
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

export const OPERATION_NAMES = Object.keys(OPERATIONS) as OperationName[]; // keys of a literal

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}
