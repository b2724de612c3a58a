/** What an exported program takes: parameters, buffers, constants and the user's inputs, and which of them it reads. */
import { type Program, type ProgramGraph, tensorName, type Union } from "./program.js";

export interface DeclaredInput {
  readonly kind: string;
  readonly name: string;
  readonly path: string;
}

/** The program's inputs in order: parameters, buffers, constants, the user's. */
export function declaredInputs(program: Program): DeclaredInput[] {
  const out: DeclaredInput[] = [];
  for (const spec of program.graph_module.signature.input_specs) {
    const [kind = "", detail] = Object.entries(spec)[0] ?? [];
    const entry = detail as
      | {
          arg?: Union & { name?: string };
          parameter_name?: string;
          buffer_name?: string;
          tensor_constant_name?: string;
        }
      | undefined;
    const name = entry?.arg?.name ?? tensorName(entry?.arg);
    if (name !== undefined)
      out.push({
        kind,
        name,
        path: entry?.parameter_name ?? entry?.buffer_name ?? entry?.tensor_constant_name ?? name,
      });
  }
  return out;
}

/** Tensors some node reads, in regions too. */
export function usedNames(graph: ProgramGraph): Set<string> {
  const used = new Set<string>();
  const visit = (argument: Union) => {
    const name = tensorName(argument);
    if (name !== undefined) used.add(name);
    for (const list of [argument.as_tensors, argument.as_optional_tensors]) {
      if (Array.isArray(list))
        for (const item of list as Union[]) used.add(tensorName(item) ?? String(item.name));
    }
    const region = (argument.as_graph as { graph?: ProgramGraph } | undefined)?.graph;
    if (region) for (const name of usedNames(region)) used.add(name);
  };
  for (const node of graph.nodes) for (const { arg } of node.inputs) visit(arg);
  for (const output of graph.outputs) visit(output);
  return used;
}
