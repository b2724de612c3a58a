/**
 * Graph → Graph: the loss a training loop puts behind the model's outputs.
 *
 * A scalar output is a loss already. Logits get cross-entropy against int64 targets made once and resident; the other
 * outputs of a segmentation model count half, those of a classifier with auxiliary heads 0.4 each.
 */
import type { Graph, Node, Value, ValueId } from "../ir/graph.js";
import { autocastType, type TapeSetup } from "../ir/setup.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { isFloating } from "../base/dtype.js";
import { elements } from "../base/shape.js";

/**
 * Weights of the outputs after the first, as the recorded steps have them; 0.5 is torchvision's
 * references/segmentation/train.py. Whatever the weight is, the bytes are the same.
 */
const AUXILIARY = { segmentation: 0.5, classification: 0.4 };

export function attachLoss(graph: Graph, setup: TapeSetup): Graph {
  if (setup.mode === "inference") return graph;
  if (graph.stage && graph.stage.index < graph.stage.count - 1) return graph; // the last stage has the loss
  const complete = shareOfStep(withLoss(graph, setup), setup);
  return setup.gradScaler ? scaled(complete) : complete;
}

/** GradScaler.scale: the loss times a number that lies on the device. torch/amp/grad_scaler.py */
function scaled(graph: Graph): Graph {
  const [loss] = graph.outputs;
  if (loss === undefined || !isScalar(graph)) return graph;
  const draft = new Draft(graph);
  const scale = draft.value("loss scale", "scaler", dense([], "float32"));
  draft.value("growth tracker", "scaler", dense([], "int32"));
  const node = graph.nodes.length;
  const value = draft.node("mul", { self: loss, other: scale }, OUTSIDE, [draft.spec(loss)]);
  return { ...draft.finish(loss), scaledLoss: { value, node } };
}

/** What a training loop does after its autocast context has exited. */
const OUTSIDE = { autocast: false };

/** A micro-batch's loss is divided by their number, so that gradients add up to the mean over the whole batch. */
function shareOfStep(graph: Graph, { accumulate, precision }: TapeSetup): Graph {
  const [loss] = graph.outputs;
  if (accumulate === 1 || loss === undefined || !isScalar(graph)) return graph;
  const draft = new Draft(graph);
  const share = draft.node(
    "div",
    { self: loss },
    { ...(autocastType(precision) && OUTSIDE), other: accumulate },
    [draft.spec(loss)],
  );
  return { ...draft.finish(share), outputs: [share, ...graph.outputs.slice(1)] };
}

function withLoss(graph: Graph, setup: TapeSetup): Graph {
  if (setup.loss === "none" && isScalar(graph)) return graph;
  const [first] = graph.outputs;
  if (first === undefined || (isScalar(graph) && setup.loss !== "cross-entropy")) return graph;
  const draft = new Draft(graph);
  const floats = graph.outputs.filter((id) => isFloating(draft.spec(id).dtype));
  if (floats.length === 0) return graph;
  if (setup.loss === "none") {
    const sums = floats.map((id) => draft.node("sum", { self: id }, {}, [dense([], draft.spec(id).dtype)]));
    return draft.finish(
      sums.reduce((left, right) =>
        draft.node("add", { self: left, other: right }, {}, [dense([], draft.spec(left).dtype)]),
      ),
    );
  }
  const image = draft.spec(floats[0] as ValueId).shape.length === 4;
  const weight = image ? AUXILIARY.segmentation : AUXILIARY.classification;
  const targets = new Map<string, ValueId>();
  let loss: ValueId | undefined;
  for (const id of floats) {
    let term = draft.crossEntropy(id, targets);
    const scalar = [dense([], draft.spec(term).dtype)];
    if (loss !== undefined) term = draft.node("mul", { self: term }, { other: weight }, scalar);
    loss = loss === undefined ? term : draft.node("add", { self: loss, other: term }, {}, scalar);
  }
  return draft.finish(loss as ValueId);
}

function isScalar(graph: Graph): boolean {
  const [first] = graph.outputs;
  const spec = first === undefined ? undefined : graph.values[first]?.spec;
  return spec !== undefined && elements(spec.shape) === 1 && isFloating(spec.dtype);
}

class Draft {
  private readonly graph: Graph;
  private readonly values: Value[];
  private readonly nodes: Node[];

  constructor(graph: Graph) {
    this.graph = graph;
    this.values = [...graph.values];
    this.nodes = [...graph.nodes];
  }

  spec(id: ValueId): TensorSpec {
    return (this.values[id] as Value).spec;
  }

  value(name: string, role: Value["role"], spec: TensorSpec): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, role, spec, trainable: false });
    return id;
  }

  node(
    op: string,
    inputs: Node["inputs"],
    attributes: Node["attributes"],
    outputs: readonly TensorSpec[],
  ): ValueId {
    const id = this.nodes.length;
    const made = outputs.map((spec) => this.value(`loss_${op}_${id}`, "activation", spec));
    this.nodes.push({ id, op, inputs, attributes, outputs: made, scope: 0 });
    return made[0] as ValueId;
  }

  /** Classes are dim 1; of a sequence [B, S, V] they are the last, and tokens become rows. */
  crossEntropy(logits: ValueId, targets: Map<string, ValueId>): ValueId {
    const spec = this.spec(logits);
    let input = logits;
    if (spec.shape.length === 3) {
      const classes = spec.shape[2] as number;
      const flat = dense([elements(spec.shape) / classes, classes], spec.dtype);
      input = this.node("flatten", { self: logits }, { start_dim: 0, end_dim: 1 }, [flat]);
    }
    const { shape, dtype } = this.spec(input);
    const labels = shape.length === 1 ? [] : [shape[0] as number, ...shape.slice(2)];
    const key = labels.join("x");
    const target = targets.get(key) ?? this.value("target", "target", dense(labels, "int64"));
    targets.set(key, target);
    return this.node("crossEntropy", { self: input, target }, {}, [dense([], dtype)]);
  }

  finish(loss: ValueId): Graph {
    return {
      ...this.graph,
      values: this.values,
      nodes: this.nodes,
      outputs: [loss, ...this.graph.outputs.filter((id) => id !== loss)],
    };
  }
}
