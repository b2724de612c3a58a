/**
 * Adam of torchao, with states of 8 or 4 bits or of float8.
 *
 * Source  torchao/optim/adam.py (_new_buffer), subclass_8bit.py, subclass_4bit.py, subclass_fp8.py, torchao 0.18.0: tensors of
 *         4096 elements and more whose number is a multiple of the block size get codes and one float32 scale per block,
 *         and a table of their own of what the codes stand for; the others stay as the parameter is
 */
import { type OptimizerRule, type StateRule, state, tunes } from "./rule.js";
import { drop, forLoop, keep, make, run, type Statement } from "./statements.js";
import { codes, codeTable, each, floating, integers, packedCodes, scales, type Value } from "./values.js";

interface Kind {
  readonly title: string;
  readonly codes: Value;
  readonly block: 128 | 256;
  /** Values in the table; 0 for none. */
  readonly table: number;
  /** What the compiled update takes for a quantized parameter, by the buffers Inductor gives it. */
  readonly update: readonly Statement[];
}

const scalesOf = (block: 128 | 256): Statement[] => [
  make("scale1", scales(block), block === 256 ? "blocks" : "blocks128"),
  make("scale2", scales(block), block === 256 ? "blocks" : "blocks128"),
];
const AVERAGES = (quantized: string): Statement[] => [
  make("average1", floating("lerp"), quantized),
  make("average2", floating("lerp"), quantized),
];
const EIGHT_BITS: readonly Statement[] = [
  ...scalesOf(256),
  ...AVERAGES("blocks"),
  drop("average1 average2 scale1 scale2"),
];
/** With the decay part of the gradient, which is not decoupled, one scale is part of another kernel. */
const EIGHT_BITS_COUPLED: readonly Statement[] = [
  ...AVERAGES("blocks"),
  make("scale", scales(256), "blocks"),
  drop("average1 average2 scale"),
];
const FOUR_BITS: readonly Statement[] = [
  ...scalesOf(128),
  ...AVERAGES("blocks128"),
  make("codes1", integers("bucketize"), "blocks128"),
  make("codes2", integers("bucketize"), "blocks128"),
  drop("average1 codes1 scale1 average2 codes2 scale2"),
];
const FLOAT8: readonly Statement[] = [
  ...scalesOf(256),
  ...AVERAGES("blocks"),
  drop("scale1 scale2"),
  run([codes("to")], "blocks"),
  make("codes1", codes("to"), "blocks"),
  drop("average1"),
  run([codes("to")], "blocks"),
  make("codes2", codes("to"), "blocks"),
  drop("average2 codes1 codes2"),
];

function torchao({ title, codes: written, block, table, update }: Kind): OptimizerRule {
  const quantized = block === 256 ? "blocks" : "blocks128";
  const states = ["exp_avg", "exp_avg_sq"].flatMap((name): StateRule[] => [
    state(name, each("zeros_like"), `!${quantized}`),
    state(`${name}.codes`, written, quantized),
    state(`${name}.scale`, scales(block), quantized),
    ...(table > 0 ? [state(`${name}.qmap`, codeTable(table), quantized)] : []),
  ]);
  return {
    title,
    package: "torchao",
    options: { lr: tunes(1e-3), weight_decay: tunes(0), eps: tunes(1e-8) },
    states,
    statesFrom: "first step",
    default: "for-loop",
    implementations: {
      "for-loop": forLoop(
        ...states.map(({ name, value, when }): Statement => {
          const made = keep(name, value, "first");
          return { ...made, when: when.map((all) => [{ name: "first", holds: true }, ...all]) };
        }),
        ...update,
      ),
    },
    note: "the update is compiled: what compiling and trying kernels takes in the first step is not counted",
    source: "torchao/optim/adam.py, torchao 0.18.0",
  };
}

// biome-ignore format: one line per class
export const TORCHAO = {
  "torchao-adam8bit":  torchao({ title: "Adam8bit",  codes: codes("zeros"),       block: 256, table: 256, update: EIGHT_BITS_COUPLED }),
  "torchao-adamw8bit": torchao({ title: "AdamW8bit", codes: codes("zeros"),       block: 256, table: 256, update: EIGHT_BITS }),
  "torchao-adamw4bit": torchao({ title: "AdamW4bit", codes: packedCodes("zeros"), block: 128, table: 16,  update: FOUR_BITS }),
  "torchao-adamwfp8":  torchao({ title: "AdamWFp8",  codes: codes("zeros"),       block: 256, table: 0,   update: FLOAT8 }),
} as const satisfies Record<string, OptimizerRule>;
