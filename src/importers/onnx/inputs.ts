/** Inputs of an ONNX graph, and the sizes that its open dims take. */
import type { DType } from "../../base/dtype.js";
import type { Bindings } from "../model.js";
import { badDim, openDim, shapeMismatch } from "./complaints.js";
import { checkDims, dtypeAt, type OpenShape, statedShape } from "./dims.js";
import type { GraphProto } from "./schema.js";

export interface InputSizes {
  readonly batch: number;
  /** The batch that the file wrote into its shapes; null when it is open. */
  readonly fixedBatch: number | null;
  /** Symbols of the file and what they are. */
  readonly symbols: Map<string, number>;
}

export interface DeclaredInput {
  readonly name: string;
  readonly shape: OpenShape;
  readonly dtype: DType;
}

/** Inputs that are not weights: files of IR version 3 list those too. */
export function declaredInputs(graph: GraphProto, source: string): DeclaredInput[] {
  const weights = new Set((graph.initializer ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  return (graph.input ?? [])
    .filter(({ name }) => !weights.has(name))
    .map((info) => {
      const name = info.name ?? "";
      if (seen.has(name))
        throw badDim(`${source} › input ${JSON.stringify(name)}`, "an input that is listed twice");
      seen.add(name);
      const dtype = dtypeAt(info.type?.tensor?.elemType, `${source} › input ${JSON.stringify(name)}`);
      const shape = statedShape(info);
      if (!shape) throw openDim(`${source} › input ${JSON.stringify(name)}`, name, "no shape at all");
      return { name, shape, dtype };
    });
}

/** The first dim of the first input is the batch. */
export function sizesOf(inputs: readonly DeclaredInput[], { batch, shapes }: Bindings): InputSizes {
  const [first] = inputs;
  const lead = first?.shape[0];
  const asked = batch ?? (first && shapes?.[first.name]?.[0]);
  const symbols = new Map<string, number>();
  const size = asked ?? (typeof lead === "number" && lead > 0 ? lead : 1);
  if (typeof lead === "string") symbols.set(lead, size);
  return { batch: size, fixedBatch: typeof lead === "number" ? lead : null, symbols };
}

/** Open dims that are no batch: sequences of tokens, sides of images. */
export function openDims(inputs: readonly DeclaredInput[]): { sequence: boolean } {
  const open = inputs.some(
    ({ shape }) => shape.length <= 3 && shape.some((dim, i) => i > 0 && typeof dim !== "number"),
  );
  return { sequence: open };
}

interface BindOptions {
  readonly source: string;
  readonly bindings: Bindings;
}

export function boundInputs(
  graph: GraphProto,
  sizes: InputSizes,
  { source, bindings }: BindOptions,
): { name: string; shape: number[]; dtype: DType }[] {
  const inputs = declaredInputs(graph, source);
  const { symbols } = sizes;
  for (const { name, shape } of inputs) {
    const asked = bindings.shapes?.[name];
    if (asked?.length === shape.length)
      shape.forEach((dim, i) => {
        if (typeof dim === "string" && !symbols.has(dim)) symbols.set(dim, asked[i] as number);
      });
  }
  return inputs.map(({ name, shape, dtype }) => {
    const where = `${source} › input ${JSON.stringify(name)}`;
    const asked = bindings.shapes?.[name];
    if (asked && asked.length !== shape.length)
      throw shapeMismatch(
        where,
        `${shape.length} dims, as [${shape.map((dim) => dim ?? "?").join(", ")}]`,
        `[${asked.join(", ")}]`,
      );
    const bound = shape.map((dim, i) => asked?.[i] ?? boundDim(dim, i, shape, sizes, bindings));
    if (!bound.every((dim) => typeof dim === "number"))
      throw openDim(where, name, `[${shape.map((dim) => dim ?? "?").join(", ")}]`);
    checkDims(bound, where);
    return { name, shape: bound, dtype };
  });
}

function boundDim(
  dim: number | string | null,
  at: number,
  shape: OpenShape,
  { batch, fixedBatch, symbols }: InputSizes,
  { image, sequence }: Bindings,
): number | undefined {
  if (at === 0 && (dim === null || dim === fixedBatch)) return batch;
  if (image && shape.length === 4 && at >= 2) return image[at - 2];
  if (typeof dim === "number") return dim;
  const known = dim === null ? undefined : symbols.get(dim);
  if (known !== undefined) return known;
  if (at === 0) return batch;
  if (shape.length <= 3 && sequence !== undefined) {
    if (dim !== null) symbols.set(dim, sequence);
    return sequence;
  }
  return undefined;
}
