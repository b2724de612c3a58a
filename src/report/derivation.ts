/** The formula term by term: every tensor alive at the highest moment, as a product of its dims that anyone can check. */
import { ITEM_SIZE } from "../base/dtype.js";
import type { DType } from "../base/dtype.js";
import { type Block, CATEGORIES, type Category, type Step } from "../ir/step.js";
import type { StepChoice } from "../ir/setup.js";
import type { StorageId, Tape } from "../ir/tape.js";
import { lifetimes, nameOf } from "./at-peak.js";
import { aliveAtHighest, type Line } from "./formula.js";
import { operatorOf, placeOf, snakeCase } from "./places.js";
import type { SequenceForm } from "./polynomial.js";
import type { FormulaPiece, ModelReport, SetupReport } from "./report.js";

/** Tensors of one shape and role, added up. */
export interface Term {
  readonly category: Category;
  /** `B`, `S`, `64`, `(3x3)`: their product is the elements of one tensor. */
  readonly factors: readonly string[];
  /** Bytes of an element. */
  readonly itemBytes: number;
  /** How many such tensors there are. */
  readonly count: number;
  /** `saved by relu for its gradient`. */
  readonly what: string;
  /** The first of them. */
  readonly where: string;
  readonly fixedBytes: number;
  readonly perBatchBytes: number;
  /** All of them at the asked batch. */
  readonly bytes: number;
}

export interface Derivation {
  readonly schema: "plimsoll/formula@1";
  readonly model: Pick<ModelReport, "name" | "source">;
  readonly setup: SetupReport;
  /** The moment whose sum is the piece that the asked batch lies on. */
  readonly moment: string;
  readonly pieces: readonly FormulaPiece[];
  /** By how much the allocated peak can exceed the formula, in words. */
  readonly bound: string;
  /** The highest of a few polynomials in batch and length; null for models without a length. */
  readonly sequence: SequenceForm | null;
  readonly terms: readonly Term[];
  /** The sum of all terms: the formula at the asked batch. */
  readonly totalBytes: number;
}

export interface TermsInput {
  readonly tape: Tape;
  readonly step: Step;
  readonly lines: readonly Line[];
  readonly which: StepChoice;
  readonly batch: number;
  readonly sequence: number | null;
}

/** The terms of the highest moment at `batch`, the largest first within a category, and where it is. */
export function termsOf(input: TermsInput): { readonly terms: readonly Term[]; readonly moment: string } {
  const { tape, step, lines, which, batch } = input;
  const { alive, phase, node } = aliveAtHighest(step, lines, { which, batch });
  const lives = lifetimes(step, which);
  const savers = saversOf(tape);
  const terms = new Map<string, Term>();
  for (const id of alive) {
    const block = step.blocks[id] as Block;
    const line = lines[id] as Line;
    const name = nameOf(block, tape.graph, lives.get(id)?.from);
    const one: Term = {
      category: block.category,
      ...productOf(block, line, input),
      count: 1,
      ...saidOf(block, name, savers),
      fixedBytes: line.fixed,
      perBatchBytes: line.perBatch,
      bytes: line.fixed + line.perBatch * batch,
    };
    const key = [one.category, one.what, one.itemBytes, ...one.factors].join(" ");
    const before = terms.get(key);
    terms.set(key, before ? sumOf(before, one) : one);
  }
  const place = node < 0 ? tape.graph.name : placeOf(tape.graph, node);
  return { terms: [...terms.values()].sort(byCategory), moment: `${phase}, ${place}` };
}

function sumOf(a: Term, b: Term): Term {
  return {
    ...a,
    count: a.count + b.count,
    fixedBytes: a.fixedBytes + b.fixedBytes,
    perBatchBytes: a.perBatchBytes + b.perBatchBytes,
    bytes: a.bytes + b.bytes,
  };
}

function byCategory(a: Term, b: Term): number {
  return CATEGORIES.indexOf(a.category) - CATEGORIES.indexOf(b.category) || b.bytes - a.bytes;
}

/** The block's dims with B and S in place of what grows; plain bytes where no product of dims says it. */
function productOf(
  { shape, dtype, bytes }: Block,
  { fixed, perBatch }: Line,
  { batch, sequence }: TermsInput,
): Pick<Term, "factors" | "itemBytes"> {
  const size = ITEM_SIZE[dtype as DType] ?? 1; // blocks name their dtype
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (elements * size !== bytes || shape.length === 0) return plainly(fixed, perBatch);
  if (perBatch !== 0 && fixed !== 0) return plainly(fixed, perBatch);
  const dims = [...shape];
  const symbols: string[] = [];
  const take = (symbol: string, size: number) => {
    const whole = dims.indexOf(size);
    const at = whole >= 0 ? whole : dims.findIndex((dim) => dim % size === 0);
    if (at < 0) return false;
    symbols.push(symbol);
    dims[at] = (dims[at] as number) / size;
    return true;
  };
  if (perBatch !== 0 && batch > 1 && !take("B", batch)) return plainly(fixed, perBatch);
  if (perBatch !== 0 && batch === 1) symbols.push("B");
  if (perBatch !== 0 && sequence !== null && sequence > 1)
    while (dims.includes(sequence) || dims[0] === sequence) if (!take("S", sequence)) break;
  const rest = dims.filter((dim) => dim !== 1);
  const kernel = perBatch === 0 && shape.length >= 3;
  const [out, ...others] = shape;
  const numbers = kernel
    ? [String(out), `(${others.slice(1).join("x")})`, String(others[0])]
    : rest.map(String);
  return { factors: [...symbols, ...numbers], itemBytes: size };
}

function plainly(fixed: number, perBatch: number): Pick<Term, "factors" | "itemBytes"> {
  const parts = [fixed !== 0 && String(Math.round(fixed)), perBatch !== 0 && `B x ${perBatch}`].filter(
    Boolean,
  );
  return { factors: [parts.length > 1 ? `(${parts.join(" + ")})` : String(parts[0] ?? 0)], itemBytes: 1 };
}

/** By storage: the operator whose gradient reads it first, and under which name. */
function saversOf({ graph, events, gradNodes }: Tape): Map<StorageId, { op: string; port: string }> {
  const savers = new Map<StorageId, { op: string; port: string }>();
  for (const event of events) {
    if (event.kind !== "save" || savers.has(event.storage)) continue;
    const node = graph.nodes[event.node];
    const port =
      gradNodes[event.by]?.saved.find(({ tensor }) => tensor.storage === event.storage)?.name ?? "";
    if (node) savers.set(event.storage, { op: operatorOf(node), port: snakeCase(port) });
  }
  return savers;
}

const SAID: Partial<Readonly<Record<Category, string>>> = {
  parameters: "parameters",
  buffers: "buffers",
  gradients: "gradients of parameters",
  masterParameters: "master parameters",
  inputs: "the mini-batch",
};

function saidOf(block: Block, name: string, savers: ReadonlyMap<StorageId, { op: string; port: string }>) {
  const { category, id } = block;
  const where = name.replace(/^(gradient of|result of|gradient made at|scratch of) /, "");
  const saver = category === "savedTensors" ? savers.get(id) : undefined;
  if (saver) return { what: `saved by ${saver.op} for its gradient`, where };
  if (category === "parameters") {
    const leaf = name.replace(/^.*\./, "");
    return { what: leaf === "weight" ? "weights" : leaf === "bias" ? "biases" : "parameters", where };
  }
  if (category === "optimizerStates")
    return { what: name.replace(/ of .*$/, ""), where: name.replace(/^.* of /, "") };
  if (category === "workspace") return { what: "scratch", where };
  return { what: SAID[category] ?? block.because, where };
}
