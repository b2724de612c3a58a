/** The third column of the breakdown: what a figure is made of. */
import { FRAMEWORKS } from "./frameworks.js";
import type { AliveReport, EstimateReport, ExplainReport } from "../report/report.js";
import { formatBytes, formatCount, quantity } from "./units.js";
import type { Part } from "./style.js";

/** A report with or without the blocks alive at the peak; with them, notes name tensors. */
export type AnyReport = EstimateReport & Partial<Pick<ExplainReport, "alive" | "layers">>;

export function noteFor(part: Part, report: AnyReport): string {
  const { model, setup, totals, atPeak } = report;
  const alive = (report.alive ?? []).filter(({ category }) => category === part);
  switch (part) {
    case "parameters": {
      const size = totals.parameterBytes / model.parameterCount;
      const frozen = model.trainableParameterCount < model.parameterCount;
      const trained = frozen ? `, ${formatCount(model.trainableParameterCount)} trained` : "";
      return `${formatCount(model.parameterCount)}${Number.isInteger(size) ? ` x ${size} B` : ""}${trained}`;
    }
    case "buffers":
      return "untrained state, such as running statistics";
    case "gradients":
      return atPeak.gradients < totals.gradientBytes
        ? `so far; ${formatBytes(totals.gradientBytes)} when backward is done`
        : "one per parameter, until the next zero_grad";
    case "optimizerStates":
      return `${setup.optimizer?.title ?? "optimizer"}${listed(alive)}`;
    case "masterParameters":
      return "float32 copies that the optimizer updates";
    case "inputs":
      return setup.mode === "train" ? "the mini-batch and its targets" : "the mini-batch";
    case "savedTensors":
      return `${formatBytes(atPeak.savedTensors / setup.batch)} per sample x ${formatCount(setup.batch)}, read by backward`;
    case "temporaries":
      return largest(alive) ?? "short-lived results of operators";
    case "workspace":
      return scratch(alive);
    case "communication":
      return "buffers of collectives";
    case "allocatorSlack":
      return `what the allocator caches; reserved ${formatBytes(report.peak.reservedBytes)}`;
    case "context":
      return `assumed: kernels and handles outside ${FRAMEWORKS[setup.framework]}`;
  }
}

/** `: exp_avg and exp_avg_sq`: the kinds of states, from names such as `exp_avg of fc.weight`. */
function listed(alive: readonly AliveReport[]): string {
  const kinds = [...new Set(alive.map(({ name }) => name.replace(/ of .*$/, "")))];
  if (kinds.length === 0) return "";
  return `: ${kinds.length > 1 ? `${kinds.slice(0, -1).join(", ")} and ${kinds.at(-1)}` : kinds[0]}`;
}

function largest(alive: readonly AliveReport[]): string | undefined {
  const first = alive.find(({ from }) => from !== "the allocator");
  return first && `${formatBytes(first.bytes)} of it ${first.name}`;
}

function scratch(alive: readonly AliveReport[]): string {
  const isBlas = ({ name }: AliveReport) => name.startsWith("cuBLAS");
  const sum = (list: readonly AliveReport[]) => list.reduce((total, { bytes }) => total + bytes, 0);
  const parts: [string, number][] = [
    ["cuBLAS", sum(alive.filter(isBlas))],
    ["kernels", sum(alive.filter((block) => !isBlas(block)))],
  ];
  const named = parts.filter(([, bytes]) => bytes > 0);
  if (named.length <= 1)
    return named[0]?.[0] === "cuBLAS" ? "cuBLAS, one block per thread" : "scratch of kernels";
  return named.map(([name, bytes]) => `${name} ${quantity(bytes).digits} ${quantity(bytes).unit}`).join(", ");
}
