/** Feed-forward blocks. Source  transformers 5.18, models/{llama,phi3,gpt_neox}/modeling_*.py */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";
import { linear } from "./linear.js";

export interface MlpSizes {
  readonly width: number;
  readonly inner: number;
  readonly bias: boolean;
}

/** down(act(gate(x)) * up(x)) */
export function gatedMlp(
  m: Module,
  { width, inner, bias }: MlpSizes,
  act: (m: Module) => Layer,
  name = "MLP",
): Layer {
  const gate = linear(m.child("gate_proj"), width, inner, bias);
  const up = linear(m.child("up_proj"), width, inner, bias);
  const down = linear(m.child("down_proj"), inner, width, bias);
  const activate = act(m.child("act_fn"));
  return m.layer(name, (f, x: ValueId) => down(f, f.mul(activate(f, gate(f, x)), up(f, x))));
}

/** As `gatedMlp`, with gate and up in one product. */
export function fusedGatedMlp(
  m: Module,
  { width, inner, bias }: MlpSizes,
  act: (m: Module) => Layer,
  name = "MLP",
): Layer {
  const both = linear(m.child("gate_up_proj"), width, 2 * inner, bias);
  const down = linear(m.child("down_proj"), inner, width, bias);
  const activate = act(m.child("activation_fn"));
  return m.layer(name, (f, x: ValueId) => {
    const states = f.set("up_states", both(f, x));
    const [gate, up] = f.ops("split", { self: states }, { split_size: inner, dim: -1 }) as [ValueId, ValueId];
    f.set("gate", gate);
    return down(f, f.set("up_states", f.mul(up, activate(f, gate))));
  });
}

export interface PlainNames {
  readonly first: string;
  readonly second: string;
  readonly act: string;
}

/** second(act(first(x))) */
export function plainMlp(
  m: Module,
  { width, inner, bias }: MlpSizes,
  act: (m: Module) => Layer,
  names: PlainNames,
  name = "MLP",
): Layer {
  const [first, second] = [
    linear(m.child(names.first), width, inner, bias),
    linear(m.child(names.second), inner, width, bias),
  ];
  const activate = act(m.child(names.act));
  return m.layer(name, (f, x: ValueId) => {
    let states = f.set("hidden_states", first(f, x));
    states = f.set("hidden_states", activate(f, states));
    return f.set("hidden_states", second(f, states));
  });
}
