/**
 * Halves of a block whose norms follow the residual sum.
 *
 * Source  transformers 5.18, models/bert/modeling_bert.py BertSelfOutput, BertIntermediate, BertOutput, BertLayer
 */
import type { ValueId } from "../../ir/graph.js";
import type { Config } from "../config.js";
import type { Layer, Module } from "../module.js";
import { activation } from "./activation.js";
import { dropout, layerNorm, linear } from "./linear.js";

/** norm(dropout(dense(x)) + residual); takes x and the residual. */
export function normedOutput(
  m: Module,
  config: Config,
  input: number,
  name: string,
): Layer<[ValueId, ValueId]> {
  const width = config.count("hidden_size");
  const dense = linear(m.child("dense"), input, width);
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  return m.layer(name, (f, x: ValueId, residual: ValueId) => {
    let states = f.set("hidden_states", dense(f, x));
    states = f.set("hidden_states", drop(f, states));
    return f.set("hidden_states", norm(f, f.add(states, residual)));
  });
}

/** `intermediate` and `output` of a block: norm(dropout(dense(act(dense(x)))) + x). */
export function postNormFeed(m: Module, config: Config, kind: string): Layer {
  const width = config.count("hidden_size");
  const inner = config.count("intermediate_size");
  const first = m.child("intermediate");
  const dense = linear(first.child("dense"), width, inner);
  const act = activation(first.child("intermediate_act_fn"), config, "hidden_act");
  const widen = first.layer(`${kind}Intermediate`, (f, x: ValueId) => {
    const states = f.set("hidden_states", dense(f, x));
    return f.set("hidden_states", act(f, states));
  });
  const output = normedOutput(m.child("output"), config, inner, `${kind}Output`);
  return (caller, x) =>
    caller.call([x], (f) => {
      const wide = f.set("intermediate_output", widen(f, x));
      return output(f, wide, x);
    });
}
