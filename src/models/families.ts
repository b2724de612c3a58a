/** Model families by `model_type`, each loaded when a configuration names it. */
import { DECODERS, decoder } from "./decoders.js";
import type { Family } from "./family.js";
import { languageFamily } from "./heads.js";

type Load = () => Promise<Family>;

const decoders: Record<string, Load> = Object.fromEntries(
  Object.entries(DECODERS).map(([name, row]) => [name, async () => languageFamily(decoder(row))]),
);

/** By `model_type`, as configurations write it. */
export const FAMILIES: Readonly<Record<string, Load>> = {
  ...decoders,
  gpt2: async () => languageFamily((await import("./gpt2.js")).gpt2),
  gpt_neox: async () => languageFamily((await import("./gpt-neox.js")).gptNeox),
  deepseek_v3: async () => languageFamily((await import("./deepseek.js")).deepseekV3),
  mamba: async () => languageFamily((await import("./mamba.js")).mamba),
  gptj: async () => languageFamily((await import("./gptj.js")).gptj),
  bloom: async () => languageFamily((await import("./bloom.js")).bloom),
  falcon: async () => languageFamily((await import("./falcon.js")).falcon),
  opt: async () => languageFamily((await import("./opt.js")).opt),
};
