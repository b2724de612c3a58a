/** Two models or two setups side by side, and which setting makes which part of the difference. */
import { InputError } from "./complaints.js";
import { checkFlags } from "./check-options.js";
import { estimate } from "./estimate.js";
import type { ImportedModel } from "./importers/model.js";
import { differencesOf, type SettingDifference, type VersusReport } from "./report/versus.js";
import { flagOf, type Options, SETTING_ROWS } from "./settings.js";

/** A model at a setup. */
export interface Side {
  readonly model: ImportedModel;
  readonly options: Options;
}

export function versus(first: Side, second: Side): VersusReport {
  const [a, b] = [first, second].map(({ model, options }) => estimate(model, options)) as [
    VersusReport["a"],
    VersusReport["b"],
  ]; // as: two sides
  return {
    schema: "plimsoll/versus@1",
    a,
    b,
    differences: differencesOf(a, b),
    bySetting: settingsBetween(first, second, a.peak.deviceTotalBytes),
  };
}

/** From one side to the other, a setting at a time in the order of the table, the model first. */
function settingsBetween(first: Side, second: Side, start: number): SettingDifference[] {
  const [from, to] = [first, second].map(({ options }) => checkFlags(options) as Values) as [Values, Values]; // as: two sides
  const changed = Object.keys(SETTING_ROWS).filter((key) => show(from[key]) !== show(to[key]));
  const keys = [...(first.model === second.model ? [] : [MODEL]), ...changed];
  const out: SettingDifference[] = [];
  let current: Values = { ...from };
  let [model, before] = [first.model, start];
  let open: string[] = [];
  for (const key of keys) {
    open.push(key);
    if (key === MODEL) model = second.model;
    else current = { ...current, [key]: to[key] };
    const total = totalOf(model, current);
    if (total === null) continue; // it needs the next setting, too
    const name = (side: Side, values: Values) =>
      open.map((each) => (each === MODEL ? side.model.name : show(values[each]))).join(", ");
    out.push({
      setting: open.map((each) => (each === MODEL ? each : flagOf(each))).join(" + "),
      from: name(first, from),
      to: name(second, to),
      deltaBytes: total - before,
    });
    before = total;
    open = [];
  }
  return out;
}

const MODEL = "model";

type Values = Readonly<Record<string, unknown>>;

function totalOf(model: ImportedModel, values: Values): number | null {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  try {
    return estimate(model, Object.fromEntries(given) as Options).peak.deviceTotalBytes; // checked there
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function show(value: unknown): string {
  return value === undefined ? "default" : typeof value === "string" ? value : JSON.stringify(value);
}
