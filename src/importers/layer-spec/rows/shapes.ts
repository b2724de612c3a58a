/** Layers that move or pick elements. Dims count the batch as 0. */
import { dim, dimOrDims, dims, flag, target } from "../kinds.js";
import { type LayerTable, may, need } from "../row.js";
import { dimOf } from "./dims.js";

export const shapes = {
  flatten: {
    kind: "Flatten",
    help: "torch.nn.Flatten: one dim from several, by default from all but the batch",
    options: { start_dim: may(dim, "first dim (default 1)"), end_dim: may(dim, "last dim (default -1)") },
    build: (call) => {
      const rank = call.spec(call.input).shape.length;
      const [start, end] = [call.options.number("start_dim", 1), call.options.number("end_dim", -1)];
      if (rank > 1 && dimOf(call, start, rank) > dimOf(call, end, rank))
        call.refuse("start_dim before end_dim", `${start} and ${end}`);
      return call.op("flatten", { self: call.input }, { start_dim: Math.min(start, rank - 1), end_dim: end });
    },
  },
  reshape: {
    kind: "Reshape",
    help: "other dims for the same elements; the batch is implied",
    words: ["view", "unflatten"],
    main: "shape",
    options: { shape: need(target, "dims behind the batch; one may be -1", "target_shape") },
    build: (call) => {
      const [batch] = call.spec(call.input).shape;
      return call.op(
        "reshape",
        { self: call.input },
        { shape: [batch as number, ...(call.options.numbers("shape") ?? [])] },
      );
    },
  },
  permute: {
    kind: "Permute",
    help: "another order of dims, with or without the leading 0 of the batch",
    words: ["transpose"],
    main: "dims",
    options: { dims: need(dims, "the old dim at each new place") },
    build: (call) => {
      const rank = call.spec(call.input).shape.length;
      const given = call.options.numbers("dims") ?? [];
      const order = given.length === rank - 1 && !given.includes(0) ? [0, ...given] : given;
      const sorted = order.map((at) => dimOf(call, at, rank)).sort((a, b) => a - b);
      if (order.length !== rank || sorted.some((at, i) => at !== i))
        call.refuse(`every dim from 1 to ${rank - 1} once`, `[${given}]`);
      return call.op("permute", { self: call.input }, { dims: order });
    },
  },
  mean: {
    kind: "Mean",
    help: "mean over a dim, such as 1 for the tokens of [B, S, D]",
    main: "dim",
    options: {
      dim: need(dimOrDims, "dim or dims", "axis"),
      keepdim: may(flag, "keeps it with size 1 (default false)", "keepdims"),
    },
    build: (call) => {
      const rank = call.spec(call.input).shape.length;
      const over = (call.options.numbers("dim") ?? []).map((at) => dimOf(call, at, rank));
      return call.op(
        "mean",
        { self: call.input },
        { dim: over, keepdim: call.options.flag("keepdim", false) },
      );
    },
  },
  select: {
    kind: "Select",
    help: "one place along a dim, such as the first token: { dim: 1, index: 0 }",
    options: { dim: need(dim, "dim", "axis"), index: need(dim, "place; -1 is the last") },
    build: (call) => {
      const { shape } = call.spec(call.input);
      const at = dimOf(call, call.options.number("dim", 1), shape.length);
      const index = dimOf(call, call.options.number("index", 0), shape[at] as number);
      return call.op("select", { self: call.input }, { dim: at, index });
    },
  },
} satisfies LayerTable;
