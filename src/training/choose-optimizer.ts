/** The text a user writes for an optimizer: `NAME[:option[=value],…]`, as in `sgd:momentum=0.9,nesterov` or `adamw:fused`. */
import { InputError } from "../base/complaint.js";
import type { OptimizerChoice } from "../ir/setup.js";
import { OPTIMIZERS } from "./optimizers.js";
import { accepts, findRule, optionRule, settingsOf, wrongValue } from "./optimizers/settings.js";

/** As Python writes them, too. */
const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
]);

/** The choice, with only those options that change memory and differ from PyTorch's defaults. */
export function chooseOptimizer(text: string, where = "optimizer"): OptimizerChoice {
  const colon = text.indexOf(":");
  const { id, rule } = findRule(OPTIMIZERS, (colon < 0 ? text : text.slice(0, colon)).trim(), where);
  const given: Record<string, number | boolean> = {};
  for (const part of colon < 0 ? [] : text.slice(colon + 1).split(",")) {
    const [name = "", ...rest] = part.split("=").map((word) => word.trim());
    const option = optionRule(rule, name, where);
    if (Object.hasOwn(given, name)) throw givenTwice(name, where);
    const written = rest.length > 0 ? rest.join("=") : undefined;
    const value = option.type === "boolean" ? FLAGS.get(written ?? "true") : numberIn(written ?? "");
    if (value === undefined || !accepts(option, value)) throw wrongValue(rule, name, written ?? "", where);
    given[name] = value;
  }
  settingsOf(rule, given, where);
  const isKept = ([name, value]: [string, number | boolean]): boolean => {
    const option = optionRule(rule, name, where);
    return option.memory && option.default !== value;
  };
  return { name: id, options: Object.fromEntries(Object.entries(given).filter(isKept)) };
}

/** The number a word is, as Python writes it too (`1e-2`, `.5`, `1_000`). */
function numberIn(word: string): number | undefined {
  return /^[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)
    ? Number(word.replaceAll("_", ""))
    : undefined;
}

function givenTwice(option: string, where: string): InputError {
  return new InputError({
    code: "training/optimizer-option-twice",
    where,
    rule: "an optimizer's option must be given once",
    expected: `one ${option}`,
    got: "two",
    hint: `remove one ${option}`,
  });
}
