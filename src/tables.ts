/** What Plimsoll knows, as rows for people and programs: devices, optimizers, formats. */
import { nothingMatches } from "./complaints.js";
import { type Gpu, GPUS, type GpuId } from "./hardware/gpus.js";
import { usableMemory } from "./hardware/usable-memory.js";
import { IMPORTERS, type ImporterEntry } from "./importers/registry.js";
import { FAMILIES } from "./models/families.js";
import { type Setting, SETTING_ROWS } from "./settings.js";
import { OPTIMIZERS } from "./training/optimizers.js";
import { type Condition, settle } from "./training/optimizers/conditions.js";
import type { OptimizerRule } from "./training/optimizers/rule.js";
import { factsOf, settingsOf } from "./training/optimizers/settings.js";

export interface GpuRow {
  readonly id: GpuId;
  readonly title: string;
  readonly vendor: Gpu["vendor"];
  readonly memoryBytes: number;
  /** The most a process can use. */
  readonly usableBytes: number;
  readonly usableBasis: "exact" | "assumed";
  readonly computeCapability: string | null;
  readonly multiprocessors: number | null;
  readonly source: string;
}

/** Devices whose id, title or alias contains `pattern`; throws when a pattern matches none. */
export function listGpus(pattern = ""): GpuRow[] {
  const rows = Object.entries(GPUS as Record<GpuId, Gpu>) as [GpuId, Gpu][]; // keys of a literal
  const wanted = words(pattern);
  const found = rows.filter(([id, { title, vendor, aliases = [] }]) => {
    const text = [id, title, vendor, ...aliases].join(" ").toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  if (found.length === 0)
    throw nothingMatches(
      "gpus",
      pattern,
      rows.map(([id]) => id),
    );
  return found.map(([id, gpu]) => {
    const { bytes, basis } = usableMemory(gpu);
    return {
      id,
      title: gpu.title,
      vendor: gpu.vendor,
      memoryBytes: gpu.memoryBytes,
      usableBytes: bytes,
      usableBasis: basis,
      computeCapability: gpu.computeCapability ?? null,
      multiprocessors: gpu.multiprocessors ?? null,
      source: gpu.source,
    };
  });
}

export interface OptimizerRow {
  readonly name: string;
  readonly title: string;
  /** Where the class is from. */
  readonly package: string;
  /** States kept per parameter on the device with default options. */
  readonly states: readonly string[];
  readonly implementation: string;
  /** Options that change memory. */
  readonly options: readonly string[];
  /** What is not computed. */
  readonly note: string | null;
  readonly source: string;
}

export function listOptimizers(): OptimizerRow[] {
  return Object.entries(OPTIMIZERS as Record<string, OptimizerRule>).map(([name, rule]) => ({
    name,
    title: rule.title,
    package: rule.package ?? "torch.optim",
    states: statesOf(rule),
    implementation: rule.default,
    options: Object.entries(rule.options).flatMap(([option, { memory }]) => (memory ? [option] : [])),
    note: rule.note ?? null,
    source: rule.source,
  }));
}

function statesOf(rule: OptimizerRule): string[] {
  const facts = factsOf(settingsOf(rule, {}, rule.title));
  const exists = (condition: Condition | false) => condition !== false && settle(condition, facts) !== false;
  return [
    ...new Set(
      rule.states.filter(({ when, onDevice }) => exists(when) && exists(onDevice)).map(({ name }) => name),
    ),
  ];
}

export interface SettingRow {
  readonly name: string;
  readonly kind: Setting["kind"];
  /** What stands behind the flag in help. */
  readonly placeholder: string;
  /** Values of a choice that are computed. */
  readonly values: readonly string[];
  /** Whether this release computes any value but the default. */
  readonly isComputed: boolean;
  readonly help: string;
}

/** What can be asked for: the flags of the command, the options of the library. */
export function listSettings(): SettingRow[] {
  return Object.entries(SETTING_ROWS).map(
    ([name, { kind, placeholder = "", values = [], computes, help }]) => ({
      name,
      kind,
      placeholder,
      values: values.filter((value) => computes?.includes(value) ?? true),
      isComputed: computes === undefined || computes.length > 1 || kind === "choice",
      help,
    }),
  );
}

export interface FormatRow {
  readonly name: string;
  readonly title: string;
  readonly extensions: readonly string[];
  readonly isRead: boolean;
  /** How to make such a file. */
  readonly made: string;
  /** Kinds of models that a file of this format names, where the format is one of names. */
  readonly kinds: readonly string[];
}

export function listFormats(): FormatRow[] {
  return Object.entries(IMPORTERS as Record<string, ImporterEntry>).map(
    ([name, { title, extensions, load, made }]) => ({
      name,
      title,
      extensions,
      isRead: load !== undefined,
      made,
      kinds: name === "hf-config" ? Object.keys(FAMILIES).sort() : [],
    }),
  );
}

function words(pattern: string): string[] {
  return pattern
    .toLowerCase()
    .split(/[\s-]+/)
    .filter((word) => word !== "");
}
