/** Which parts of the model keep the most for backward, as deep as it takes to tell them apart. */
import type { LayerReport } from "./report.js";

export interface ModuleTotal {
  readonly path: string;
  readonly savedTensorBytes: number;
  readonly parameterCount: number;
}

/** A module with more than this share of everything is opened up. */
const DOMINANT = 0.75;
const DEEPEST = 6;

/** Largest first. */
export function topModules(layers: readonly LayerReport[], most: number): ModuleTotal[] {
  const total = layers.reduce((sum, { savedTensorBytes }) => sum + savedTensorBytes, 0);
  for (let depth = 1; ; depth++) {
    const modules = groupBy(layers, depth).sort((a, b) => b.savedTensorBytes - a.savedTensorBytes);
    const [first] = modules;
    if (!first || depth === DEEPEST || first.savedTensorBytes <= DOMINANT * total) {
      return modules.filter(({ savedTensorBytes }) => savedTensorBytes > 0).slice(0, most);
    }
  }
}

function groupBy(layers: readonly LayerReport[], depth: number): ModuleTotal[] {
  const groups = new Map<string, ModuleTotal>();
  for (const { path, op, savedTensorBytes, parameterCount } of layers) {
    const key = path === "" ? op : path.split(".").slice(0, depth).join(".");
    const before = groups.get(key) ?? { path: key, savedTensorBytes: 0, parameterCount: 0 };
    groups.set(key, {
      path: key,
      savedTensorBytes: before.savedTensorBytes + savedTensorBytes,
      parameterCount: before.parameterCount + parameterCount,
    });
  }
  return [...groups.values()];
}
