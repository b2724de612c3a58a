/** Every layer a spec may have, and every word for one. */
import type { LayerRow, LayerTable } from "./row.js";
import { activations } from "./rows/activations.js";
import { attentions } from "./rows/attentions.js";
import { blocks } from "./rows/blocks.js";
import { convolutions } from "./rows/convolutions.js";
import { merges } from "./rows/merges.js";
import { normalizations } from "./rows/normalizations.js";
import { poolings } from "./rows/poolings.js";
import { products } from "./rows/products.js";
import { recurrences } from "./rows/recurrences.js";
import { shapes } from "./rows/shapes.js";

export const LAYERS: LayerTable = {
  ...convolutions,
  ...products,
  ...activations,
  ...normalizations,
  ...poolings,
  ...shapes,
  ...merges,
  ...recurrences,
  ...attentions,
  ...blocks,
};

/** Word → the row's own name. */
export const LAYER_WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries(LAYERS).flatMap(([name, { words = [] }]) =>
    [name, ...words].map((word) => [word, name] as const),
  ),
);

export function layerRow(word: string): LayerRow | undefined {
  const name = LAYER_WORDS.get(word);
  return name === undefined ? undefined : LAYERS[name];
}
