/**
 * Optimizers of bitsandbytes: states in 8 bits, quantized block by block, or in 32; a step is one kernel per parameter.
 *
 * Source  bitsandbytes/optim/optimizer.py (init_state, get_state_buffer), ademamix.py, lamb.py, bitsandbytes 0.50.2:
 *         tensors of fewer than 4096 elements stay in float32, the others get a byte per element and a float32 maximum per
 *         256; what a code stands for is shared by all. Paged states of 1e5 elements and more are managed memory, which the
 *         driver moves in and out: it is not PyTorch's allocator that gives it.
 */
import { type OptimizerRule, type StateRule, state, tunes } from "./rule.js";
import { forLoop, keep, keepOnce, type Statement } from "./statements.js";
import { blockMaxima, codeMap, codes, doubled, floating, floatingOne, type Value } from "./values.js";

interface Kind {
  readonly title: string;
  readonly states: 1 | 2;
  readonly bits: 8 | 32;
  readonly paged?: boolean;
  /** The first state holds two averages. */
  readonly isDouble?: boolean;
  /** The norm of the update is limited. */
  readonly hasNorm?: boolean;
}

function bitsandbytes({ title, states, bits, paged, isDouble, hasNorm }: Kind): OptimizerRule {
  const quantized = bits === 8 ? "quantized" : "never";
  const small = bits === 8 ? "!quantized" : "";
  const first = (value: Value): Value => (isDouble ? doubled(value) : value);
  const resident = paged ? "!paged" : "";
  const entries: (readonly [name: string, value: Value, when: string])[] = [
    ["state1", first(floating("zeros_like")), join(small, resident)],
    ...(states === 2 ? ([["state2", floating("zeros_like"), join(small, resident)]] as const) : []),
  ];
  const large: (readonly [name: string, value: Value, when: string])[] = [
    ["state1", first(codes("zeros_like")), join(quantized, resident)],
    ...(states === 2 ? ([["state2", codes("zeros_like"), join(quantized, resident)]] as const) : []),
  ];
  const maxima: (readonly [name: string, value: Value, when: string])[] = [
    ["absmax1", first(blockMaxima("zeros")), quantized],
    ...(states === 2 ? ([["absmax2", blockMaxima("zeros"), quantized]] as const) : []),
  ];
  const maps = states === 2 ? ["qmap1", "qmap2"] : ["qmap1"];
  const rest = hasNorm ? ([["unorm_vec", floatingOne("zeros"), ""]] as const) : [];
  const made =
    bits === 32 ? entries : isDouble ? [...maxima, ...large, ...entries] : [...entries, ...large, ...maxima];
  const all = [...made, ...rest];
  const body: Statement[] = [
    ...(bits === 8 ? maps.map((name) => keepOnce(name, codeMap("to"), "first quantized")) : []),
    ...all.map(([name, value, when]) => keep(name, value, join("first", when))),
  ];
  return {
    title,
    package: "bitsandbytes",
    options: { lr: tunes(1e-3), weight_decay: tunes(0), eps: tunes(1e-8), momentum: tunes(0) },
    states: [
      ...(bits === 8 ? maps.map((name): StateRule => state(name, codeMap("to"), "quantized")) : []),
      ...all.map(([name, value, when]): StateRule => state(name, value, when)),
    ],
    statesFrom: "first step",
    default: "for-loop",
    implementations: { "for-loop": forLoop(...body) },
    ...(paged && {
      note: "states of 100,000 elements and more are paged: managed memory, beside PyTorch's allocator, that moves to the host when the device is full",
    }),
    source: "bitsandbytes/optim/optimizer.py, bitsandbytes 0.50.2",
  };
}

function join(...words: readonly string[]): string {
  return words.filter((word) => word !== "").join(" ");
}

// biome-ignore format: one line per class
export const BITSANDBYTES = {
  "adam8bit":           bitsandbytes({ title: "Adam8bit",           states: 2, bits: 8 }),
  "adamw8bit":          bitsandbytes({ title: "AdamW8bit",          states: 2, bits: 8 }),
  "ademamix8bit":       bitsandbytes({ title: "AdEMAMix8bit",       states: 2, bits: 8, isDouble: true }),
  "lamb8bit":           bitsandbytes({ title: "LAMB8bit",           states: 2, bits: 8, hasNorm: true }),
  "lion8bit":           bitsandbytes({ title: "Lion8bit",           states: 1, bits: 8 }),
  "sgd8bit":            bitsandbytes({ title: "SGD8bit",            states: 1, bits: 8 }),
  "rmsprop8bit":        bitsandbytes({ title: "RMSprop8bit",        states: 1, bits: 8 }),
  "adagrad8bit":        bitsandbytes({ title: "Adagrad8bit",        states: 1, bits: 8 }),
  "adamw32bit":         bitsandbytes({ title: "AdamW32bit",         states: 2, bits: 32 }),
  "lion32bit":          bitsandbytes({ title: "Lion32bit",          states: 1, bits: 32 }),
  "paged-adamw":        bitsandbytes({ title: "PagedAdamW",         states: 2, bits: 32, paged: true }),
  "paged-adamw8bit":    bitsandbytes({ title: "PagedAdamW8bit",     states: 2, bits: 8,  paged: true }),
  "paged-lion":         bitsandbytes({ title: "PagedLion",          states: 1, bits: 32, paged: true }),
  "paged-lion8bit":     bitsandbytes({ title: "PagedLion8bit",      states: 1, bits: 8,  paged: true }),
} as const satisfies Record<string, OptimizerRule>;
