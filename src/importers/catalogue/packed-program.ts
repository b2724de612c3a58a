/**
 * The file of a catalogue model: an exported program without what Plimsoll does not read and without repetition.
 *
 * Nothing is computed here that an importer computes: unpacked, it is the program that torch.export wrote, as far as it is
 * read, and the same lowering takes it. Numbers stand in columns, because equal neighbours compress to nothing.
 *
 * Names      of results count up per stem (`conv2d`, `conv2d_1`, …), those of parameters follow from their paths;
 *            only names that do not are written down
 * Operands   tensors a node reads: n > 0 is the n-th last result, n <= 0 an input; inputs are mostly read in order,
 *            so -n is how far (zigzag) the input lies from the one after the last read
 * Traces     the frames of Python's stack, as far as `locals.ts` reads them: which function, which line, which variables
 *            are assigned. No code, no path of a machine
 */

export const PACKED_FORMAT = "plimsoll/catalogue@1";

/** A whole number, or -(k + 1) for the k-th expression. */
export type PackedSize = number;

/** ScalarType, device or null, sizes, and strides unless they are those of a contiguous tensor. */
export type PackedSpec = readonly [
  dtype: number,
  device: string | null,
  sizes: readonly PackedSize[],
  strides?: readonly PackedSize[],
];

/**
 * Name, kind, and what the kind needs: nothing for one tensor, a count for several, a mask for optional ones, and the
 * value as the program has it for everything else.
 */
export type PackedArgument = readonly [name: string, kind: string, value?: unknown];

/** What a node makes: 0 a tensor, n > 0 a list of n tensors, an object what the program says (a size). */
export type PackedOutput = number | Readonly<Record<string, unknown>>;

/** What nodes have in common: operator, arguments that are no tensors, and the stem of their results' names. */
export type PackedTemplate = readonly [
  target: string,
  stem: string,
  inputs: readonly PackedArgument[],
  outputs: readonly PackedOutput[],
];

/** Index of an entry and a name, alternating. */
export type Exceptions = readonly (number | string)[];

export interface PackedProgram {
  readonly format: string;
  /** Size expressions with the value they had in the export. */
  readonly expressions: readonly (readonly [text: string, hint: number])[];
  readonly specs: readonly PackedSpec[];
  readonly inputs: {
    /** Index into INPUT_KINDS. */
    readonly kinds: readonly number[];
    /** Shared front components and the rest: `2|weight` after `a.b.bias` is `a.b.weight`. */
    readonly paths: readonly string[];
    readonly specs: readonly number[];
    /** 1 when a gradient is asked for. */
    readonly grads: readonly number[];
    readonly names: Exceptions;
  };
  readonly templates: readonly PackedTemplate[];
  readonly nodes: {
    readonly templates: readonly number[];
    readonly operands: readonly number[];
    readonly specs: readonly number[];
    /** By result, counted over all nodes. */
    readonly names: Exceptions;
    /** Index + 1 into scopes and traces; 0 for none. */
    readonly scopes: readonly number[];
    readonly traces: readonly number[];
  };
  readonly sizes: readonly (readonly [name: string, size: PackedSize])[];
  /** Module calls: the one around (index + 1, 0 for none), name inside it, class, and the key if it is not the path's. */
  readonly scopes: readonly (readonly [outer: number, name: string, kind: string, key?: string])[];
  readonly frames: readonly (readonly [file: string, line: number, name: string, code: string])[];
  /** A stack: the one outside of it (index + 1, 0 for none), and its innermost frame. */
  readonly traces: readonly (readonly [outer: number, frame: number])[];
  /** Paths of all modules, in the order they were made. */
  readonly modules: readonly string[];
  /** Results the program returns, as absolute indices of tensors (inputs first); and the same with their kind. */
  readonly outputs: readonly number[];
  readonly returned: readonly (readonly [kind: string, tensor: number])[];
  readonly ranges: readonly (readonly [symbol: string, least: number | null, most: number | null])[];
}

export const INPUT_KINDS = ["parameter", "buffer", "tensor_constant", "user_input"] as const;
export type InputKind = (typeof INPUT_KINDS)[number];

/** The field that holds an input's path, and the prefix of its name. */
export const INPUT_FIELDS = {
  parameter: { field: "parameter_name", prefix: "p_" },
  buffer: { field: "buffer_name", prefix: "b_" },
  tensor_constant: { field: "tensor_constant_name", prefix: "c_" },
  user_input: { field: null, prefix: "" },
} as const satisfies Record<InputKind, { field: string | null; prefix: string }>;

/** The name torch.export gives an input. */
export function usualName(kind: InputKind, path: string): string {
  return INPUT_FIELDS[kind].prefix + path.replace(/\W/g, "_");
}

/** Counts names up per stem, as torch.fx does. */
export function createNamer(): { next(stem: string): string; saw(name: string): void } {
  const last = new Map<string, number>();
  return {
    next: (stem) => {
      const count = last.get(stem);
      return count === undefined ? stem : `${stem}_${count + 1}`;
    },
    saw: (name) => {
      const { stem, count } = splitName(name);
      last.set(stem, count);
    },
  };
}

/** `conv2d_12` is the stem `conv2d` and 12; the first of a stem has no number. */
export function splitName(name: string): { readonly stem: string; readonly count: number } {
  const match = /^(.+)_(\d{1,9})$/.exec(name);
  return match ? { stem: match[1] as string, count: Number(match[2]) } : { stem: name, count: 0 };
}

/** Strides of a contiguous tensor, as PyTorch counts them: a dim of size 0 or 1 does not multiply. */
export function contiguousStrides(sizes: readonly number[]): number[] {
  const strides = sizes.map(() => 1);
  for (let dim = sizes.length - 2; dim >= 0; dim--)
    strides[dim] = (strides[dim + 1] as number) * Math.max(sizes[dim + 1] as number, 1);
  return strides;
}

/** Whether strides can be left out: none is given, or all follow from the sizes and no symbol multiplies into one. */
export function areUsualStrides(sizes: readonly PackedSize[], strides: readonly PackedSize[]): boolean {
  if (sizes.length !== strides.length || sizes.slice(1).some((size) => size < 0)) return false;
  return contiguousStrides(sizes).every((stride, dim) => stride === strides[dim]);
}
