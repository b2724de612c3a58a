/** Model families by `model_type`, each loaded when a configuration names it. */
import { CONVNEXTS, convNext } from "./convnext.js";
import { decoder } from "./decoder.js";
import { DECODERS } from "./decoders.js";
import { encoderFamily } from "./encoder-family.js";
import { ENCODERS, encoder } from "./encoders.js";
import type { Family } from "./family.js";
import { languageFamily } from "./heads.js";
import { TOWERS } from "./image-text-towers.js";
import { type ImageModel, imageFamily } from "./images.js";
import { VISION_TRANSFORMERS, visionTransformer } from "./vision-transformers.js";

type Load = () => Promise<Family>;

const decoders: Record<string, Load> = Object.fromEntries(
  Object.entries(DECODERS).map(([name, row]) => [name, async () => languageFamily(decoder(row))]),
);

/** Image models of one file, each a row of its table. */
function imageFamilies<R>(
  rows: Readonly<Record<string, R>>,
  model: (row: R) => ImageModel,
): Record<string, Load> {
  return Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, async () => imageFamily(model(row))]),
  );
}

/** A model that compares images with texts, and its two towers. */
function towers(name: keyof typeof TOWERS): Record<string, Load> {
  const row = TOWERS[name];
  return {
    [name]: async () => (await import("./image-text.js")).imageTextFamily(row, name),
    [`${name}_text_model`]: async () => (await import("./image-text.js")).textFamily(row),
    [`${name}_vision_model`]: async () => (await import("./image-text.js")).visionFamily(row),
  };
}

const encoders: Record<string, Load> = Object.fromEntries(
  Object.entries(ENCODERS).map(([name, row]) => [name, async () => encoderFamily(encoder(row))]),
);

/** By `model_type`, as configurations write it. */
export const FAMILIES: Readonly<Record<string, Load>> = {
  ...decoders,
  ...imageFamilies(VISION_TRANSFORMERS, visionTransformer),
  ...imageFamilies(CONVNEXTS, convNext),
  ...towers("clip"),
  ...towers("siglip"),
  resnet: async () => imageFamily((await import("./resnet.js")).resNet),
  swin: async () => imageFamily((await import("./swin.js")).swin),
  ...encoders,
  albert: async () => encoderFamily((await import("./albert.js")).albert),
  "deberta-v2": async () => encoderFamily((await import("./deberta.js")).deberta),
  distilbert: async () => encoderFamily((await import("./distilbert.js")).distilbert),
  modernbert: async () => encoderFamily((await import("./modernbert.js")).modernbert),
  mpnet: async () => encoderFamily((await import("./mpnet.js")).mpnet),
  nomic_bert: async () => encoderFamily((await import("./nomic-bert.js")).nomicBert),
  gpt2: async () => languageFamily((await import("./gpt2.js")).gpt2),
  gpt_neo: async () => languageFamily((await import("./gpt-neo.js")).gptNeo),
  mpt: async () => languageFamily((await import("./mpt.js")).mpt),
  torchtitan_llama: async () => (await import("./torchtitan-llama.js")).torchtitanLlama,
  nanotron_llama: async () => (await import("./nanotron-llama.js")).nanotronLlama,
  gpt_neox: async () => languageFamily((await import("./gpt-neox.js")).gptNeox),
  deepseek_v2: async () => languageFamily((await import("./deepseek.js")).deepseekV2),
  deepseek_v3: async () => languageFamily((await import("./deepseek.js")).deepseekV3),
  mamba: async () => languageFamily((await import("./mamba.js")).mamba),
  mamba2: async () => languageFamily((await import("./mamba2.js")).mamba2),
  gptj: async () => languageFamily((await import("./gptj.js")).gptj),
  bloom: async () => languageFamily((await import("./bloom.js")).bloom),
  falcon: async () => languageFamily((await import("./falcon.js")).falcon),
  hubert: async () => (await import("./wav2vec2.js")).soundFamily("hubert"),
  wav2vec2: async () => (await import("./wav2vec2.js")).soundFamily("wav2vec2"),
  whisper: async () => (await import("./whisper.js")).whisper,
  opt: async () => languageFamily((await import("./opt.js")).opt),
  bart: async () => (await import("./bart.js")).bartFamily("bart"),
  m2m_100: async () => (await import("./bart.js")).bartFamily("m2m_100"),
  marian: async () => (await import("./bart.js")).bartFamily("marian"),
  mbart: async () => (await import("./bart.js")).bartFamily("mbart"),
  pegasus: async () => (await import("./bart.js")).bartFamily("pegasus"),
  mt5: async () => (await import("./t5.js")).t5Family("mt5"),
  t5: async () => (await import("./t5.js")).t5Family("t5"),
  umt5: async () => (await import("./t5.js")).t5Family("umt5"),
};
