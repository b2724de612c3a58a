/** Phases of a step as a report names them. */
import type { Phase } from "../ir/step.js";
import type { ReportPhase } from "./report.js";

export const REPORT_PHASES: Readonly<Record<Phase, ReportPhase>> = {
  resident: "forward",
  forward: "forward",
  backward: "backward",
  optimizer: "optimizer",
  "zero-grad": "optimizer",
  validation: "validation",
};
