/**
 * A printed summary → a graph of one operation per row: parameters are those of the table, every row's result counts as kept
 * once, and the report's interval says how far that can be off.
 *
 * Untrue   the rows run one after the other; what `forward` does between them, and what a row keeps inside, is not in the table
 */
import type { Diagnostic } from "../../base/complaint.js";
import { elements } from "../../base/shape.js";
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import type { Graph, ValueId } from "../../ir/graph.js";
import { dense } from "../../ir/tensor.js";
import { GraphBuilder } from "../../ops/build.js";
import { Drawing } from "../keras/call.js";
import { drawLoss } from "../keras/loss.js";
import type { Bindings, ImportedModel } from "../model.js";
import { fileTooLarge, precisionIsUnknown, sumsApart, wrongValue } from "./complaints.js";
import { keepsNoMore } from "./kinds.js";
import { parseSummary, type Summary, type SummaryRow } from "./parse.js";

/** A thousand rows take some 200 KB. */
const MAX_TEXT = 8 * MiB;
const MAX_ELEMENTS = 2 ** 40;

export async function readSummary(source: Source): Promise<ImportedModel> {
  const { name: where, size } = source;
  if (size > MAX_TEXT) throw fileTooLarge(where, size, MAX_TEXT);
  const summary = parseSummary(new TextDecoder().decode(await source.read(0, size)), where);
  const layers = layersOf(summary);
  const batch = batchOf(summary, layers);
  const name = summary.name ?? where.replace(/^.*[/\\]/, "").replace(/\.\w+$/, "");
  return {
    kind: "model",
    name,
    source: where,
    format: "summary",
    ...(summary.producer === "keras" && { framework: "tensorflow" as const }),
    batch,
    bind: (bindings) => drawSummary(summary, layers, { name, where, batch, bindings }),
  };
}

/** Rows that run: no containers of other rows, whether they stand before their rows (torchinfo) or behind them (torchsummary). */
function layersOf({ rows, producer }: Summary): readonly SummaryRow[] {
  return rows.filter(({ isContainer, kind, parameters, shape }, i) => {
    if (isContainer || shape === null || kind === "InputLayer") return false;
    const before = rows[i - 1]?.shape;
    const isBehind = producer === "torchsummary" && parameters === 0 && !keepsNoMore(kind);
    return !(isBehind && before?.join() === shape.join());
  });
}

/** The batch of the table: torchinfo prints it, the others leave it open. */
function batchOf({ producer, rows }: Summary, layers: readonly SummaryRow[]): number {
  const first = (rows[0]?.input ?? layers[0]?.shape)?.[0];
  return producer === "torchinfo" && typeof first === "number" ? first : 1;
}

interface Placed {
  readonly name: string;
  readonly where: string;
  /** The table's. */
  readonly batch: number;
  readonly bindings: Bindings;
}

function drawSummary(
  summary: Summary,
  layers: readonly SummaryRow[],
  { name, where, batch: stated, bindings }: Placed,
): { graph: Graph; diagnostics: readonly Diagnostic[] } {
  const { precision, mode, loss } = bindings;
  if (precision !== undefined && precision !== "fp32") throw precisionIsUnknown(where, precision);
  const batch = bindings.batch ?? stated;
  const isKeras = summary.producer === "keras";
  const training = mode !== "inference";
  const drawing = isKeras ? new Drawing(name, { batch, training, policy: null }) : null;
  const builder = drawing?.builder ?? new GraphBuilder(name);
  /** Sizes at the asked batch: the first one follows it. */
  const sized = (shape: readonly (number | null)[], row: string): readonly number[] => {
    const sizes = shape.map((size, dim) => {
      if (size === null) return batch;
      return dim === 0 && summary.producer === "torchinfo" ? Math.ceil((size * batch) / stated) : size;
    });
    if (elements(sizes) > MAX_ELEMENTS)
      throw wrongValue(`${where} › ${row.slice(0, 60)}`, "a shape", "at most 2^40 elements", `[${sizes}]`);
    return sizes;
  };
  const residents: ValueId[] = [];
  const place = (row: string, count: number, trainable: boolean): ValueId[] => {
    if (count === 0) return [];
    const id = builder.value(row, "parameter", dense([count], "float32"), { trainable });
    residents.push(id);
    return [id];
  };
  const { spec: input, isKnown } = inputOf(summary, layers, sized, batch);
  let x = builder.value("input", "input", dense(input, "float32"));
  const counts = sharesOf(summary, layers, where);
  const rest = counts.rest.flatMap(([count, trainable]) => place("parameters in no row", count, trainable));
  layers.forEach((row, i) => {
    const own = counts.rows[i] ?? [];
    const parameters = own.flatMap(([count, trainable]) => place(row.name, count, trainable));
    const shape = sized(row.shape ?? [], row.name);
    const attributes = { shape: [...shape], kind: row.kind || row.name, isBounded: keepsNoMore(row.kind) };
    const scope = builder.scope(row.name, row.kind);
    const all = [...parameters, ...(i === 0 ? rest : [])];
    [x = x] = isKeras
      ? builder.node("SummarizedLayer", { inputs: [x, ...all] }, attributes, { scope })
      : builder.node("summarizedLayer", { x, parameters: all }, attributes, { scope });
  });
  drawing?.residents.push(...residents);
  const isLoss = builder.spec(x).shape.length < 2;
  const ends = drawing && training && loss !== "none" && !isLoss ? [drawLoss(drawing, [x], where)] : [x];
  const graph = builder.finish(ends, residents);
  return { graph, diagnostics: notesOf(summary, where, isKnown) };
}

/** The input where a row states it; else as many numbers as the table's megabytes; else none. */
function inputOf(
  { rows, producer, inputBytes }: Summary,
  layers: readonly SummaryRow[],
  sized: (shape: readonly (number | null)[], row: string) => readonly number[],
  batch: number,
): { spec: readonly number[]; isKnown: boolean } {
  const stated = rows.find(({ kind }) => kind === "InputLayer")?.shape ?? rows[0]?.input;
  if (stated) return { spec: sized(stated, "input"), isKnown: true };
  const whole = producer === "torchinfo" ? (layers[0]?.shape?.[0] ?? 1) : 1;
  const count = inputBytes === null ? 0 : Math.round(inputBytes / 4 / Math.max(whole, 1));
  return { spec: [batch, Math.max(count, 1)], isKnown: false };
}

type Share = readonly [count: number, trainable: boolean];

/** Counts of the table shared out: half of a batch norm's in Keras does not train; the rest is frozen from the first row on. */
function sharesOf(
  { rows, producer, trainable, frozen }: Summary,
  layers: readonly SummaryRow[],
  where: string,
) {
  const found = rows.reduce((sum, { parameters }) => sum + parameters, 0);
  const whole = trainable + frozen;
  if (found > whole) throw sumsApart(where, whole, found);
  let left = frozen;
  const still = layers.map(({ kind, parameters }) => {
    const own = producer === "keras" && kind === "BatchNormalization" ? Math.floor(parameters / 2) : 0;
    const taken = Math.min(own, left);
    left -= taken;
    return taken;
  });
  const shares = layers.map(({ parameters }, i): Share[] => {
    const more = Math.min(parameters - (still[i] as number), left);
    left -= more;
    const frozenHere = (still[i] as number) + more;
    return [
      [parameters - frozenHere, true],
      [frozenHere, false],
    ];
  });
  const inRows = layers.reduce((sum, { parameters }) => sum + parameters, 0);
  const rest: Share[] = [
    [whole - inRows - left, true],
    [left, false],
  ];
  return { rows: shares, rest };
}

function notesOf({ producer }: Summary, where: string, isInputKnown: boolean): readonly Diagnostic[] {
  const input = isInputKnown
    ? ""
    : "; the input's shape is not in the table, and counts as its megabytes say, or as nothing";
  const missing =
    producer === "keras"
      ? "activations inside layers, connections, types"
      : "what forward does without a module, buffers, in-place modules, shared results";
  const message = `a printed summary: parameters are those of the table, and every row's result counts as kept once; not in it are operators, ${missing}${input}. The interval says how far that can be off; export the model for an answer to the byte`;
  return [{ code: "summary/no-operators", severity: "warning", message, where }];
}
