/** Options of an optimizer, checked and completed; what PyTorch's constructor would refuse is a complaint. */
import { InputError } from "../../base/complaint.js";
import { didYouMean } from "../../base/did-you-mean.js";
import type { OptimizerChoice, OptimizerPath } from "../../ir/setup.js";
import { holds } from "./conditions.js";
import type { OptimizerRule, OptionRule, Settings } from "./rule.js";

/** The row of `name`, which may be written as the class is (`AdamW`), or with other dashes (`adamw_8bit`). */
export function findRule(
  table: Readonly<Record<string, OptimizerRule>>,
  name: string,
  where: string,
): { readonly id: string; readonly rule: OptimizerRule } {
  const written = plain(name);
  const id = Object.hasOwn(table, name) ? name : Object.keys(table).find((key) => plain(key) === written);
  const rule = id === undefined ? undefined : table[id];
  if (id !== undefined && rule) return { id, rule };
  throw new InputError({
    code: "training/unknown-optimizer",
    where,
    rule: "the optimizer must be one that Plimsoll knows",
    expected: Object.keys(table).join(", "),
    got: JSON.stringify(name),
    hint: didYouMean(name, Object.keys(table), "sgd, adam and adamw are the usual ones"),
  });
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}

/** Every option of `rule`, the given ones checked, PyTorch's defaults for the others. */
export function settingsOf(
  rule: OptimizerRule,
  options: OptimizerChoice["options"],
  where: string,
): Settings {
  const settings: Record<string, number | boolean | null> = {};
  for (const option in rule.options) settings[option] = (rule.options[option] as OptionRule).default;
  for (const option in options) {
    const value = options[option] as number | boolean;
    if (!accepts(optionRule(rule, option, where), value))
      throw wrongValue(rule, option, String(value), where);
    settings[option] = value;
  }
  refuseTogether(rule, settings, where);
  return settings;
}

/** The row of `option`; an unknown one is a complaint. */
export function optionRule(rule: OptimizerRule, option: string, where: string): OptionRule {
  const known = Object.hasOwn(rule.options, option) ? rule.options[option] : undefined;
  if (known) return known;
  throw new InputError({
    code: "training/unknown-optimizer-option",
    where,
    rule: `the option must be one of ${rule.title}`,
    expected: Object.keys(rule.options).join(", "),
    got: JSON.stringify(option),
    hint: didYouMean(
      option,
      Object.keys(rule.options),
      "leave out what is neither a number nor a flag: it changes no memory",
    ),
  });
}

export function accepts({ type, least, most }: OptionRule, value: number | boolean): boolean {
  if (typeof value === "boolean" || type === "boolean") return typeof value === type;
  return value >= least && value <= most && (type === "number" || Number.isInteger(value));
}

export function wrongValue(rule: OptimizerRule, option: string, value: string, where: string): InputError {
  const { type, least, most, default: usual } = optionRule(rule, option, where);
  const range = least === 0 ? "of at least 0" : "that is finite";
  const expected = {
    boolean: "true or false",
    number: `a number ${range}`,
    count: `a whole number from ${least} to ${most}`,
  }[type];
  return new InputError({
    code: "training/optimizer-option-value",
    where,
    rule: `${option} of ${rule.title} must be ${expected}`,
    expected,
    got: JSON.stringify(value),
    hint: type === "boolean" ? `write ${option} or ${option}=false` : `write ${option}=${usual ?? most}`,
  });
}

function refuseTogether(rule: OptimizerRule, settings: Settings, where: string): void {
  const complain = (what: string, hint: string): never => {
    throw new InputError({
      code: "training/optimizer-options",
      where,
      rule: what,
      expected: `options that ${rule.title} takes together`,
      got: Object.keys(settings)
        .filter((option) => settings[option] !== rule.options[option]?.default)
        .join(", "),
      hint,
    });
  };
  if (settings["foreach"] && settings["fused"]) {
    complain("foreach and fused must not both be true", "name the implementation that is wanted");
  }
  if (!rule.refuses) return;
  const facts = factsOf(settings);
  for (const { when, rule: what, hint } of rule.refuses) if (holds(when, facts)) complain(what, hint);
}

/** Whether each option is set: a number is when it is not zero. */
export function factsOf(settings: Settings): Map<string, boolean> {
  const facts = new Map<string, boolean>();
  for (const option in settings) facts.set(option, Boolean(settings[option]));
  return facts;
}

/** The implementation that step() takes on CUDA. torch/optim: given flags win, and either one being false means the for-loop. */
export function pathOf(rule: OptimizerRule, { foreach = null, fused = null }: Settings): OptimizerPath {
  if (fused === true) return "fused";
  if (foreach === true) return "foreach";
  return foreach === false || fused === false ? "for-loop" : rule.default;
}
