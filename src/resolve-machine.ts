/** `--gpu` → Machine: which device, how much of it a process can use, and what is assumed about it. */
import { GiB, bytes } from "./base/units.js";
import { unknownGpu } from "./complaints.js";
import { type ContextMemory, contextMemory } from "./hardware/contexts.js";
import { cublasWorkspaceBytes } from "./hardware/cublas.js";
import { findGpu, type Gpu } from "./hardware/gpus.js";
import { derivedUsableBytes, usableMemory } from "./hardware/usable-memory.js";
import type { Machine } from "./ir/setup.js";
import { measuredContext } from "./machine-profile.js";
import type { MachineProfile } from "./report/compare.js";
import type { Assumption } from "./report/report.js";

/** What kernels are chosen for when the user names no device, and for devices whose figures no source states. */
const STAND_IN = { name: "A100", computeCapability: "8.0", multiprocessors: 108 };

export interface ResolvedMachine {
  readonly machine: Machine;
  readonly context: ContextMemory;
  readonly assumptions: readonly Assumption[];
}

/** `profile` must have gone through `checkOptions`. */
export function resolveMachine(name: string | undefined, profile?: MachineProfile | string): ResolvedMachine {
  const resolved = resolveDevice(name);
  return typeof profile === "object" ? applyProfile(resolved, profile) : resolved;
}

function resolveDevice(name: string | undefined): ResolvedMachine {
  if (name === undefined) return machineOf(null, null, [noGpu()]);
  const { id, gpu, usable, assumptions } = findDevice(name);
  return machineOf(id, { gpu, usable }, assumptions);
}

/** What was measured in the place of what is assumed; a profile of another device is left out. */
function applyProfile(resolved: ResolvedMachine, profile: MachineProfile): ResolvedMachine {
  const { machine, context, assumptions } = resolved;
  const { gpu, contextBytes, workspaceBytes, measuredWith } = profile;
  const note = (value: string, because: string): Assumption => ({ setting: "profile", value, because });
  if (gpu !== null && machine.gpu !== null && gpu !== machine.gpu) {
    const because = `the profile was measured on ${gpu}: nothing of it is used for ${machine.gpu}`;
    return { ...resolved, assumptions: [...assumptions, note("not used", because)] };
  }
  const where = `measured with ${measuredWith} on ${gpu ?? "a device that was not named"}`;
  const calibrated = contextBytes === null ? context : measuredContext(context, contextBytes);
  return {
    machine: {
      ...machine,
      ...(contextBytes !== null && { context: bytes(contextBytes) }),
      ...(workspaceBytes !== null && { blasWorkspace: bytes(workspaceBytes) }),
    },
    context: calibrated,
    assumptions: [
      ...assumptions.filter(({ setting }) => setting !== "context" || contextBytes === null),
      ...(contextBytes === null ? [] : [note(`context ${contextBytes} B`, where)]),
      ...(workspaceBytes === null ? [] : [note(`scratch of a cuBLAS handle ${workspaceBytes} B`, where)]),
    ],
  };
}

interface Device {
  readonly gpu: Gpu;
  readonly usable: number;
}

function machineOf(id: string | null, device: Device | null, found: readonly Assumption[]): ResolvedMachine {
  const assumptions = [...found];
  const capability = device?.gpu.computeCapability ?? STAND_IN.computeCapability;
  const multiprocessors = device?.gpu.multiprocessors ?? STAND_IN.multiprocessors;
  if (device && !device.gpu.computeCapability) assumptions.push(otherVendor(device.gpu));
  else if (device && !device.gpu.multiprocessors) assumptions.push(unknownSize(device.gpu));
  const context = contextMemory(capability);
  assumptions.push({ setting: "context", value: `${context.bytes} B`, because: context.because });
  const [major = 8, minor = 0] = capability.split(".").map(Number);
  return {
    machine: {
      gpu: id,
      capacity: device && bytes(device.usable),
      computeCapability: [major, minor],
      multiprocessors,
      blasWorkspace: bytes(cublasWorkspaceBytes(capability)),
      context: bytes(context.bytes),
    },
    context,
    assumptions,
  };
}

/** A known device, or a known one with another memory size (`a100:60`). */
function findDevice(name: string): Device & { id: string; assumptions: Assumption[] } {
  const found = findGpu(name);
  if ("id" in found) {
    const { bytes: usable, basis, because } = usableMemory(found.gpu);
    const assumptions = basis === "assumed" ? [{ setting: "capacity", value: `${usable} B`, because }] : [];
    return { id: found.id, gpu: found.gpu, usable, assumptions };
  }
  const [, base, size] = /^(.+):(\d+(?:\.\d+)?)(?:gi?b?)?$/i.exec(name) ?? [];
  const known = base === undefined ? undefined : findGpu(base);
  if (!known || !("id" in known) || Number(size) <= 0) throw unknownGpu(name, found.suggestions);
  const memoryBytes = Math.floor(Number(size) * GiB);
  const usable = Math.max(0, derivedUsableBytes({ ...known.gpu, memoryBytes }));
  const because = `${size} GiB as asked, less what the driver keeps`;
  return {
    id: `${known.id}:${size}`,
    gpu: known.gpu,
    usable,
    assumptions: [{ setting: "capacity", value: `${usable} B`, because }],
  };
}

function noGpu(): Assumption {
  return {
    setting: "gpu",
    value: STAND_IN.name,
    because: "no --gpu: kernels and workspaces are those of an A100 that never fills",
  };
}

function otherVendor(gpu: Gpu): Assumption {
  return {
    setting: "kernels",
    value: STAND_IN.name,
    because: `the step is computed with CUDA's kernels; those of ${gpu.title} may take other scratch memory`,
  };
}

function unknownSize(gpu: Gpu): Assumption {
  return {
    setting: "multiprocessors",
    value: String(STAND_IN.multiprocessors),
    because: `no source states them for ${gpu.title}; they decide the scratch of a few reductions`,
  };
}
