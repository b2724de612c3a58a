/** Operations that move elements. Shapes as tensorflow/core/ops/array_ops.cc infers them. */
import { elements } from "../../base/shape.js";
import { unknownSize } from "./complaints.js";
import type { Lowering, NodeCall } from "./node-call.js";
import { OPAQUE, type Tensor } from "./tensor.js";

/** The shape that is asked for, with what -1 stands for; at another batch than the file's, its first size follows. */
function target(call: NodeCall, given: readonly number[], count: number): readonly number[] {
  const known = given.reduce((product, size) => (size < 0 ? product : product * size), 1);
  const shape = given.map((size) => (size < 0 ? count / known : size));
  if (elements(shape) === count) return shape;
  const { batch, fixedBatch } = call.writer.sizes;
  const [first = 1, ...rest] = given;
  if (fixedBatch !== null && first > 0 && first % fixedBatch === 0) {
    const moved = [(first / fixedBatch) * batch, ...rest];
    const product = moved.reduce((all, size) => (size < 0 ? all : all * size), 1);
    const rescaled = moved.map((size) => (size < 0 ? count / product : size));
    if (elements(rescaled) === count) return rescaled;
  }
  throw call.refuse(`a shape of ${count} elements`, `[${given}]`);
}

/** Two sizes that nobody knows are taken for the batch and all the rest: what flattening layers ask for. */
function flattened(call: NodeCall): readonly number[] | null {
  const asked = call.inputs[1];
  if (asked?.kind !== "constant" || asked.shape.length !== 1) return null;
  const [rank = 0] = asked.shape;
  const own = call.shape(0);
  const isVector = own.length === 1 && rank > 1 && rank <= 8;
  if (!isVector && rank !== 2) return null;
  call.note(
    "numbers-elsewhere",
    "warning",
    "the numbers of constants lie in the weights, which are not read: a reshape to two sizes counts as one to the batch and all the rest, of a vector as one to its last dim, a mean of an image over two dims as one over its sides",
  );
  if (isVector) return [...new Array<number>(rank - 1).fill(1), own[0] as number];
  return [call.writer.sizes.batch, -1];
}

const reshape: Lowering = (call) => {
  const { shape, dtype } = call.spec(0);
  const given = call.data(1) ?? call.stated() ?? flattened(call);
  if (!given) throw unknownSize(call.where, "the new shape");
  const to = target(call, given, elements(shape));
  const x = call.tensor(0);
  if (x.kind === "constant" && call.operand(0) === null) return { ...x, shape: to, dtype };
  return call.one("Reshape", [call.value(0)], { shape: to });
};

const squeeze: Lowering = (call) => {
  const { shape, dtype } = call.spec(0);
  const asked = call.ints("squeeze_dims") ?? call.ints("axis") ?? [];
  const axes =
    asked.length > 0
      ? asked.map((axis) => call.axis(axis, shape.length))
      : shape.flatMap((size, dim) => (size === 1 ? [dim] : []));
  const wrong = axes.find((axis) => shape[axis] !== 1);
  if (wrong !== undefined) throw call.refuse(`a size of 1 in dim ${wrong}`, `[${shape}]`);
  if (call.isKnown && call.operand(0) === null)
    return call.folded(
      shape.filter((_, dim) => !axes.includes(dim)),
      dtype,
    );
  return axes.length === 0 ? call.tensor(0) : call.one("Squeeze", [call.value(0)], { axes: [...axes] });
};

const expand: Lowering = (call) => {
  const { shape, dtype } = call.spec(0);
  const axis = call.axis(call.sizes(1, "an axis")[0] ?? 0, shape.length + 1);
  if (call.isKnown && call.operand(0) === null)
    return call.folded([...shape.slice(0, axis), 1, ...shape.slice(axis)], dtype);
  return call.one("ExpandDims", [call.value(0)], { axis });
};

const transpose: Lowering = (call) => {
  const { shape, dtype } = call.spec(0);
  const order = call.sizes(1, "the order of dims");
  if ([...order].sort((a, b) => a - b).join() !== shape.map((_, dim) => dim).join())
    throw call.refuse(`the dims 0 to ${shape.length - 1}, each once`, `[${order.slice(0, 8)}]`);
  if (call.isKnown && call.operand(0) === null)
    return call.folded(
      order.map((dim) => shape[dim] as number),
      dtype,
    );
  return call.one("Transpose", [call.value(0)], { order: [...order] });
};

const pad: Lowering = (call) => {
  const rank = call.shape(0).length;
  const pairs = call.sizes(1, "paddings");
  if (pairs.length !== 2 * rank || pairs.some((size) => !(size >= 0)))
    throw call.refuse(`${rank} pairs of whole numbers`, `[${pairs.slice(0, 12)}]`);
  const side = (from: number) => Array.from({ length: rank }, (_, dim) => pairs[2 * dim + from] as number);
  return call.one("Pad", [call.value(0)], { before: side(0), after: side(1) });
};

const mirrorPad: Lowering = (call) => {
  const pairs = call.sizes(1, "paddings");
  const shape = call.shape(0).map((size, dim) => size + (pairs[2 * dim] ?? 0) + (pairs[2 * dim + 1] ?? 0));
  return call.one("MirrorPad", [call.value(0)], { shape });
};

const slice: Lowering = (call) => {
  const shape = call.shape(0);
  const [begin, size] = [call.sizes(1, "where a slice begins"), call.sizes(2, "a slice's size")];
  const left = shape.map((whole, dim) => {
    const wanted = size[dim] ?? -1;
    return wanted < 0 ? whole - (begin[dim] ?? 0) : wanted;
  });
  if (
    left.some(
      (count, dim) =>
        count < 1 || (begin[dim] ?? 0) < 0 || (begin[dim] ?? 0) + count > (shape[dim] as number),
    )
  )
    throw call.refuse(`a part of [${shape}]`, `[${left}] from [${begin.slice(0, 8)}]`);
  return call.one("Slice", [call.value(0)], { shape: left, before: shape.map((_, dim) => begin[dim] ?? 0) });
};

/** Python's slices: masks say which numbers are left out, made anew or name one element. */
const stridedSlice: Lowering = (call) => {
  const isVector = call.isKnown && call.shape(0).length === 1;
  if (isVector && (call.int("shrink_axis_mask", 0) & 1) === 1) return call.folded([], call.spec(0).dtype);
  const shape = call.shape(0);
  const [begin, end, strides] = [1, 2, 3].map((i) => call.data(i));
  const bit = (name: string, i: number) => (call.int(name, 0) & (1 << i)) !== 0;
  const count = begin?.length ?? end?.length ?? strides?.length ?? call.shape(1)[0] ?? 0;
  const out: number[] = [];
  let dim = 0;
  for (let i = 0; i < count && i < 32; i++) {
    if (bit("new_axis_mask", i)) out.push(1);
    else if (bit("ellipsis_mask", i)) {
      const left =
        shape.length -
        dim -
        [...Array(count).keys()].slice(i + 1).filter((k) => !bit("new_axis_mask", k)).length;
      for (let k = 0; k < left; k++) out.push(shape[dim++] as number);
    } else {
      const size = shape[dim++];
      if (size === undefined) throw call.refuse(`at most ${shape.length} slices`, `${count}`);
      if (bit("shrink_axis_mask", i)) continue;
      const step = strides?.[i];
      const at = (value: number | undefined, open: boolean, ends: number) => {
        if (open) return ends;
        if (value === undefined) throw unknownSize(call.where, "where a slice begins and ends");
        return Math.min(
          Math.max(value < 0 ? value + size : value, step !== undefined && step < 0 ? -1 : 0),
          size,
        );
      };
      if (!step) throw unknownSize(call.where, "a slice's stride above zero");
      const from = at(begin?.[i], bit("begin_mask", i), step > 0 ? 0 : size - 1);
      const until = at(end?.[i], bit("end_mask", i), step > 0 ? size : -1);
      out.push(Math.max(Math.ceil((until - from) / step), 0));
    }
  }
  const left = [...out, ...shape.slice(dim)];
  if (left.some((size) => size < 1)) throw call.refuse("a slice that is not empty", `[${left}]`);
  return call.one("StridedSlice", [call.value(0)], { shape: left });
};

const tile: Lowering = (call) => {
  const times = call.sizes(1, "how often a tensor is repeated");
  const shape = call.shape(0).map((size, dim) => size * (times[dim] ?? 1));
  call.writer.check(shape, call.where);
  return call.isKnown ? call.folded(shape, call.spec(0).dtype) : call.one("Tile", [call.value(0)], { shape });
};

const broadcastTo: Lowering = (call) => {
  const shape = [...call.sizes(1, "the shape that is broadcast to")];
  call.writer.check(shape, call.where);
  return call.isKnown
    ? call.folded(shape, call.spec(0).dtype)
    : call.one("BroadcastTo", [call.value(0)], { shape });
};

function concat(call: NodeCall, axisAt: number, parts: readonly number[]): Tensor {
  const rank = call.shape(parts[0] ?? 0).length;
  const axis = call.axis(call.sizes(axisAt, "an axis")[0] ?? 0, rank);
  return call.one(
    "ConcatV2",
    parts.map((i) => call.value(i)),
    { axis },
  );
}

const split =
  (axisAt: number, x: number): Lowering =>
  (call) => {
    const shape = call.shape(x);
    const axis = call.axis(call.sizes(axisAt, "an axis")[0] ?? 0, shape.length);
    const count = call.int("num_split", 1);
    const size = shape[axis] as number;
    if (!(count >= 1 && size % count === 0))
      throw call.refuse(`a size of dim ${axis} that ${count} divides`, `[${shape}]`);
    return call.all("Split", [call.value(x)], { axis, count });
  };

/** Parts of sizes of their own are slices. */
const splitV: Lowering = (call) => {
  const shape = call.shape(0);
  const axis = call.axis(call.sizes(2, "an axis")[0] ?? 0, shape.length);
  const given = call.sizes(1, "the sizes of parts");
  const known = given.reduce((sum, size) => (size < 0 ? sum : sum + size), 0);
  const sizes = given.map((size) => (size < 0 ? (shape[axis] as number) - known : size));
  if (sizes.reduce((a, b) => a + b, 0) !== shape[axis] || sizes.some((size) => size < 1))
    throw call.refuse(`parts of ${shape[axis]}`, `[${given.slice(0, 8)}]`);
  let from = 0;
  return sizes.map((size) => {
    const before = shape.map((_, dim) => (dim === axis ? from : 0));
    from += size;
    return call.one("Slice", [call.value(0)], {
      shape: shape.map((own, dim) => (dim === axis ? size : own)),
      before,
    });
  });
};

const pack: Lowering = (call) => {
  if (call.isKnown && call.inputs.every((_, i) => call.operand(i) === null))
    return call.folded([call.inputs.length, ...call.shape(0)], call.spec(0).dtype);
  const rank = call.shape(0).length;
  const axis = call.axis(call.int("axis", 0), rank + 1);
  return call.one(
    "Pack",
    call.inputs.map((_, i) => call.value(i)),
    { axis },
  );
};

const unpack: Lowering = (call) => {
  const shape = call.shape(0);
  const axis = call.axis(call.int("axis", 0), shape.length);
  const [count, most] = [shape[axis] as number, 4096];
  if (count > most) throw call.refuse(`at most ${most} parts`, `${count}`);
  return call.all("Unpack", [call.value(0)], { axis });
};

const fill: Lowering = (call) => {
  const shape = [...call.sizes(0, "the shape that is filled")];
  call.writer.check(shape, call.where);
  return call.folded(shape, call.spec(1).dtype);
};

const shapes: Lowering = (call) =>
  call.inputs.map((_, i) => {
    const shape = call.shape(i);
    return call.constant([shape.length], shape);
  });

export const moveOps: Readonly<Record<string, Lowering>> = {
  Reshape: reshape,
  Squeeze: squeeze,
  ExpandDims: expand,
  Transpose: transpose,
  Pad: pad,
  PadV2: pad,
  MirrorPad: mirrorPad,
  Slice: slice,
  StridedSlice: stridedSlice,
  Tile: tile,
  BroadcastTo: broadcastTo,
  ConcatV2: (call) =>
    concat(
      call,
      call.inputs.length - 1,
      call.inputs.slice(0, -1).map((_, i) => i),
    ),
  Concat: (call) =>
    concat(
      call,
      0,
      call.inputs.slice(1).map((_, i) => i + 1),
    ),
  Split: split(0, 1),
  SplitV: splitV,
  Pack: pack,
  Unpack: unpack,
  Fill: fill,
  ZerosLike: (call) => call.folded(call.shape(0), call.spec(0).dtype),
  OnesLike: (call) => call.folded(call.shape(0), call.spec(0).dtype),
  ReverseV2: (call) => call.one("ReverseV2", [call.value(0)]),
  Shape: shapes,
  ShapeN: shapes,
  Size: (call) => call.constant([], [elements(call.shape(0))]),
  Rank: (call) => call.constant([], [call.shape(0).length]),
  VariableShape: (call) => {
    const shape = call.shape(0);
    return call.constant([shape.length], shape);
  },
  Range: (call) => {
    const stated = call.stated();
    if (!stated) throw unknownSize(call.where, "the ends of a range");
    return call.folded(stated, "int32");
  },
  StringJoin: () => [OPAQUE],
};
