/** The answer in a terminal: verdict, breakdown, formula, what to do next. Never wider than asked. */
import { topModules } from "../report/top-modules.js";
import { renderBar, slicesOf } from "./bar.js";
import { renderBreakdown } from "./breakdown.js";
import type { SequenceForm } from "../report/polynomial.js";
import { highestOf, printPolynomial } from "./polynomial.js";
import { printPiece, rangeOf } from "./formula.js";
import { fold, joinFitting } from "./layout.js";
import { FRAMEWORKS, titleOf } from "./frameworks.js";
import type { AnyReport } from "./notes.js";
import { createPaint, type Paint } from "./style.js";
import { formatBatch, formatBytes, formatCount } from "./units.js";

export interface TextOptions {
  /** Columns of the terminal. */
  readonly width?: number;
  readonly color?: boolean;
  /** The largest batch that fits the device, when it was searched for. */
  readonly largestBatch?: { readonly batch: number; readonly exact: boolean };
  /** The peak in batch and sequence length, for models that have one. */
  readonly inSequence?: SequenceForm;
  /** A hand calculation to show beside the answer, with what it misses. */
  readonly byHand?: { readonly name: string; readonly bytes: number; readonly misses: readonly string[] };
  /** Commands worth running next, with what they show. */
  readonly next?: readonly string[];
  /** Verdict and figures only: no formula, assumptions or advice. */
  readonly quiet?: boolean;
}

const INDENT = "  ";
/** Where the text of labelled lines starts: `  formula   `. */
const LABEL = 12;

export function renderText(report: AnyReport, options: TextOptions = {}): string {
  const width = Math.max(20, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const blocks = [
    [INDENT + headline(report, width - INDENT.length), ...labelled("with", settingsOf(report), width, paint)],
    machineLines(report, options, width, paint),
    renderBreakdown(report, { width, paint }),
    labelled("stages", stagesOf(report), width, paint),
  ].filter(({ length }) => length > 0);
  if (!options.quiet) {
    blocks.push([
      ...labelled("formula", formulaOf(report), width, paint),
      ...labelled("", inSequenceOf(report, options), width, paint),
      ...(options.byHand ? labelled("by hand", byHandOf(options.byHand), width, paint) : []),
      ...modules(report, width, paint),
      ...labelled("assumed", assumptionsOf(report), width, paint),
      ...report.diagnostics.flatMap(({ message, severity }) =>
        labelled(severity === "warning" ? "careful" : "note", message, width, paint),
      ),
      ...(options.next?.length ? labelled("next", options.next.join(" · "), width, paint) : []),
    ]);
  }
  return `\n${blocks.map((lines) => `${lines.join("\n")}\n`).join("\n")}`;
}

/** `resnet50 · PyTorch · fp32 · AdamW (foreach) · batch 32 · steady state`. */
function headline({ model, setup }: AnyReport, width: number): string {
  const { mode, optimizer, precision, step } = setup;
  const how = mode === "inference" ? "inference" : optimizer ? titleOf(optimizer) : "no optimizer";
  const state = mode === "inference" ? "" : step === "first" ? "first step" : "steady state";
  return joinFitting(
    [model.name, FRAMEWORKS[setup.framework], precision, how, formatBatch(setup), state].filter(
      (part) => part !== "",
    ),
    " · ",
    width,
  );
}

/** Settings beyond the headline's that change the step; empty when there are none. */
function settingsOf({ setup }: AnyReport): string {
  return [
    setup.sequence !== null && `sequence ${formatCount(setup.sequence)}`,
    setup.task !== null && setup.task,
    setup.channelsLast && "channels last",
    setup.checkpointing !== "none" && `checkpointing ${setup.checkpointing}`,
    setup.compile && "torch.compile",
    setup.framework === "pytorch" && setup.attention !== "sdpa" && `attention ${setup.attention}`,
    setup.clipGrad && "clipped gradients",
    setup.zeroGrad !== "set-to-none" && `zero-grad ${setup.zeroGrad}`,
    setup.freshInputs && "fresh inputs",
    setup.quantize !== null && `quantized ${setup.quantize}`,
    setup.lora !== null && `LoRA ${setup.lora}`,
    setup.parallel !== null && `one rank of ${setup.parallel}`,
    setup.fsdp !== null && `sharded with ${setup.fsdp}`,
    setup.freeze.length > 0 && `frozen ${setup.freeze.join(", ")}`,
    setup.allocatorConf !== "" && setup.allocatorConf,
    setup.memoryGrowth === true && "memory growth",
  ]
    .filter(Boolean)
    .join(" · ");
}

function machineLines(report: AnyReport, options: TextOptions, width: number, paint: Paint): string[] {
  const { machine, peak } = report;
  const slices = slicesOf(report);
  const name = machine ? machine.gpu : "device total";
  const edge = machine
    ? `load line ${formatBytes(machine.capacityBytes)}`
    : formatBytes(peak.deviceTotalBytes);
  const fixed = INDENT.length + name.length + 1 + 2 + 1 + edge.length;
  const cells = Math.max(0, Math.min(48, width - fixed));
  const bar =
    cells < 8
      ? edge
      : `${renderBar(slices, machine?.capacityBytes ?? peak.deviceTotalBytes, cells, paint)} ${edge}`;
  const lines = [`${INDENT}${paint.bold(name)} ${bar}`];
  if (!machine) return lines;
  const say = { fits: paint.good, tight: paint.warn, "does-not-fit": paint.bad }[machine.verdict];
  const indent = " ".repeat(INDENT.length + name.length + 2);
  const parts = [verdictOf(report), ...largestOf(options)];
  const text = joinFitting(parts, " · ", Math.max(10, width - indent.length));
  return [...lines, indent + say(text)];
}

function verdictOf({ machine, peak }: AnyReport): string {
  if (!machine) return "";
  const { verdict, headroomBytes, capacityBytes } = machine;
  if (verdict === "does-not-fit")
    return `does not fit: ${formatBytes(Math.max(0, peak.deviceTotalBytes - capacityBytes))} too much`;
  return `${verdict === "tight" ? "tight: fits" : "fits"} with ${formatBytes(headroomBytes)} to spare`;
}

function largestOf({ largestBatch }: TextOptions): string[] {
  if (!largestBatch) return [];
  const { batch, exact } = largestBatch;
  return [
    batch === 0 ? "not even batch 1 fits" : `largest batch ${exact ? "" : "at least "}${formatCount(batch)}`,
  ];
}

/** The piece the asked batch lies on, and the last one, which holds for every larger batch. */
function formulaOf({ formula, setup }: AnyReport): string {
  const { pieces } = formula;
  const piece = pieces.find(({ from, to }) => setup.batch >= from && (to === null || setup.batch <= to));
  const last = pieces.at(-1);
  if (!piece || !last) return formula.text;
  if (pieces.length === 1)
    return `peak(B) = ${printPiece(piece)}${piece.to === null ? "" : `, ${rangeOf(piece)}`}`;
  const shown = piece === last ? [piece] : [piece, last];
  return `peak(B) = ${shown.map((each) => `${printPiece(each)}, ${rangeOf(each)}`).join("; ")}`;
}

function inSequenceOf({ setup }: AnyReport, { inSequence }: TextOptions): string {
  if (!inSequence || setup.sequence === null) return "";
  return `peak(B, S) = ${printPolynomial(highestOf(inSequence, setup.batch, setup.sequence))}, from B = ${inSequence.fromBatch} on, around S = ${setup.sequence}`;
}

/** The rule without its subtitle, and the first thing it misses. */
function byHandOf({ name, bytes, misses }: NonNullable<TextOptions["byHand"]>): string {
  const [first] = misses;
  return `${name.replace(/,.*$/, "")}: ${formatBytes(bytes)}${first ? `; ${first}` : ""}`;
}

function modules({ layers, totals }: AnyReport, width: number, paint: Paint): string[] {
  if (!layers || totals.savedTensorBytes === 0) return [];
  const top = topModules(layers, 4).map(
    ({ path, savedTensorBytes }) => `${path} ${formatBytes(savedTensorBytes)}`,
  );
  return labelled("keeps most", top.join(" · "), width, paint);
}

/** Every stage's reserved bytes; most of them are alike, so neighbours with the same figure are one. */
function stagesOf({ stages }: AnyReport): string {
  const runs: { from: number; to: number; text: string }[] = [];
  for (const { stage, reservedBytes } of stages) {
    const text = formatBytes(reservedBytes);
    const open = runs.at(-1);
    if (open?.text === text) open.to = stage;
    else runs.push({ from: stage, to: stage, text });
  }
  return runs.map(({ from, to, text }) => `${from === to ? from : `${from}-${to}`}: ${text}`).join(" · ");
}

function assumptionsOf({ assumptions }: AnyReport): string {
  return assumptions.map(({ setting, value }) => `${setting} ${readable(value)}`).join(" · ");
}

/** Values are exact; `373293056 B` is rounded like every other figure. */
export function readable(value: string): string {
  const [, bytes] = /^(\d+) B$/.exec(value) ?? [];
  return bytes === undefined ? value : formatBytes(Number(bytes));
}

/** `  formula   text`, folded under itself. */
function labelled(label: string, text: string, width: number, paint: Paint): string[] {
  if (text === "") return [];
  // a figure stays with its unit, and a part of a list in one piece
  const tied = text
    .replace(/(\d|B x|B) (?=[KMGTP]?i?B\b|x \d|\d)/g, (tie) => tie.replaceAll(" ", "\u00a0"))
    .replace(/(?<=· )[^·]{1,40}(?= ·|$)/g, (part) => part.replaceAll(" ", "\u00a0"));
  const [first = "", ...rest] = fold(tied, width, " ".repeat(LABEL + 2), " ".repeat(LABEL + 2));
  const lines = [INDENT + paint.dim(label.padEnd(LABEL)) + first.slice(LABEL + 2), ...rest];
  return lines.map((line) => line.replaceAll("\u00a0", " "));
}
