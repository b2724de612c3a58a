/** Model families by `model_type`, each loaded when a configuration names it. */
import { DECODERS, decoder } from "./decoders.js";
import { encoderFamily } from "./encoder-family.js";
import { ENCODERS, encoder } from "./encoders.js";
import type { Family } from "./family.js";
import { languageFamily } from "./heads.js";

type Load = () => Promise<Family>;

const decoders: Record<string, Load> = Object.fromEntries(
  Object.entries(DECODERS).map(([name, row]) => [name, async () => languageFamily(decoder(row))]),
);

const encoders: Record<string, Load> = Object.fromEntries(
  Object.entries(ENCODERS).map(([name, row]) => [name, async () => encoderFamily(encoder(row))]),
);

/** By `model_type`, as configurations write it. */
export const FAMILIES: Readonly<Record<string, Load>> = {
  ...decoders,
  ...encoders,
  albert: async () => encoderFamily((await import("./albert.js")).albert),
  distilbert: async () => encoderFamily((await import("./distilbert.js")).distilbert),
  mpnet: async () => encoderFamily((await import("./mpnet.js")).mpnet),
  nomic_bert: async () => encoderFamily((await import("./nomic-bert.js")).nomicBert),
  gpt2: async () => languageFamily((await import("./gpt2.js")).gpt2),
  gpt_neox: async () => languageFamily((await import("./gpt-neox.js")).gptNeox),
  opt: async () => languageFamily((await import("./opt.js")).opt),
};
