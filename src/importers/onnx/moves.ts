/** ONNX operators that move elements: reshapes, slices, gathers, pads, resizes. */
import { broadcast, elements, wrapDim } from "../../base/shape.js";
import type { ValueId } from "../../ir/graph.js";
import type { Call, Lowering } from "./call.js";
import { unknownSize } from "./complaints.js";

/** Axes as an attribute, or as an input since opset 11 to 18; undefined when there are none. */
export function axesOf(call: Call, input: number): readonly number[] | undefined {
  const given = call.ints("axes") ?? call.known(input)?.data;
  if (call.has(input) && !given) throw unknownSize(call.where, "an axis");
  return given && given.length > 0 ? given : undefined;
}

/** Sizes that an input holds. Throws InputError when they are computed from data. */
export function sizesAt(call: Call, input: number): readonly number[] {
  const sizes = call.known(input)?.data ?? call.stated(0);
  if (!sizes) throw unknownSize(call.where, "a size");
  return sizes;
}

export const reshape: Lowering = (call) => {
  const { shape } = call.spec(0);
  const asked = call.known(1)?.data ?? call.ints("shape") ?? call.stated(0);
  if (!asked) throw unknownSize(call.where, "a size");
  const copies = call.int("allowzero", 0) === 0;
  const sizes = call.rescaled(asked).map((size, dim) => (size === 0 && copies ? (shape[dim] ?? 0) : size));
  return call.result("reshape", { self: call.id(0) }, { shape: sizes });
};

export const flatten: Lowering = (call) => {
  const { shape } = call.spec(0);
  const axis = wrapDim(call.int("axis", 1), shape.length);
  if (axis === 1 && shape.length > 1) return call.result("flatten", { self: call.id(0) }, { start_dim: 1 });
  const sizes = [elements(shape.slice(0, axis)), elements(shape.slice(axis))];
  return call.result("reshape", { self: call.id(0) }, { shape: sizes });
};

export const expand: Lowering = (call) => {
  const { shape } = call.spec(0);
  const size = broadcast(shape, call.rescaled(sizesAt(call, 1)));
  if (!size) throw unknownSize(call.where, "a size");
  return call.result("expand", { self: call.id(0) }, { size });
};

export const unsqueeze: Lowering = (call) => {
  const { shape } = call.spec(0);
  const axes = axesOf(call, 1) ?? [];
  const rank = shape.length + axes.length;
  let id = call.id(0);
  const sorted = axes.map((axis) => wrapDim(axis, rank)).sort((a, b) => a - b);
  for (const dim of sorted.slice(0, -1)) id = call.step("unsqueeze", { self: id }, { dim });
  const last = sorted.at(-1);
  return last === undefined
    ? call.result("alias", { self: id })
    : call.result("unsqueeze", { self: id }, { dim: last });
};

export const slice: Lowering = (call) => {
  const { shape } = call.spec(0);
  const list = (input: number, name: string) => call.known(input)?.data ?? call.ints(name);
  const [starts, ends] = [list(1, "starts"), list(2, "ends")];
  if (!starts || !ends) throw unknownSize(call.where, "a start and an end");
  const axes = list(3, "axes") ?? starts.map((_, i) => i);
  const steps = list(4, "steps") ?? [];
  let id = call.id(0);
  starts.forEach((start, i) => {
    const dim = wrapDim(axes[i] ?? i, shape.length);
    const step = steps[i] ?? 1;
    const size = shape[dim] ?? 0;
    if (step < 0) {
      // back to front, as PyTorch's flip writes it; the part between the ends
      id = call.step("flip", { self: id }, { dims: [dim] });
      const [from, to] = [
        Math.min(start < 0 ? start + size : start, size - 1),
        Math.max(ends[i] ?? 0, -size - 1),
      ];
      const stop = to < 0 ? Math.max(to + size, -1) : to;
      id = call.step(
        "slice",
        { self: id },
        { dim, start: size - 1 - from, end: size - 1 - stop, step: -step },
      );
    } else if (start !== 0 || (ends[i] ?? 0) < size || step !== 1)
      id = call.step("slice", { self: id }, { dim, start, end: ends[i] ?? size, step });
  });
  return [id];
};

export const split: Lowering = (call) => {
  const dim = wrapDim(call.int("axis", 0), call.spec(0).shape.length);
  const sizes = call.known(1)?.data ?? call.ints("split");
  const attributes = sizes ? { split_sizes: sizes } : { chunks: call.int("num_outputs", call.outputs) };
  return call.result("split", { self: call.id(0) }, { dim, ...attributes });
};

/** A table of weights read by row is an embedding; a known place is a selection. */
export const gather: Lowering = (call) => {
  const { shape } = call.spec(0);
  const dim = wrapDim(call.int("axis", 0), shape.length);
  const at = call.known(1);
  if (at && at.data.length === 1 && at.shape.length === 0)
    return call.result("select", { self: call.id(0) }, { dim, index: at.data[0] as number });
  if (dim === 0 && shape.length === 2 && call.isWeight(0))
    return call.result("embedding", { weight: call.id(0), indices: call.id(1) });
  if (call.spec(1).shape.length === 1)
    return call.result("indexSelect", { self: call.id(0), index: call.id(1) }, { dim });
  const places: (ValueId | null)[] = Array.from({ length: dim }, () => null);
  return call.result("index", { self: call.id(0), indices: [...places, call.id(1)] });
};

const PADS: ReadonlyMap<string, string> = new Map([
  ["reflect", "reflectionPad"],
  ["edge", "replicationPad"],
]);

export const pad: Lowering = (call) => {
  const rank = call.spec(0).shape.length;
  const given = call.known(1)?.data ?? call.ints("pads");
  if (!given) throw unknownSize(call.where, "a width of the padding");
  const axes = (call.known(3)?.data ?? Array.from({ length: rank }, (_, i) => i)).map((axis) =>
    wrapDim(axis, rank),
  );
  const pairs = Array.from({ length: rank }, (_, dim) => {
    const at = axes.indexOf(dim);
    return at < 0 ? [0, 0] : [given[at] ?? 0, given[at + axes.length] ?? 0];
  });
  if (given.every((size) => size === 0)) return call.result("alias", { self: call.id(0) });
  const name = PADS.get(call.text("mode", "constant"));
  const padded = pairs.reverse().flat();
  const spatial = rank - 2;
  if (name && spatial >= 1 && spatial <= 3)
    return call.result(`${name}${spatial}d`, { self: call.id(0) }, { padding: padded.slice(0, 2 * spatial) });
  return call.result("pad", { self: call.id(0) }, { pad: padded });
};

const MODES: Readonly<Record<string, readonly (string | undefined)[]>> = {
  nearest: [undefined, "upsampleNearest1d", "upsampleNearest2d", "upsampleNearest3d"],
  linear: [undefined, "upsampleLinear1d", "upsampleBilinear2d", "upsampleTrilinear3d"],
  cubic: [undefined, undefined, "upsampleBicubic2d", undefined],
};

export const resize: Lowering = (call) => {
  const { shape, dtype } = call.spec(0);
  const rank = shape.length - 2;
  const sizes = call.known(3)?.data;
  const scales =
    call.known(2)?.data ?? (call.inputs <= 2 ? (call.known(1)?.data ?? call.ints("scales")) : undefined);
  const whole = sizes?.length
    ? sizes
    : scales?.length
      ? shape.map((size, dim) => Math.floor(size * (scales[dim] ?? 1)))
      : call.stated(0);
  if (!whole) throw unknownSize(call.where, "a size");
  const mode = call.text("mode", "nearest");
  const op = (Object.hasOwn(MODES, mode) ? MODES[mode] : undefined)?.[rank];
  const full =
    whole.length < shape.length ? [...shape.slice(0, shape.length - whole.length), ...whole] : whole;
  if (!op)
    return call.bounded([{ ...call.spec(0), ...contiguous(full), dtype }], "resizes in a way of its own");
  return call.result(op, { self: call.id(0) }, { output_size: full.slice(-rank) });
};

function contiguous(shape: readonly number[]): { shape: readonly number[]; strides: number[] } {
  let step = 1;
  const strides = [...shape].reverse().map((size) => {
    const stride = step;
    step *= Math.max(size, 1);
    return stride;
  });
  return { shape, strides: strides.reverse() };
}
