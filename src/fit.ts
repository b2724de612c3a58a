/** The largest micro-batch, sequence or image that fits a device, or each known one; and the smallest device that fits. */
import { noImageInput, smallestRefused } from "./complaints.js";
import { AXES, type Axis } from "./fit-axis.js";
import { checkFitOptions, type FitOptions, type FitQuestion } from "./fit-options.js";
import { largestSize, type Steps, stepsOf } from "./fit-search.js";
import { fitsKin, type Kin, kinOf, largestInTable } from "./fit-table.js";
import { type Gpu, GPUS, type GpuId } from "./hardware/gpus.js";
import { usableMemory } from "./hardware/usable-memory.js";
import type { ImportedModel } from "./importers/model.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import type { FitOnGpu, FitReport, NearestMiss, SmallestGpu } from "./report/fit.js";
import { type ResolvedSetup, resolveSetup } from "./resolve-setup.js";
import { worstRank } from "./worst-rank.js";

export type { FitOptions } from "./fit-options.js";

/** Vendors whose devices run PyTorch's caching allocator. */
const VENDORS: readonly Gpu["vendor"][] = ["nvidia", "amd"];

/** Of what a step allocates on one device, the least it allocates on any other. */
const LEAST_SHARE = 0.8;

/**
 * Per device the largest size along an axis that fits: exact for devices that are named, by lines between planned steps
 * for the table of all. `JSON.stringify` prints the contract's JSON.
 */
export function fit(model: ImportedModel, options: FitOptions = {}): FitReport {
  const question = checkFitOptions(options);
  const axis = AXES[question.axis];
  checkAxis(model, question, axis);
  const devices = new Devices(model, question, axis);
  const perGpu =
    question.gpus.length > 0 ? question.gpus.map((name) => devices.exact(name)) : devices.table();
  const [only] = question.gpus.length === 1 ? perGpu : [];
  const asked = devices.resolve(question.gpus[0]);
  return {
    schema: "plimsoll/fit@1",
    model: { name: model.name, source: model.source },
    setup: asked.report,
    for: question.axis,
    stride: axis.stride,
    margin: question.margin?.text ?? null,
    confidence: question.confidence,
    largestBatch: question.axis === "batch" ? (only?.largest ?? null) : null,
    largest: only?.largest ?? null,
    limit: only?.limit ?? null,
    perGpu,
    smallestGpu: devices.smallest(),
    nearestMiss: perGpu.some(({ largest }) => largest > 0) ? null : nearestMiss(perGpu, axis),
  };
}

/** Complains where the model cannot change along the axis, before any search takes that for a full device. */
function checkAxis(model: ImportedModel, { options, axis: name }: FitQuestion, axis: Axis): void {
  if (name === "batch") return;
  const resolved = resolveSetup(
    name === "sequence" ? { ...options, sequence: axis.smallest } : options,
    model,
  );
  if (name === "image") {
    const inputs = model.bind(resolved.bindings).graph.values.filter(({ role }) => role === "input");
    if (!inputs.some(({ spec }) => spec.shape.length === 4))
      throw noImageInput(inputs.map((input) => input.name));
  }
  const steps = stepsOf(model, resolved, { axis, margin: null, confidence: null });
  const start = Math.max(axis.stride, Math.round(axis.asked(resolved) / axis.stride) * axis.stride);
  const others = [start + axis.stride, start - axis.stride].filter((size) => size > 0);
  if (!others.some((size) => steps.planAt(size) !== null))
    throw smallestRefused(name, axis.smallest, model.source);
}

/** The devices of one question, with the steps they share. */
class Devices {
  private readonly kin = new Map<string, Kin>();
  private readonly model: ImportedModel;
  private readonly question: FitQuestion;
  private readonly axis: Axis;

  constructor(model: ImportedModel, question: FitQuestion, axis: Axis) {
    this.model = model;
    this.question = question;
    this.axis = axis;
  }

  resolve(gpu: string | undefined): ResolvedSetup {
    const { options } = this.question;
    const resolved = resolveSetup(gpu === undefined ? options : { ...options, gpu }, this.model);
    return worstRank(this.model, resolved).resolved;
  }

  exact(gpu: string): FitOnGpu {
    const resolved = this.resolve(gpu);
    const { steps } = this.kinOf(resolved, `${kinKey(resolved)} ${resolved.machine.gpu}`);
    const { size, limit, exact, holes } = largestSize(this.model, steps);
    return { ...this.onGpu(resolved, size, steps), limit, exact, holes };
  }

  /** Every device, the smallest first: its neighbour's answer, in proportion, is where each search begins. */
  table(): FitOnGpu[] {
    const answers = new Map<string, number>();
    let before: { readonly size: number; readonly usable: number } | null = null;
    return knownDevices().map(({ id, usable }): FitOnGpu => {
      const resolved = this.resolve(id);
      const kin = this.kinOf(resolved);
      const key = `${kinKey(resolved)} ${resolved.machine.capacity}`;
      const start = before ? (before.size * usable) / before.usable : this.axis.asked(resolved);
      const size = answers.get(key) ?? largestInTable(kin, resolved, start);
      answers.set(key, size);
      before = { size: Math.max(this.axis.smallest, size), usable };
      const limit = size >= this.axis.most ? "search" : "memory";
      return { ...this.onGpu(resolved, size, kin.steps, kin), limit, exact: false, holes: [] };
    });
  }

  /** The one with the least memory on which the asked setup fits as it is. */
  smallest(): SmallestGpu | null {
    for (const { id, usable } of knownDevices()) {
      const [stand] = this.kin.values();
      // other kernels need other scratch, but hardly other tensors: most devices are out of the question at once
      if (
        stand &&
        LEAST_SHARE * (stand.freeAt(this.axis.asked(stand.steps.resolved))?.allocated ?? 0) > usable
      )
        continue;
      const resolved = this.resolve(id);
      const size = this.axis.asked(resolved);
      const kin = this.kinOf(resolved);
      if (!fitsKin(kin, resolved, size)) continue;
      const { gpu, title, capacityBytes, deviceTotalBytes } = this.onGpu(resolved, size, kin.steps, kin);
      return { gpu, title, capacityBytes, deviceTotalBytes };
    }
    return null;
  }

  private kinOf(resolved: ResolvedSetup, key = kinKey(resolved)): Kin {
    const known = this.kin.get(key);
    if (known) return known;
    const made = kinOf(stepsOf(this.model, resolved, { ...this.question, axis: this.axis }));
    this.kin.set(key, made);
    return made;
  }

  private onGpu(resolved: ResolvedSetup, size: number, steps: Steps, kin?: Kin) {
    const { machine, setup } = resolved;
    const shown = Math.max(size, this.axis.smallest);
    const { bytes: kept, held } = steps.keptAt(shown, machine);
    const step = kin ? kin.stepAt(shown) : steps.planAt(shown)?.step;
    const usable = Math.max(0, (machine.capacity ?? 0) - (held ? 0 : kept));
    const capacity = size > 0 ? usable : null;
    const reserved = step
      ? simulateMemory(step, { ...machine, capacity: capacity as typeof machine.capacity }, setup).reserved // as: bytes less bytes
      : 0;
    const id = machine.gpu ?? "";
    return {
      gpu: id,
      title: (GPUS as Readonly<Record<string, Gpu>>)[id.replace(/:.*$/, "")]?.title ?? id,
      capacityBytes: machine.capacity ?? 0,
      keptFreeBytes: kept,
      largest: size,
      deviceTotalBytes: reserved + machine.context,
    };
  }
}

function kinKey({ machine }: ResolvedSetup): string {
  return `${machine.computeCapability.join(".")} ${machine.blasWorkspace}`;
}

/** Ascending by the memory a process can use. */
function knownDevices(): { id: GpuId; usable: number }[] {
  return (Object.entries(GPUS) as [GpuId, Gpu][]) // keys of a literal
    .filter(([, { vendor }]) => VENDORS.includes(vendor))
    .map(([id, gpu]) => ({ id, usable: usableMemory(gpu).bytes }))
    .sort((a, b) => a.usable - b.usable);
}

function nearestMiss(perGpu: readonly FitOnGpu[], { smallest }: Axis): NearestMiss | null {
  const misses = perGpu.map(({ gpu, capacityBytes, keptFreeBytes, deviceTotalBytes }) => ({
    gpu,
    at: smallest,
    missingBytes: Math.max(1, deviceTotalBytes + keptFreeBytes - capacityBytes),
  }));
  return misses.sort((a, b) => a.missingBytes - b.missingBytes)[0] ?? null;
}
