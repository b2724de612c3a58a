/** Kernels that a converter joined, apart again: training runs them one by one. */
import type { NodeDef } from "./schema.js";

const FUSED: Readonly<Record<string, string>> = {
  _FusedConv2D: "Conv2D",
  _FusedMatMul: "MatMul",
  FusedDepthwiseConv2dNative: "DepthwiseConv2dNative",
};

/** A product and what follows it, in order; other nodes as they are. */
export function unfused(node: NodeDef): readonly NodeDef[] {
  const op = Object.hasOwn(FUSED, node.op ?? "") ? FUSED[node.op ?? ""] : undefined;
  if (op === undefined) return [node];
  const { name = "", input = [], attr = [] } = node;
  const steps = (attr.find(({ key }) => key === "fused_ops")?.value?.list?.s ?? []).slice(0, 8);
  const data = input.filter((text) => !text.startsWith("^"));
  let rest = data.slice(2);
  const nodes: NodeDef[] = [];
  let before = steps.length === 0 ? name : `${name}/${op}`;
  nodes.push({ name: before, op, input: data.slice(0, 2), attr });
  steps.forEach((step, i) => {
    const own = i === steps.length - 1 ? name : `${name}/${step}_${i}`;
    const operand = step === "BiasAdd" || step === "Prelu" ? rest.slice(0, 1) : [];
    rest = rest.slice(operand.length);
    nodes.push({ name: own, op: step, input: [before, ...operand] });
    before = own;
  });
  return nodes;
}
