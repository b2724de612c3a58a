/** Every rule of advice. A new one is a file beside this and a line here. */
import { activations } from "./activations.js";
import { adapters } from "./adapters.js";
import type { AdviceRule } from "./advice.js";
import { attention } from "./attention.js";
import { loop } from "./loop.js";
import { loss } from "./loss.js";
import { microBatch } from "./micro-batch.js";
import { optimizer } from "./optimizer.js";
import { precision } from "./precision.js";
import { sharding } from "./sharding.js";

export const ADVICE_RULES: readonly AdviceRule[] = [
  loop,
  attention,
  loss,
  precision,
  microBatch,
  optimizer,
  activations,
  adapters,
  sharding,
];
