/** Words that a layer spec is written with, for completion in editors. */

/** Names of layers with their aliases, and of their options, in alphabetical order. The reader is loaded for it. */
export async function layerWords(): Promise<readonly string[]> {
  const { LAYER_WORDS, LAYERS } = await import("./importers/layer-spec/layers.js");
  const options = Object.values(LAYERS).flatMap((row) => Object.keys(row.options));
  return [...new Set([...LAYER_WORDS.keys(), ...options])].sort();
}
