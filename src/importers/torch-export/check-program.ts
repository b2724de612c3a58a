/**
 * JSON of any kind → Program, or a complaint about the first part that is not what every later step relies on. Only what
 * Plimsoll reads is looked at; which tensors exist and whether shapes fit is found while the program is lowered.
 */
import { missing, tooDeep } from "./complaints.js";
import type { Program } from "./program.js";

/** Regions inside regions; torch.no_grad inside checkpointing inside a loop is three. */
const MAX_REGIONS = 16;
/** Dims of a tensor, as PyTorch's iterators take them. */
const MAX_DIMS = 64;
/** Characters of a name; the paths of deeply nested modules have some hundred. */
const MAX_NAME = 4096;

type Json = Readonly<Record<string, unknown>>;

export function checkProgram(value: unknown, where: string): Program {
  const program = object(value, where, "graph_module");
  const module = object(program.graph_module, where, "graph_module");
  checkGraph(module.graph, { where, field: "graph_module.graph", depth: 0 });
  const signature = object(module.signature, where, "graph_module.signature");
  const inputs = list(signature.input_specs, where, "graph_module.signature.input_specs");
  for (const [i, spec] of inputs.entries()) checkInput(spec, where, `input_specs[${i}]`);
  const outputs = list(signature.output_specs, where, "graph_module.signature.output_specs");
  for (const [i, spec] of outputs.entries()) checkOutput(spec, where, `output_specs[${i}]`);
  for (const call of optional(module.module_call_graph, list, where, "module_call_graph"))
    optionalText(object(call, where, "module_call_graph").fqn, where, "fqn of a module");
  const ranges = Object.values(optionalObject(program.range_constraints, where, "range_constraints"));
  for (const range of ranges) {
    const { max_val: high } = optionalObject(range, where, "range_constraints");
    if (high !== null && high !== undefined) number(high, where, "range_constraints");
  }
  return value as Program; // as: every part that is read has been looked at
}

interface GraphPlace {
  readonly where: string;
  readonly field: string;
  readonly depth: number;
}

function checkGraph(value: unknown, { where, field, depth }: GraphPlace): void {
  if (depth > MAX_REGIONS) throw tooDeep(where, MAX_REGIONS);
  const graph = object(value, where, field);
  for (const key of ["inputs", "outputs"]) {
    for (const argument of list(graph[key], where, `${field}.${key}`))
      checkArgument(argument, where, `${field}.${key}`);
  }
  for (const [name, meta] of Object.entries(object(graph.tensor_values, where, `${field}.tensor_values`)))
    checkMeta(meta, where, `tensor_values.${name}`);
  for (const [name, size] of Object.entries(optionalObject(graph.sym_int_values, where, "sym_int_values")))
    object(size, where, `sym_int_values.${name}`);
  for (const [i, item] of list(graph.nodes, where, `${field}.nodes`).entries()) {
    const at = `${where} › node #${i}`;
    const node = object(item, at, "target, inputs and outputs");
    target(node.target, at);
    for (const each of list(node.inputs, at, "inputs")) {
      const input = object(each, at, "inputs");
      text(input.name, at, "name of an input");
      const region = checkArgument(input.arg, at, `argument ${input.name}`);
      if (region !== undefined) checkGraph(region, { where: at, field: "graph", depth: depth + 1 });
    }
    for (const output of list(node.outputs, at, "outputs")) checkArgument(output, at, "outputs");
    const metadata = optionalObject(node.metadata, at, "metadata");
    for (const key of ["nn_module_stack", "stack_trace"]) {
      const note = metadata[key];
      if (note !== undefined && typeof note !== "string") throw missing(at, `metadata.${key}`);
    }
  }
}

/** How each kind of argument is written; other kinds are not read. */
const ARGUMENTS: Readonly<Record<string, (value: unknown, where: string, field: string) => unknown>> = {
  as_tensor: named,
  as_tensors: each(named),
  as_optional_tensor: optionalTensor,
  as_optional_tensors: each(optionalTensor),
  as_int: number,
  as_ints: each(number),
  as_floats: each(numberOrText),
  as_float: numberOrText,
  as_bool: (value, where, field) => {
    if (typeof value !== "boolean") throw missing(where, field);
  },
  as_bools: list,
  as_sym_int: symbol,
  as_sym_float: symbol,
  as_sym_ints: each(symbol),
  as_scalar_type: number,
  as_memory_format: number,
};

/** The graph inside, if the argument is a region. */
function checkArgument(value: unknown, where: string, field: string): unknown {
  const argument = object(value, where, field);
  for (const [kind, content] of Object.entries(argument)) {
    if (kind === "as_graph") return object(content, where, `graph of ${field}`).graph;
    if (Object.hasOwn(ARGUMENTS, kind)) ARGUMENTS[kind]?.(content, where, `${kind} of ${field}`);
  }
  return undefined;
}

function checkMeta(value: unknown, where: string, field: string): void {
  const meta = object(value, where, field);
  number(meta.dtype, where, `dtype of ${field}`);
  const dims = [
    ...list(meta.sizes, where, `sizes of ${field}`),
    ...optional(meta.strides, list, where, `strides of ${field}`),
  ];
  if (dims.length > 2 * MAX_DIMS) throw missing(where, `sizes of ${field}, at most ${MAX_DIMS}`);
  for (const dim of dims) object(dim, where, `sizes of ${field}`);
}

function checkInput(value: unknown, where: string, field: string): void {
  const [kind] = Object.values(object(value, where, field));
  const input = optionalObject(kind, where, field);
  for (const key of ["parameter_name", "buffer_name", "tensor_constant_name"])
    optionalText(input[key], where, `${key} of ${field}`);
  const argument = optionalObject(input.arg, where, field);
  optionalText(argument.name, where, `name of ${field}`);
  if (argument.as_tensor !== undefined) named(argument.as_tensor, where, field);
}

function checkOutput(value: unknown, where: string, field: string): void {
  const output = object(value, where, field);
  const argument = optionalObject(output.user_output ?? output.loss_output, where, field).arg;
  if (argument !== undefined) checkArgument(argument, where, field);
}

// ---------------------------------------------------------------- parts

function object(value: unknown, where: string, field: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw missing(where, field);
  return value as Json; // as: just checked
}

function list(value: unknown, where: string, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw missing(where, field);
  return value;
}

function optionalObject(value: unknown, where: string, field: string): Json {
  return value === undefined || value === null ? {} : object(value, where, field);
}

function optional(
  value: unknown,
  check: typeof list,
  where: string,
  field: string,
): ReturnType<typeof check> {
  return value === undefined || value === null ? [] : check(value, where, field);
}

function each(check: (value: unknown, where: string, field: string) => unknown): typeof list {
  return (value, where, field) => {
    const items = list(value, where, field);
    for (const item of items) check(item, where, field);
    return items;
  };
}

function number(value: unknown, where: string, field: string): void {
  if (typeof value !== "number") throw missing(where, field);
}

/** Infinity and NaN are written as text. */
function numberOrText(value: unknown, where: string, field: string): void {
  if (typeof value !== "string") number(value, where, field);
}

/** A name of something; those that every JavaScript object answers to are none. */
function text(value: unknown, where: string, field: string): void {
  if (typeof value !== "string" || value.length > MAX_NAME || value in Object.prototype)
    throw missing(where, field);
}

function optionalText(value: unknown, where: string, field: string): void {
  if (value !== undefined && value !== null) text(value, where, field);
}

function target(value: unknown, where: string): void {
  text(value, where, "target");
  for (const part of String(value).split(".")) text(part, where, "target");
}

function named(value: unknown, where: string, field: string): void {
  text(object(value, where, field).name, where, `name in ${field}`);
}

function optionalTensor(value: unknown, where: string, field: string): void {
  const { as_tensor: tensor } = object(value, where, field);
  if (tensor !== undefined && tensor !== null) named(tensor, where, field);
}

/** A number, an expression, or the name of one. */
function symbol(value: unknown, where: string, field: string): void {
  optionalText(object(value, where, field).as_name, where, `name in ${field}`);
}
