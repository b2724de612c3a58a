/** Parameters under several names: torch.export reads a shared one under one of them. */
import { sameShape } from "../../base/shape.js";
import type { ValueId } from "../../ir/graph.js";
import type { TensorSpec } from "../../ir/tensor.js";

/** Output heads that models tie to their embeddings. */
const TIED = /(^|\.)(lm_head|decoder|wte|embed_tokens|word_embeddings|shared)\.weight$/;

/**
 * The parameter that `path` is another name of. Files with weights say so: both names share a path. Without weights,
 * a never-read parameter is taken as the twin of one with the same dims whose name ends alike, or of a tied head.
 */
export function findTwin(
  path: string,
  spec: TensorSpec,
  parameters: readonly { path: string; id: ValueId; spec: TensorSpec }[],
  weights: ReadonlyMap<string, string>,
): ValueId | undefined {
  const file = weights.get(path);
  if (file !== undefined) return parameters.find((other) => weights.get(other.path) === file)?.id;
  const tail = (name: string, count: number) => name.split(".").slice(-count).join(".");
  const owner = (name: string) => name.slice(0, name.lastIndexOf("."));
  return parameters.find(
    (other) =>
      sameShape(other.spec.shape, spec.shape) &&
      other.spec.dtype === spec.dtype &&
      ((path.split(".").length > 2 && tail(path, 2) === tail(other.path, 2)) ||
        (TIED.test(path) && TIED.test(other.path)) ||
        (tail(path, 1) === tail(other.path, 1) && owner(other.path).startsWith(`${owner(path)}.`))),
  )?.id;
}
