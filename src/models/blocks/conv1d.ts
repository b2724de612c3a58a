/** transformers' `Conv1D`: a linear layer whose weight lies [in, out]. Source  transformers 5.18, pytorch_utils.py */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";

export function conv1d(m: Module, input: number, output: number): Layer {
  const weight = m.parameter("weight", [input, output]);
  const bias = m.parameter("bias", [output]);
  return m.layer("Conv1D", (f, x: ValueId) => {
    const lead = f.shape(x).slice(0, -1);
    const rows = f.view(x, [-1, input]);
    return f.view(f.set("x", f.op("addmm", { self: bias, mat1: rows, mat2: weight })), [...lead, output]);
  });
}
