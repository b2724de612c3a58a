/** One argument of a node in an exported program, as an input or an attribute of ours. */
import type { Argument, Attribute, ValueId } from "../../ir/graph.js";
import { unknownTensor } from "./complaints.js";
import { MEMORY_FORMATS, type ProgramGraph, SCALAR_TYPES, type Union } from "./program.js";
import { boundSize, type Sizes } from "./sizes.js";

/** What names in an argument refer to. */
export interface ArgumentScope {
  readonly graph: ProgramGraph;
  readonly names: ReadonlyMap<string, ValueId>;
  readonly sizes: Sizes;
  /** The node, for complaints. */
  readonly where: string;
}

export interface Call {
  readonly inputs: Record<string, Argument>;
  readonly attributes: Record<string, Attribute>;
}

export function readArgument(scope: ArgumentScope, call: Call, port: string, arg: Union): void {
  const [kind, value] = Object.entries(arg)[0] ?? [];
  const tensor = (name: unknown): ValueId => {
    const id = typeof name === "string" ? scope.names.get(name) : undefined;
    if (id === undefined) throw unknownTensor(scope.where, String(name));
    return id;
  };
  switch (kind) {
    case "as_tensor":
      call.inputs[port] = tensor((value as { name?: unknown }).name);
      return;
    case "as_tensors":
      call.inputs[port] = (value as { name?: unknown }[]).map(({ name }) => tensor(name));
      return;
    case "as_optional_tensor":
    case "as_optional_tensors": {
      const list = (Array.isArray(value) ? value : [value]) as Union[];
      const ids = list.map((item) =>
        item.as_tensor ? tensor((item.as_tensor as { name?: unknown }).name) : null,
      );
      call.inputs[port] = kind === "as_optional_tensor" ? (ids[0] ?? null) : ids;
      return;
    }
    case "as_none":
      if (!(port in call.attributes)) call.attributes[port] = null;
      return;
    case "as_int":
    case "as_float":
    case "as_bool":
    case "as_string":
      call.attributes[port] = value as number | boolean | string;
      return;
    case "as_ints":
    case "as_floats":
    case "as_bools":
      call.attributes[port] = value as number[];
      return;
    case "as_sym_int":
    case "as_sym_float":
      call.attributes[port] = symbolic(scope, value as Union);
      return;
    case "as_sym_ints":
      call.attributes[port] = (value as Union[]).map((item) => symbolic(scope, item));
      return;
    case "as_scalar_type":
      call.attributes[port] = SCALAR_TYPES[value as number] ?? null;
      return;
    case "as_memory_format":
      call.attributes[port] = MEMORY_FORMATS[value as number] ?? "preserve";
      return;
    default:
      return; // devices, layouts, generators: nothing that changes memory
  }
}

function symbolic(scope: ArgumentScope, value: Union): number {
  if (typeof value.as_int === "number") return value.as_int;
  if (typeof value.as_float === "number") return value.as_float;
  const known = scope.graph.sym_int_values?.[String(value.as_name)];
  if (!known) throw unknownTensor(scope.where, String(value.as_name));
  return boundSize(known, scope.sizes, `${scope.where} › ${value.as_name}`);
}
