/** Layers made of layers. */
import { choice, count, dim, flag, layerList, layerLists } from "../kinds.js";
import { type LayerTable, may, need } from "../row.js";
import { JOINS } from "./merges.js";

const layers = need(layerList, "the layers, in order");

export const blocks = {
  sequential: {
    kind: "Sequential",
    help: "layers as one module",
    words: ["block"],
    main: "layers",
    options: { layers },
    build: (call) => call.layers(call.options.layers("layers"), call.input),
  },
  repeat: {
    kind: null,
    help: "the same layers several times, each time with parameters of their own",
    repeats: "times",
    options: { times: need(count, "how often"), layers },
    build: (call) => {
      const times = call.options.number("times", 1);
      let value = call.input;
      for (let round = 1; round <= times; round++)
        value = call.layers(call.options.layers("layers"), value, times > 1 ? round : undefined);
      return value;
    },
  },
  residual: {
    kind: "Residual",
    help: "layers, plus their input: y + x, or y + shortcut(x)",
    main: "layers",
    options: {
      layers,
      shortcut: may(layerList, "layers on the way around (default none)"),
      inplace: may(flag, "adds into the layers' result (default false)"),
    },
    build: (call) => {
      const around = call.options.layers("shortcut");
      const self = call.layers(call.options.layers("layers"), call.input);
      const other =
        around.length === 0
          ? call.input
          : call.module("shortcut", "Sequential", [call.input], (inner) => inner.layers(around, inner.input));
      return call.op("add", { self, other }, call.options.flag("inplace", false) ? { inPlace: true } : {});
    },
  },
  branch: {
    kind: "Branch",
    help: "several lists of layers on one input, joined at the end",
    words: ["branches", "parallel"],
    main: "branches",
    options: {
      branches: need(layerLists, "the lists; an empty one is the input itself"),
      join: may(choice(...Object.keys(JOINS)), "concat (default), add, multiply or maximum"),
      dim: may(dim, "of a concat (default 1: channels)", "axis"),
    },
    build: (call) => {
      const ends = call.options
        .branches("branches")
        .map((list, i) =>
          call.module(`branch${i + 1}`, "Sequential", [call.input], (inner) =>
            inner.layers(list, inner.input),
          ),
        );
      return JOINS[call.options.text("join", "concat") as keyof typeof JOINS](call, ends); // as: the option is a choice of these
    },
  },
} satisfies LayerTable;
