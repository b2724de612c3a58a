/**
 * What classes of encoders classify with: sequences, tokens, spans.
 *
 * Source  transformers 5.18, models/{bert,roberta,electra,mpnet}/modeling_*.py
 */
import type { ValueId } from "../ir/graph.js";
import { dropout, linear } from "./blocks/linear.js";
import type { Config } from "./config.js";
import type { EncoderHead } from "./encoder-family.js";

/** The first key's number that is there: a head's dropout falls back to the model's. */
export function dropoutOf(config: Config, ...keys: readonly string[]): number {
  const key = keys.find((each) => config.has(each)) ?? (keys.at(-1) as string);
  return config.number(key);
}

/** classifier(dropout(pooled)) */
export function pooledClassifier(dropouts: readonly string[]): EncoderHead {
  return (root, config, { width }) => {
    const drop = dropout(root.child("dropout"), dropoutOf(config, ...dropouts));
    const classify = linear(root.child("classifier"), width, config.classes());
    return (f, { pooled }) => {
      const states = f.set("pooled_output", drop(f, pooled as ValueId)); // as: these classes have a pooler
      return classify(f, states);
    };
  };
}

/** classifier(dropout(states)) */
export function tokenClassifier(dropouts: readonly string[]): EncoderHead {
  return (root, config, { width }) => {
    const drop = dropout(root.child("dropout"), dropoutOf(config, ...dropouts));
    const classify = linear(root.child("classifier"), width, config.classes());
    return (f, { states }) => classify(f, f.set("sequence_output", drop(f, states)));
  };
}

/** qa_outputs(states): where an answer starts, and where it ends. */
export const spanClassifier: EncoderHead = (root, _, { width }) => {
  const outputs = linear(root.child("qa_outputs"), width, 2);
  return (f, { states }) => outputs(f, states);
};

/** `…ClassificationHead`: out_proj(dropout(act(dense(dropout(first token))))). */
export function firstTokenClassifier(
  kind: string,
  dropouts: readonly string[],
  act: "tanh" | "gelu",
): EncoderHead {
  return (root, config, { width }) => {
    const m = root.child("classifier");
    const dense = linear(m.child("dense"), width, width);
    const drop = dropout(m.child("dropout"), dropoutOf(config, ...dropouts));
    const out = linear(m.child("out_proj"), width, config.classes());
    const head = m.layer(`${kind}ClassificationHead`, (f, states: ValueId) => {
      let x = f.set("x", f.apply("select", states, { dim: 1, index: 0 }));
      x = f.set("x", drop(f, x));
      x = f.set("x", dense(f, x));
      x = f.set("x", f.apply(act, x));
      x = f.set("x", drop(f, x));
      return f.set("x", out(f, x));
    });
    return (f, { states }) => head(f, states);
  };
}
