/**
 * Named tensors → a graph without operators: parameters, gradients and optimizer states are known, activations are not.
 */
import { ITEM_SIZE, type DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { ValueId } from "../../ir/graph.js";
import { dense } from "../../ir/tensor.js";
import { GraphBuilder } from "../../ops/build.js";
import type { ImportedModel } from "../model.js";
import { badTensor, twice } from "./complaints.js";

export interface WeightTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Whether it is trained, where the file says; else names and types decide. */
  readonly role?: "parameter" | "buffer";
  /** Tensors with the same one are one tensor under several names. */
  readonly storage?: string;
}

/**
 * Module state that is not trained, by the last part of its name: torch/nn/modules/batchnorm.py, and the masks and
 * tables that transformers' models register as buffers.
 */
const BUFFERS =
  /(^|\.)(running_mean|running_var|num_batches_tracked|position_ids|token_type_ids|inv_freq|relative_position_index|attn_mask|masked_bias|embed_positions\.weights)$/;
const MAX_DIM = 2 ** 40;
const MAX_ELEMENTS = 2 ** 46;
const MAX_RANK = 64;

/** Throws unless dims are whole and their product is a plausible number of elements. */
export function checkTensor(where: string, shape: readonly unknown[], dtype: string): void {
  if (!Object.hasOwn(ITEM_SIZE, dtype)) throw badTensor(where, "a type that PyTorch has", dtype);
  const wrong = shape.find(
    (dim) => typeof dim !== "number" || !Number.isSafeInteger(dim) || dim < 0 || dim > MAX_DIM,
  );
  if (wrong !== undefined) throw badTensor(where, "whole dims from 0 to 2^40", String(wrong));
  if (shape.length > MAX_RANK) throw badTensor(where, `at most ${MAX_RANK} dims`, String(shape.length));
  const count = elements(shape as readonly number[]); // as: checked above
  if (count > MAX_ELEMENTS) throw badTensor(where, "at most 2^46 elements", String(count));
}

export interface WeightsOptions {
  readonly source: string;
  readonly format: string;
  /** What the file has beside the model's own tensors. */
  readonly beside?: string;
}

export function weightsModel(tensors: readonly WeightTensor[], options: WeightsOptions): ImportedModel {
  const { source, format, beside } = options;
  const name = source.replace(/^.*[/\\]/, "").replace(/\.\w+$/, "");
  const builder = new GraphBuilder(name);
  const parameters: ValueId[] = [];
  const residents: ValueId[] = [];
  const first = new Map<string, ValueId>();
  const names = new Set<string>();
  for (const tensor of tensors) {
    if (names.has(tensor.name)) throw twice(source, tensor.name);
    names.add(tensor.name);
    const { shape, dtype } = tensor;
    const trains = /^(float(16|32|64)|bfloat16|complex)/.test(dtype);
    const role = trains ? (tensor.role ?? (BUFFERS.test(tensor.name) ? "buffer" : "parameter")) : "buffer";
    const key = tensor.storage && `${tensor.storage} ${shape.join("x")}`;
    const tiedTo = key === undefined ? undefined : first.get(key);
    const id = builder.value(tensor.name, role, dense(shape, dtype), tiedTo === undefined ? {} : { tiedTo });
    if (tiedTo !== undefined) continue;
    if (key !== undefined) first.set(key, id);
    residents.push(id);
    if (role === "parameter") parameters.push(id);
  }
  const loss = builder.call("unseenForward", { parameters });
  const graph = builder.finish([loss], residents);
  const diagnostics = [
    {
      code: "weights/no-operators",
      severity: "warning" as const,
      message:
        "the file holds weights and no operators: parameters, gradients and optimizer states are counted, activations and inputs are not, and the true peak is higher",
      where: source,
    },
    ...(beside === undefined
      ? []
      : [
          {
            code: "weights/beside",
            severity: "info" as const,
            message: `not counted: ${beside}`,
            where: source,
          },
        ]),
  ];
  return { kind: "model", name, source, format, batch: 1, bind: () => ({ graph, diagnostics }) };
}
