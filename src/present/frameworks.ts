/** Frameworks and optimizers as they spell themselves. */
import type { OptimizerReport, SetupReport } from "../report/report.js";

export const FRAMEWORKS: Readonly<Record<SetupReport["framework"], string>> = {
  jax: "JAX",
  pytorch: "PyTorch",
  tensorflow: "TensorFlow",
};

/** `AdamW (foreach)`; Keras' optimizers have one implementation. */
export function titleOf({ title, implementation }: OptimizerReport): string {
  return implementation === "elementwise" ? title : `${title} (${implementation})`;
}
