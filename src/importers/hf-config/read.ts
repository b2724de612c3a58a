/**
 * Hugging Face `config.json` → forward graph, as the model's class in transformers runs it.
 *
 * Spec     transformers' configuration classes; keys that a file leaves out take their class's values
 * Reads    the keys that decide sizes and operators, and the class under `architectures`
 * Ignores  keys about tokens, generation, training scripts and initialisation; `auto_map` and other pointers to code
 * Untrue   code that a file brings along (`trust_remote_code`) is not run: the family's own class is taken
 */
import type { Diagnostic } from "../../base/complaint.js";
import type { Source } from "../../base/source.js";
import { MiB } from "../../base/units.js";
import { nearest } from "../../base/did-you-mean.js";
import { Config } from "../../models/config.js";
import { lossNeedsNextToken, missingFamily, unknownFamily, unknownTask } from "../../models/complaints.js";
import { ALIASES, DEFAULTS } from "../../models/defaults.js";
import { FAMILIES } from "../../models/families.js";
import type { Family, Task } from "../../models/family.js";
import type { LinearLossName } from "../../models/losses.js";
import { drawModel } from "../../models/module.js";
import { ofOneRank, sharedOut, tensorPlanOf } from "../../models/tensor-plan.js";
import type { Bindings, ImportedModel } from "../model.js";
import { badJson, fileTooLarge, notAMap } from "./complaints.js";
import { taskOf } from "./tasks.js";

/** Published configurations take a few KiB; label names some hundred. */
const MAX_BYTES = 4 * MiB;

export async function readHfConfig(source: Source): Promise<ImportedModel> {
  if (source.size > MAX_BYTES) throw fileTooLarge(source.name, source.size, MAX_BYTES);
  const text = new TextDecoder().decode(await source.read(0, source.size));
  return configModel(parse(text, source.name), source.name);
}

function parse(text: string, source: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badJson(source, error instanceof Error ? error.message : String(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notAMap(source);
  return value as Readonly<Record<string, unknown>>;
}

/** The model that a configuration's values describe. */
export async function configModel(
  values: Readonly<Record<string, unknown>>,
  source: string,
): Promise<ImportedModel> {
  const type = values.model_type;
  if (typeof type !== "string") throw missingFamily(source);
  const load = Object.hasOwn(FAMILIES, type) ? FAMILIES[type] : undefined;
  if (!load) throw unknownFamily(source, type, nearest(type, Object.keys(FAMILIES)));
  const family = await load();
  const config = new Config(source, named(values, ALIASES[type] ?? {}), DEFAULTS[type] ?? {});
  const head = taskOf(values.architectures);
  const sequence = family.sequence ? family.sequence(config) : DEFAULT_SEQUENCE;
  return {
    kind: "model",
    name: nameOf(values, source),
    source,
    format: "hf-config",
    batch: 1,
    ...(sequence !== null && { sequence }),
    takesTensorRanks: true,
    ...blocksOf(config),
    takes: [
      ...(sequence === null ? [] : (["sequence"] as const)),
      "task",
      "classes",
      "imageChannels",
      "loss",
    ],
    bind: (bindings) =>
      draw(family, config, { type, head }, { sequence: sequence ?? DEFAULT_SEQUENCE, ...bindings }),
  };
}

/** Sizes that decided the answer and that the file does not say. */
function defaultNotes({ source, defaulted }: Config): Diagnostic[] {
  if (defaulted.size === 0) return [];
  const sizes = [...defaulted].map(([key, value]) => `${key} ${value}`).join(", ");
  const message = `not in the file, so as the class has them: ${sizes}`;
  return [{ code: "config/defaults", severity: "info", message, where: source }];
}

/** Of one stack of blocks, as most configurations name its sizes. */
function blocksOf(config: Config): Pick<ImportedModel, "blocks"> {
  const keys = ["num_hidden_layers", "hidden_size", "num_attention_heads"] as const;
  const sizes = keys.map((key) => config.value(key));
  if (!sizes.every((size) => typeof size === "number" && Number.isInteger(size) && size > 0)) return {};
  const [layers, width, heads] = sizes as [number, number, number]; // as: checked one line above
  return { blocks: { layers, width, heads } };
}

/** Values under the class's own keys, where a file uses their other names. */
function named(
  values: Readonly<Record<string, unknown>>,
  aliases: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const given = Object.entries(aliases).filter(([other, own]) => other in values && !(own in values));
  return { ...values, ...Object.fromEntries(given.map(([other, own]) => [own, values[other]])) };
}

/** Tokens of a text when neither the user nor the family names a number. */
export const DEFAULT_SEQUENCE = 512;

interface Named {
  /** `model_type` */
  readonly type: string;
  /** What its class says it is for. */
  readonly head: Task | null;
}

function draw(family: Family, whole: Config, { type, head: named }: Named, bindings: Bindings) {
  const ranks = bindings.tensorRanks ?? 1;
  const plan = ranks > 1 ? tensorPlanOf(type, whole.source) : null;
  const config = plan ? ofOneRank(whole, plan, ranks) : whole;
  const asked = bindings.task as Task | undefined; // as: compared with the family's tasks below
  const fallback = named !== null && family.tasks.includes(named) ? named : (family.tasks[0] as Task);
  const task = asked ?? fallback;
  if (!family.tasks.includes(task)) throw unknownTask(config.source, task, family.tasks);
  const training = bindings.mode !== "inference";
  const loss = bindings.loss as LinearLossName | undefined; // as: checked with the settings
  if (loss !== undefined && task !== "causal-lm") throw lossNeedsNextToken(config.source, loss, task);
  const {
    kind,
    model,
    diagnostics = [],
  } = family.draw(config.with({ num_labels: bindings.classes, num_channels: bindings.imageChannels }), {
    task,
    batch: bindings.batch ?? 1,
    sequence: bindings.sequence ?? DEFAULT_SEQUENCE,
    training,
    ...(training && loss !== undefined && { loss }),
    ...(bindings.image && { image: bindings.image }),
    shapes: bindings.shapes ?? {},
  });
  const run = {
    training,
    eager: bindings.attention === "eager",
    checkpointing: bindings.checkpointing === true,
    tensor: plan && { ...plan, ranks },
  };
  const graph = sharedOut(drawModel(config.source, kind, run, model), run.tensor);
  return { graph, diagnostics: [...diagnostics, ...defaultNotes(config)] };
}

/** `_name_or_path` where the file has it, else the file's folder or name. */
function nameOf(values: Readonly<Record<string, unknown>>, source: string): string {
  const said = values._name_or_path;
  if (typeof said === "string" && said !== "" && said.length < 200) return said;
  const parts = source.split(/[/\\]/);
  const file = (parts.pop() ?? source).replace(/\.json$/i, "");
  return file === "config" ? (parts.pop() ?? file) : file;
}
