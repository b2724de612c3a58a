/** What a grad node keeps: the names of the values that its gradient formulas read. */
import type { Held, KernelRule, Traced, TracedInput } from "../frameworks/pytorch/kernel.js";
import type { Edge } from "../ir/tape.js";
import type { TensorSpec } from "../ir/tensor.js";
import type { OpRule } from "../ops/rule.js";

/** What a grad node leads back to: each differentiable input's port, edge and spec. */
export interface Sources {
  readonly ports: readonly string[];
  readonly edges: readonly Edge[];
  readonly specs: readonly TensorSpec[];
}

/** Unknown operators: every input wants a gradient that reads everything. */
export const UNKNOWN: OpRule = { inputs: [], outputs: [], infer: () => [] };

export function inputSpecs(
  inputs: Readonly<Record<string, TracedInput>>,
): Record<string, TensorSpec | TensorSpec[] | undefined> {
  const specs: Record<string, TensorSpec | TensorSpec[] | undefined> = {};
  for (const port in inputs) {
    const value = inputs[port];
    if (!value) continue;
    specs[port] = Array.isArray(value)
      ? value.map((tensor) => (tensor as Traced | null)?.spec as TensorSpec)
      : (value as Traced).spec;
  }
  return specs;
}

/** What the node keeps, saved inputs by name, then saved outputs by name: the order in which PyTorch releases them. */
export function readsOf(
  rule: OpRule,
  { saves, ordered }: Pick<KernelRule, "saves" | "ordered">,
  { ports, edges }: Sources,
  inputs: Readonly<Record<string, TracedInput>>,
  outputs: number,
): readonly string[] {
  if (rule === UNKNOWN) return [...Object.keys(inputs).sort(), ...outputNames(rule, outputs)];
  let wanted = "";
  for (let i = 0; i < ports.length; i++) if (edges[i]) wanted += ` ${ports[i]}`;
  const table = saves ?? rule.backward ?? {};
  const known = readsByTable.get(table) ?? new Map<string, readonly string[]>();
  readsByTable.set(table, known);
  let reads = known.get(wanted);
  if (!reads) {
    const rank = (name: string) => (rule.outputs.includes(name) ? 1 : 0);
    const names = new Set(ports.flatMap((port, i) => (edges[i] ? (table[port] ?? []) : [])));
    reads = ordered ? [...names] : [...names].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    known.set(wanted, reads);
  }
  return reads;
}

type ReadsTable = Readonly<Record<string, readonly string[]>>;
/** By row and by the inputs that want a gradient: the same few combinations recur in every model. */
const readsByTable = new WeakMap<ReadsTable, Map<string, readonly string[]>>();

export function outputNames(rule: OpRule, count: number): readonly string[] {
  return rule === UNKNOWN ? Array.from({ length: count }, (_, i) => `result${i}`) : rule.outputs;
}

export function namedInputs(port: string, inputs: Readonly<Record<string, TracedInput>>): [string, Held][] {
  const value = inputs[port];
  if (!value) return [];
  if (!Array.isArray(value)) return [[port, value as Traced]];
  return (value as readonly (Traced | null)[]).flatMap((tensor, i) =>
    tensor ? [[`${port}${i}`, tensor] as [string, Held]] : [],
  );
}
