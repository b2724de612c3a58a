/** The text a user writes for an optimizer of optax: `sgd:momentum=0.9`, `adamw`. */
import { InputError } from "../base/complaint.js";
import { didYouMean } from "../base/did-you-mean.js";
import { OPTAX, type OptaxOptimizer } from "../frameworks/jax/optax.js";
import type { OptimizerChoice } from "../ir/setup.js";

/** The choice, with only those options that differ from optax's defaults. */
export function chooseOptax(text: string, where: string): OptimizerChoice {
  const [head = "", ...tail] = text.split(":");
  const name = head.trim().toLowerCase().replace(/[-_]/g, "");
  const row = Object.hasOwn(OPTAX, name) ? OPTAX[name] : undefined;
  if (!row)
    throw new InputError({
      code: "training/unknown-optimizer",
      where,
      rule: "the optimizer must be one of optax that is known",
      expected: Object.keys(OPTAX).join(", "),
      got: JSON.stringify(head.slice(0, 60)),
      hint: didYouMean(head, Object.keys(OPTAX), "sgd, adam and adamw are the usual ones"),
    });
  const options: Record<string, number | boolean> = {};
  for (const part of tail.join(":").split(",").filter(Boolean)) {
    const [key = "", written = "true"] = part.split("=").map((word) => word.trim());
    options[key] = checkedValue(row, key, written, where);
  }
  return {
    name,
    options: Object.fromEntries(Object.entries(options).filter(([key, value]) => row.options[key] !== value)),
  };
}

function checkedValue(row: OptaxOptimizer, key: string, written: string, where: string): number | boolean {
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
    rule: `an option must be one of optax.${row.title} that changes memory`,
    expected:
      known.length > 0 ? known.map((name) => `${name}=${row.options[name]}`).join(", ") : "no options",
    got: `${key}=${written}`.slice(0, 60),
    hint: didYouMean(key, known, "leave out what changes no memory"),
  });
}
