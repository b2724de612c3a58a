/** The text a user writes for a keras.optimizers class: `sgd:momentum=0.9,nesterov`, `adam:amsgrad`. */
import { InputError } from "../base/complaint.js";
import { didYouMean } from "../base/did-you-mean.js";
import { KERAS_OPTIMIZERS, type KerasOptimizer } from "../frameworks/tensorflow/optimizers.js";
import type { OptimizerChoice } from "../ir/setup.js";

/** The choice, with only those options that differ from Keras' defaults. */
export function chooseKerasOptimizer(text: string, where: string): OptimizerChoice {
  const [head = "", ...tail] = text.split(":");
  const name = head.trim().toLowerCase().replace(/[-_]/g, "");
  const row = Object.hasOwn(KERAS_OPTIMIZERS, name) ? KERAS_OPTIMIZERS[name] : undefined;
  if (!row) {
    throw new InputError({
      code: "training/unknown-optimizer",
      where,
      rule: "the optimizer must be one of keras.optimizers that is known",
      expected: Object.keys(KERAS_OPTIMIZERS).join(", "),
      got: JSON.stringify(head.slice(0, 60)),
      hint: didYouMean(head, Object.keys(KERAS_OPTIMIZERS), "sgd, adam and adamw are the usual ones"),
    });
  }
  const options: Record<string, number | boolean> = {};
  for (const part of tail.join(":").split(",").filter(Boolean)) {
    const [key = "", written = "true"] = part.split("=").map((word) => word.trim());
    options[key] = checkedValue(row, key, written, where);
  }
  const kept = Object.entries(options).filter(([key, value]) => row.options[key] !== value);
  return { name, options: Object.fromEntries(kept) };
}

function checkedValue(row: KerasOptimizer, key: string, written: string, where: string): number | boolean {
  const usual = Object.hasOwn(row.options, key) ? row.options[key] : undefined;
  const value = /^true$/i.test(written) ? true : /^false$/i.test(written) ? false : Number(written);
  if (
    usual !== undefined &&
    typeof value === typeof usual &&
    (typeof value === "boolean" || (value >= 0 && Number.isFinite(value)))
  )
    return value;
  const known = Object.keys(row.options);
  throw new InputError({
    code: "training/optimizer-option-value",
    where,
    rule: `an option must be one of ${row.title} that changes memory`,
    expected:
      known.length > 0 ? known.map((name) => `${name}=${row.options[name]}`).join(", ") : "no options",
    got: `${key}=${written}`.slice(0, 60),
    hint: didYouMean(key, known, "leave out what changes no memory"),
  });
}
