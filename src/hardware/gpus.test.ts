import { describe, expect, test } from "vitest";
import { GiB, MiB } from "../base/units.js";
import { findGpu, type Gpu, GPUS, type GpuId } from "./gpus.js";

const rows = Object.entries(GPUS as Record<string, Gpu>);

/** Totals in MiB as the presets compute them: the printed GiB times 1,024, cut to a whole number. */
const PRESETS: Readonly<Record<string, number>> = {
  "H100-80GB": 80998,
  "H200-141GB": 143155,
  "B200-180GB": 182630,
  "A100-80GB": 81049,
  "A100-40GB": 40335,
  "A10G-24GB": 22589,
  "L4-24GB": 22558,
  "L40S-48GB": 45455,
  "RTX-3060-12GB": 12042,
  "RTX-3080-10GB": 10004,
  "RTX-3090-24GB": 24258,
  "RTX-4090-24GB": 24217,
  "RTX-5090-32GB": 32112,
  "RTX-2080TI-11GB": 11008,
  "T4-16GB": 15104,
  "V100-16GB": 16158,
  "V100-32GB": 32512,
};

describe("GPU table", () => {
  test("has at least 60 rows", () => expect(rows.length).toBeGreaterThanOrEqual(60));

  test.for(rows)("%s is whole", ([id, gpu]) => {
    expect(id).toMatch(new RegExp(`-${gpu.memoryBytes / GiB}GB$`));
    expect(gpu.source).toMatch(/^https:\/\//);
    expect(gpu.usableSource !== undefined).toBe(gpu.usableBytes !== undefined);
    if (gpu.usableBytes !== undefined) {
      expect(gpu.usableBytes).toBeLessThan(gpu.memoryBytes);
      expect(gpu.usableBytes).toBeGreaterThan(0.9 * gpu.memoryBytes);
    }
    if (gpu.computeCapability !== undefined) expect(gpu.computeCapability).toMatch(/^\d{1,2}\.\d$/);
    expect(gpu.computeCapability !== undefined).toBe(gpu.vendor === "nvidia");
    if (gpu.bandwidth !== undefined) expect(gpu.bandwidth).toBeGreaterThan(90e9);
  });

  test.for(Object.entries(PRESETS))("%s has the total of the recorder's preset", ([id, mib]) => {
    expect((GPUS as Record<string, Gpu>)[id]?.usableBytes).toBe(mib * MiB);
  });
});

describe("findGpu", () => {
  test.for(rows)("finds %s by key and by title", ([id, gpu]) => {
    expect(findGpu(id)).toMatchObject({ id });
    expect(findGpu(`${gpu.title}:${gpu.memoryBytes / GiB}`)).toMatchObject({ gpu: { title: gpu.title } });
  });

  const meant: readonly (readonly [string, GpuId])[] = [
    ["a100", "A100-80GB"],
    ["A100-80GB", "A100-80GB"],
    ["a100:40", "A100-40GB"],
    ["A100 40 GB", "A100-40GB"],
    ["NVIDIA A100-SXM4-40GB", "A100-40GB"],
    ["NVIDIA A100 80GB PCIe", "A100-PCIe-80GB"],
    ["NVIDIA H100 80GB HBM3", "H100-80GB"],
    ["h100 pcie", "H100-PCIe-80GB"],
    ["h100 nvl", "H100-NVL-94GB"],
    ["RTX 4090", "RTX-4090-24GB"],
    ["rtx4090", "RTX-4090-24GB"],
    ["4090", "RTX-4090-24GB"],
    ["NVIDIA GeForce RTX 3060", "RTX-3060-12GB"],
    ["NVIDIA GeForce RTX 3060 Laptop GPU", "RTX-3060-Laptop-6GB"],
    ["3060 mobile", "RTX-3060-Laptop-6GB"],
    ["3080:12", "RTX-3080-12GB"],
    ["2080 ti", "RTX-2080TI-11GB"],
    ["Tesla V100-SXM2-32GB", "V100-32GB"],
    ["a6000", "RTX-A6000-48GB"],
    ["rtx 6000 ada", "RTX-6000-Ada-48GB"],
    ["Quadro RTX 6000", "Quadro-RTX-6000-24GB"],
    ["RTX PRO 6000", "RTX-PRO-6000-96GB"],
    ["mi300x", "MI300X-192GB"],
    ["7900 xtx", "RX-7900-XTX-24GB"],
    ["tpu v5e", "TPU-v5e-16GB"],
  ];
  test.for(meant)("%s means %s", ([name, id]) => expect(findGpu(name)).toEqual({ id, gpu: GPUS[id] }));

  test("a known name with a memory it does not have suggests the sizes there are", () => {
    expect(findGpu("a100:64")).toEqual({ suggestions: ["A100-80GB", "A100-40GB"] });
  });
  test("a near miss is suggested", () => {
    expect(findGpu("rtx 409")).toMatchObject({ suggestions: expect.arrayContaining(["RTX-4090-24GB"]) });
  });
  test.for(["", "???", "hovercraft"])("%j suggests nothing", (name) => {
    expect(findGpu(name)).toEqual({ suggestions: [] });
  });
});
