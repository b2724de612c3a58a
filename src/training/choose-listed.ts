/** The text a user writes for an optimizer of a library with a table of its own: `sgd:momentum=0.9,nesterov`, `adam:amsgrad`. */
import { InputError } from "../base/complaint.js";
import { didYouMean } from "../base/did-you-mean.js";
import { OPTAX } from "../frameworks/jax/optax.js";
import { KERAS_OPTIMIZERS } from "../frameworks/tensorflow/optimizers.js";
import type { OptimizerChoice } from "../ir/setup.js";

interface Listed {
  readonly title: string;
  /** Arguments that change memory, with their defaults; the type is that of the default. */
  readonly options: Readonly<Record<string, number | boolean>>;
}

interface Library {
  readonly name: string;
  readonly table: Readonly<Record<string, Listed>>;
  /** What stands before an optimizer's title. */
  readonly prefix: string;
}

const KERAS: Library = { name: "keras.optimizers", table: KERAS_OPTIMIZERS, prefix: "" };
const OF_OPTAX: Library = { name: "optax", table: OPTAX, prefix: "optax." };

export const chooseKerasOptimizer = (text: string, where: string) => choose(KERAS, text, where);
export const chooseOptax = (text: string, where: string) => choose(OF_OPTAX, text, where);

/** The choice, with only those options that differ from the library's defaults. */
function choose(library: Library, text: string, where: string): OptimizerChoice {
  const { table } = library;
  const [head = "", ...tail] = text.split(":");
  const name = head.trim().toLowerCase().replace(/[-_]/g, "");
  const row = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!row) {
    throw new InputError({
      code: "training/unknown-optimizer",
      where,
      rule: `the optimizer must be one of ${library.name} that is known`,
      expected: Object.keys(table).join(", "),
      got: JSON.stringify(head.slice(0, 60)),
      hint: didYouMean(head, Object.keys(table), "sgd, adam and adamw are the usual ones"),
    });
  }
  const options: Record<string, number | boolean> = {};
  for (const part of tail.join(":").split(",").filter(Boolean)) {
    const [key = "", written = "true"] = part.split("=").map((word) => word.trim());
    options[key] = checkedValue({ ...row, title: library.prefix + row.title }, key, written, where);
  }
  const kept = Object.entries(options).filter(([key, value]) => row.options[key] !== value);
  return { name, options: Object.fromEntries(kept) };
}

function checkedValue(row: Listed, key: string, written: string, where: string): number | boolean {
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
