/** A checked spec at given sizes → Graph. */
import type { Diagnostic } from "../../base/complaint.js";
import { elements } from "../../base/shape.js";
import type { Graph, ValueId } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import type { Bindings } from "../model.js";
import { callLayers, Drawing, Inside } from "./call.js";
import { badBinding } from "./complaints.js";
import { type InputPlan, parameterDtype } from "./inputs.js";
import type { PlannedLayer, Reference } from "./row.js";

export const LOSSES = ["cross-entropy", "mse", "none"] as const;
export type SpecLoss = (typeof LOSSES)[number];

export interface Spec {
  readonly name: string;
  readonly source: string;
  readonly inputs: readonly InputPlan[];
  readonly layers: readonly PlannedLayer[];
  /** Empty: the last layer's result. */
  readonly outputs: readonly Reference[];
  /** Undefined when the spec states none. */
  readonly loss: SpecLoss | undefined;
}

export function lowerSpec(
  spec: Spec,
  bindings: Bindings,
): { graph: Graph; diagnostics: readonly Diagnostic[] } {
  const drawing = new Drawing(spec.name, parameterDtype(spec.inputs));
  const root = new Inside("", 0);
  const inputs = declareInputs(spec, bindings, drawing, root);
  const last = callLayers(drawing, spec.layers, inputs[0] as ValueId, { inside: root, suffix: "" }); // as: a spec has an input
  const outputs = spec.outputs.length > 0 ? spec.outputs.map((reference) => root.recall(reference)) : [last];
  root.close(drawing.builder);
  const ends = attachStatedLoss(spec, drawing, outputs);
  return { graph: drawing.builder.finish(ends, drawing.residents), diagnostics: drawing.diagnostics };
}

function declareInputs(spec: Spec, bindings: Bindings, drawing: Drawing, root: Inside): ValueId[] {
  checkBindings(spec, bindings);
  return spec.inputs.map((input) => {
    const id = drawing.builder.value(input.name, "input", boundInput(input, bindings));
    if (input.vocabulary !== undefined) drawing.vocabularies.set(id, input.vocabulary);
    root.remember(input.name, id);
    return id;
  });
}

/** The input's dims with the batch in front, and with the sizes the user asked for. */
function boundInput({ name, shape, dtype, sequence, image }: InputPlan, bindings: Bindings): TensorSpec {
  const asked = bindings.shapes?.[name];
  if (asked) return dense(asked, dtype);
  const sizes = [...shape];
  if (bindings.sequence !== undefined && sequence !== undefined) sizes[sequence] = bindings.sequence;
  if (bindings.image && image) sizes.splice(-2, 2, ...bindings.image);
  return dense([bindings.batch ?? 1, ...sizes], dtype);
}

/** Throws InputError for sizes that no input of the spec can take. */
function checkBindings({ source, inputs }: Spec, { batch, sequence, image, shapes = {} }: Bindings): void {
  const positive = (size: number) => Number.isSafeInteger(size) && size >= 1;
  const check = (what: string, sizes: readonly number[]) => {
    if (!sizes.every(positive) || elements(sizes) > Number.MAX_SAFE_INTEGER)
      throw badBinding(source, what, "whole numbers of 1 or more", sizes.join("x"));
  };
  if (batch !== undefined) check("the batch", [batch]);
  if (sequence !== undefined) {
    check("the sequence length", [sequence]);
    if (!inputs.some((input) => input.sequence !== undefined))
      throw badBinding(source, "the sequence length", "an input with sequence or tokens", "none");
  }
  if (image) {
    check("the image size", image);
    if (!inputs.some((input) => input.image))
      throw badBinding(source, "the image size", "an input with image", "none");
  }
  for (const [name, shape] of Object.entries(shapes)) {
    const input = inputs.find((other) => other.name === name);
    if (!input)
      throw badBinding(
        source,
        `the shape of ${JSON.stringify(name)}`,
        `one of ${inputs.map((other) => other.name).join(", ")}`,
        JSON.stringify(name),
      );
    check(`the shape of ${name}`, shape);
    const rank = input.shape.length + 1;
    if (shape.length !== rank)
      throw badBinding(source, `the shape of ${name}`, `${rank} dims, the batch first`, shape.join("x"));
  }
}

/** Cross-entropy is the engine's to add. The others become part of the model, which then returns its loss. */
function attachStatedLoss(
  { loss, source }: Spec,
  drawing: Drawing,
  outputs: readonly ValueId[],
): readonly ValueId[] {
  const { builder } = drawing;
  if (loss === undefined || loss === "cross-entropy") {
    if (drawing.makers.get(outputs[0] as ValueId) === "softmax")
      drawing.diagnostics.push(softmaxBeforeLoss(source));
    return outputs;
  }
  const terms = outputs.map((output, i) => {
    if (loss === "none") return builder.call("sum", { self: output });
    const target = builder.value(i === 0 ? "target" : `target_${i + 1}`, "target", {
      ...builder.spec(output),
    });
    return builder.call("mseLoss", { self: output, target }, { reduction: 1 });
  });
  const [first, ...rest] = terms;
  const total = rest.reduce((self, other) => builder.call("add", { self, other }), first as ValueId); // as: a model has an output
  return [total, ...outputs];
}

const softmaxBeforeLoss = (where: string): Diagnostic => ({
  code: "layer-spec/softmax",
  severity: "info",
  message:
    "PyTorch's cross_entropy takes logits: the softmax before it runs and is saved as written, on top of the loss's own",
  where,
});
