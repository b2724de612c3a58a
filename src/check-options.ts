/** Settings as people write them → options that can be trusted. Throws InputError naming the first that is wrong. */
import {
  contradiction,
  notAChoice,
  notACount,
  notAShape,
  notASize,
  notASwitch,
  notText,
  notYet,
  unknownSetting,
} from "./complaints.js";
import { checkProfile } from "./machine-profile.js";
import type { MachineProfile } from "./report/compare.js";
import { flagOf, type Options, type Setting, SETTING_ROWS, type SettingName, settingOf } from "./settings.js";

/** Far beyond any device, and small enough that bytes stay exact. */
const MOST = 1e9;

type Value = string | number | boolean | readonly string[] | readonly number[] | Shapes | MachineProfile;
type Shapes = Readonly<Record<string, readonly number[]>>;

/**
 * `given` with every value checked; keys in camel or kebab case, values typed or as a flag takes them. `placeOf` says
 * where a setting was written, for complaints.
 */
export function checkOptions(
  given: Readonly<Record<string, unknown>>,
  placeOf: (key: string) => string,
): Options {
  const out: Partial<Record<SettingName, Value>> = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const name = settingOf(key);
    if (!name) throw unknownSetting(placeOf(key), key, Object.keys(SETTING_ROWS).map(flagOf));
    const row = SETTING_ROWS[name];
    const where = placeOf(key);
    if (name === "optimizer" && (value === false || value === null || value === "none")) {
      out.optimizer = false;
      continue;
    }
    const checked = checkValue(row, value, where);
    refuseUncomputed(row, checked, where);
    out[name] = checked;
  }
  if (out.noOptimizer === true && typeof out.optimizer === "string") {
    throw contradiction(placeOf("noOptimizer"), "an optimizer or none", `both ${out.optimizer} and none`);
  }
  if (out.optimizerInBackward === true && Number(out.accumulate ?? 1) > 1) {
    throw contradiction(
      placeOf("optimizerInBackward"),
      "one micro-batch per step: every backward pass steps",
      `--accumulate ${out.accumulate}`,
    );
  }
  if (out.offload === "activations" && out.compile === true) {
    throw contradiction(
      placeOf("offload"),
      "an eager step: the compiler chooses itself what backward keeps",
      "--compile",
    );
  }
  const { precision } = out;
  const float8 = precision === "fp8" || precision === "fp8-rowwise";
  const beside = out.compile === true ? "--compile" : out.lora !== undefined && "--lora";
  if (float8 && beside) {
    throw contradiction(placeOf("precision"), "an eager step of the whole model in float8", beside);
  }
  const needsAll =
    out.clipGrad === true ? "--clip-grad" : out.precision === "amp-fp16" && "--precision amp-fp16";
  if (out.optimizerInBackward === true && needsAll) {
    throw contradiction(
      placeOf("optimizerInBackward"),
      "a step that needs no other gradient: clipping and GradScaler look at all of them first",
      needsAll,
    );
  }
  return out as Options; // every value was checked against its row
}

/** Options of the library and of the command line: complaints name the flag. */
export function checkFlags(options: Options): Options {
  return checkOptions(options as Readonly<Record<string, unknown>>, (key) => `--${flagOf(key)}`); // callers may have no types
}

function checkValue(row: Setting, value: unknown, where: string): Value {
  switch (row.kind) {
    case "choice":
      return oneOf(row.values ?? [], value, where);
    case "count":
      return count(value, row.computes?.includes(0) ? 0 : 1, where);
    case "switch":
      if (value === true || value === "true") return true;
      if (value === false || value === "false") return false;
      throw notASwitch(where, show(value));
    case "text":
      if (typeof value === "string" && value.trim() !== "") return value.trim();
      throw notText(where, show(value));
    case "list":
      return (Array.isArray(value) ? value : [value]).map((item) => {
        if (typeof item === "string" && item !== "") return item;
        throw notText(where, show(item));
      });
    case "shapes":
      return shapes(value, where);
    case "size": {
      const size = typeof value === "string" ? value.split("x") : value;
      if (!Array.isArray(size) || size.length !== 2) throw notASize(where, show(value));
      return size.map((dim) => count(dim, 1, where));
    }
    case "profile":
      return checkProfile(value, where);
  }
}

function oneOf(values: readonly string[], value: unknown, where: string): string {
  if (typeof value === "string" && values.includes(value)) return value;
  throw notAChoice(where, typeof value === "string" ? value : show(value), values);
}

function count(value: unknown, low: number, where: string): number {
  const digits = typeof value === "string" && /^\d+$/.test(value.trim());
  const number = typeof value === "number" ? value : digits ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < low || number > MOST)
    throw notACount(where, show(value), low, MOST);
  return number;
}

/** `{ x: [8, 3, 224, 224] }`, or the texts `x=8x3x224x224` of a repeated flag. */
function shapes(value: unknown, where: string): Shapes {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value).map(([name, dims]): [string, readonly number[]] => {
      if (typeof dims === "string") return [name, dimsOf(dims, where)];
      if (!Array.isArray(dims)) throw notAShape(where, `${name}: ${show(dims)}`);
      return [name, dims.map((dim) => count(dim, 0, where))];
    });
    return Object.fromEntries(entries);
  }
  const texts = Array.isArray(value) ? value : [value];
  return Object.fromEntries(
    texts.map((text) => {
      const [name, dims] = typeof text === "string" ? text.split("=") : [];
      if (!name || !dims) throw notAShape(where, show(text));
      return [name, dimsOf(dims, where)];
    }),
  );
}

function dimsOf(text: string, where: string): number[] {
  if (!/^\d+([x,]\d+)*$/i.test(text)) throw notAShape(where, text);
  return text.split(/[x,]/i).map((dim) => count(dim, 0, where));
}

function refuseUncomputed(row: Setting, value: Value, where: string): void {
  const { computes, since } = row;
  if (!computes || !since) return;
  if (computes.some((computed) => computed === value)) return;
  throw notYet(where, show(value), since, computes);
}

function show(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}
