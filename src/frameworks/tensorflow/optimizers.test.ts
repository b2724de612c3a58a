/** Variables of keras.optimizers, recorded from Keras 3.15 on one small net. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { chooseKerasOptimizer } from "../../training/choose-listed.js";
import { KERAS_OPTIMIZERS, type KerasOptimizer, LOSS_SCALE_BYTES, SCALAR_BYTES } from "./optimizers.js";

const shared = process.env["PLIMSOLL_SHARED"] ?? join(import.meta.dirname, "../../../../shared");
const path = join(shared, "oracle/tensorflow/results/_optimizer_slots.json");
const recorded: Readonly<Record<string, { bytes: number; trainable: [string, number[], string][] }>> =
  existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};

const SPELLED: Readonly<Record<string, string>> = {
  SGD: "sgd",
  SGD_momentum: "sgd:momentum=0.9",
  SGD_nesterov: "sgd:momentum=0.9,nesterov",
  Adam: "adam",
  Adam_amsgrad: "adam:amsgrad",
  AdamW: "adamw",
  Adagrad: "adagrad",
  RMSprop: "rmsprop",
  RMSprop_momentum: "rmsprop:momentum=0.9",
  RMSprop_centered: "rmsprop:centered",
  RMSprop_centered_momentum: "rmsprop:centered,momentum=0.9",
  Adadelta: "adadelta",
  Adamax: "adamax",
  Nadam: "nadam",
  Ftrl: "ftrl",
  Lion: "lion",
  Adafactor: "adafactor",
  Lamb: "lamb",
  "LossScale(Adam)": "adam",
  "LossScale(SGD)": "sgd",
};

function bytesOf(text: string, shapes: readonly (readonly number[])[], item: number): number {
  const { name, options } = chooseKerasOptimizer(text, "test");
  const row = KERAS_OPTIMIZERS[name] as KerasOptimizer;
  const slots = shapes.flatMap((shape) =>
    row
      .slots(options, shape)
      .map((slot) => elements(slot.shape ?? shape) * (slot.dtype ? ITEM_SIZE[slot.dtype] : item)),
  );
  return SCALAR_BYTES + (row.scalars ?? 0) + slots.reduce((sum, size) => sum + size, 0);
}

const cases = Object.entries(recorded).filter(([name]) => SPELLED[name.split("@")[0] as string]);

describe.skipIf(cases.length === 0)(
  "variables of an optimizer (skipped where shared/oracle is absent)",
  () => {
    test.each(cases)("%s", (name, { bytes, trainable }) => {
      const [spelled = "", policy = ""] = name.split("@");
      const shapes = trainable.map(([, shape]) => shape);
      const item = policy === "bfloat16" ? 2 : 4;
      const scale = spelled.startsWith("LossScale") ? LOSS_SCALE_BYTES : 0;
      expect(bytesOf(SPELLED[spelled] as string, shapes, item) + scale).toBe(bytes);
    });
  },
);

test("Adam keeps two slots as large as each parameter", () => {
  expect(bytesOf("adam", [[10, 10]], 4)).toBe(SCALAR_BYTES + 800);
});

test("an option that Keras does not have is a complaint", () => {
  expect(() => chooseKerasOptimizer("adam:foreach", "--optimizer")).toThrow(
    "[training/optimizer-option-value]",
  );
});
