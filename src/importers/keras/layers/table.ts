/** Every layer that is known, by class name: one row each. */
import { activationLayers } from "./activations.js";
import { attentionLayers } from "./attention.js";
import { convolutionLayers } from "./convolutions.js";
import { denseLayers } from "./dense.js";
import { normalizationLayers } from "./normalization.js";
import { poolingLayers } from "./pooling.js";
import { recurrentLayers } from "./recurrent.js";
import type { LayerRow } from "./row.js";
import { operationLayers, shapingLayers } from "./shaping.js";

export const LAYERS: Readonly<Record<string, LayerRow>> = {
  ...denseLayers,
  ...convolutionLayers,
  ...poolingLayers,
  ...normalizationLayers,
  ...activationLayers,
  ...shapingLayers,
  ...attentionLayers,
  ...recurrentLayers,
};

/** Calls of keras.ops, by the operation's class. */
export const OPERATIONS: Readonly<Record<string, LayerRow>> = operationLayers;
