/**
 * What is known about GPUs and other accelerators: one row per device as a framework sees it.
 *
 * Sources  `source` is the vendor's page for memory, multiprocessors and bandwidth; compute capabilities are
 *          those of developer.nvidia.com/cuda-gpus. Rows that the SKU list of @huggingface/tasks holds too agree
 *          with it, but for B200 (192 GB there; a DGX B200 has 1,440 GB in eight) and B300 (10.0 there).
 *          `usableSource` is a run of a real process (mostly the total that PyTorch's out-of-memory message
 *          prints), or PRESET.
 * Untrue   Memory is written as vendors say it; "80 GB" is taken as GiB although HBM parts are often a
 *          little smaller. Under Windows (WDDM) a process sees nearly all of it: rows describe Linux.
 *
 * A new GPU is one line here, with its sources.
 */
import { nearest } from "../base/did-you-mean.js";
import { GiB, MiB } from "../base/units.js";

export interface Gpu {
  /** The name a driver or vendor prints. */
  readonly title: string;
  /** Other names people use; the key, the title and both without `RTX`, `GeForce` … match already. */
  readonly aliases?: readonly string[];
  readonly vendor: "nvidia" | "amd" | "intel" | "google" | "aws";
  /** Capacity as it is sold. */
  readonly memoryBytes: number;
  /** Total that a process is told under Linux (`cudaMemGetInfo`), when someone recorded it. */
  readonly usableBytes?: number;
  /** The run that recorded `usableBytes`. */
  readonly usableSource?: string;
  /** ECC bits live in the device memory itself (GDDR, on by default): one sixteenth is never visible. */
  readonly inBandEcc?: boolean;
  /** NVIDIA only, as "8.6". */
  readonly computeCapability?: string;
  /** Streaming multiprocessors (NVIDIA) or compute units (AMD); left out where no source agrees. */
  readonly multiprocessors?: number;
  /** Memory bandwidth, bytes per second. */
  readonly bandwidth?: number;
  readonly source: string;
}

/** Vendors count bandwidth in decimal gigabytes per second. */
const GB = 1e9;

/** The figure an error message prints, "23.69 GiB", as whole MiB: the rounding loses less than the print did. */
const reported = (gib: number): number => Math.floor(gib * 1024) * MiB;

const github = (path: string): string => `https://github.com/${path}`;
const dataCentre = (path: string): string => `https://www.nvidia.com/en-us/data-center/${path}/`;
const workstation = (path: string): string => `https://www.nvidia.com/en-us/products/workstations/${path}/`;
const instinct = (path: string): string =>
  `https://www.amd.com/en/products/accelerators/instinct/${path}.html`;

/** Totals of the recorder's device presets, as frameworks print them for these devices. */
const PRESET = "oracle/recorder/fakecuda/cudart.c";
const GEFORCE = "https://www.nvidia.com/en-us/geforce/graphics-cards/compare/";
const CUDA_GPUS = "https://developer.nvidia.com/cuda-gpus";
const PASCAL_PAPER =
  "https://images.nvidia.com/content/pdf/tesla/whitepaper/pascal-architecture-whitepaper.pdf";
const TURING_PAPER =
  "https://images.nvidia.com/aem-dam/en-zz/Solutions/design-visualization/technologies/turing-architecture/NVIDIA-Turing-Architecture-Whitepaper.pdf";
const ROCM_GPUS = "https://rocm.docs.amd.com/en/latest/reference/gpu-arch-specs.html";
const INTEL_GPUS = "https://www.intel.com/content/www/us/en/products/details/discrete-gpus.html";
const GAUDI_DOCS = "https://docs.habana.ai/en/latest/Gaudi_Overview/Gaudi_Architecture.html";
const TPU_DOCS = "https://cloud.google.com/tpu/docs/system-architecture-tpu-vm";
const TRAINIUM = "https://aws.amazon.com/ai/machine-learning/trainium/";

// biome-ignore format: aligned by hand, one line per row
export const GPUS = {
  // NVIDIA data centre, Blackwell to Kepler. SXM before PCIe: a bare name such as `a100` means the first row that bears it.
  "B300-288GB":      { vendor: "nvidia", memoryBytes: 288 * GiB,                                computeCapability: "10.3",                       bandwidth: 8000 * GB,                  title: "NVIDIA B300", aliases: ["GB300"], source: dataCentre("dgx-b300") },
  "B200-180GB":      { vendor: "nvidia", memoryBytes: 180 * GiB, usableBytes: reported(178.35), computeCapability: "10.0", multiprocessors: 148, bandwidth: 8000 * GB,                  title: "NVIDIA B200", source: dataCentre("dgx-b200"), usableSource: PRESET },
  "GB200-186GB":     { vendor: "nvidia", memoryBytes: 186 * GiB,                                computeCapability: "10.0", multiprocessors: 152, bandwidth: 8000 * GB,                  title: "NVIDIA GB200", source: dataCentre("gb200-nvl72") },
  "B100-192GB":      { vendor: "nvidia", memoryBytes: 192 * GiB,                                computeCapability: "10.0",                       bandwidth: 8000 * GB,                  title: "NVIDIA B100", source: dataCentre("hgx") },
  "H200-141GB":      { vendor: "nvidia", memoryBytes: 141 * GiB, usableBytes: reported(139.80), computeCapability: "9.0",  multiprocessors: 132, bandwidth: 4800 * GB,                  title: "NVIDIA H200", aliases: ["H200 NVL"], source: dataCentre("h200"), usableSource: PRESET },
  "GH200-96GB":      { vendor: "nvidia", memoryBytes: 96 * GiB,                                 computeCapability: "9.0",  multiprocessors: 132, bandwidth: 4000 * GB,                  title: "NVIDIA GH200 96GB HBM3", aliases: ["GH200 480GB"], source: dataCentre("grace-hopper-superchip") },
  "GH200-144GB":     { vendor: "nvidia", memoryBytes: 144 * GiB,                                computeCapability: "9.0",  multiprocessors: 132, bandwidth: 4900 * GB,                  title: "NVIDIA GH200 144GB HBM3e", source: dataCentre("grace-hopper-superchip") },
  "H100-80GB":       { vendor: "nvidia", memoryBytes: 80 * GiB,  usableBytes: reported(79.10),  computeCapability: "9.0",  multiprocessors: 132, bandwidth: 3350 * GB,                  title: "NVIDIA H100 80GB HBM3", aliases: ["H100 SXM5"], source: dataCentre("h100"), usableSource: PRESET },
  "H100-96GB":       { vendor: "nvidia", memoryBytes: 96 * GiB,  usableBytes: reported(95.04),  computeCapability: "9.0",                                                               title: "NVIDIA H100 96GB HBM2e", source: github("pytorch/torchtitan/blob/main/benchmarks/llama3_h100_202412_torchtitan.md"), usableSource: github("pytorch/torchtitan/commit/2b017fdd6") },
  "H100-PCIe-80GB":  { vendor: "nvidia", memoryBytes: 80 * GiB,                                 computeCapability: "9.0",  multiprocessors: 114, bandwidth: 2000 * GB,                  title: "NVIDIA H100 PCIe", source: dataCentre("h100") },
  "H100-NVL-94GB":   { vendor: "nvidia", memoryBytes: 94 * GiB,  usableBytes: reported(93.00),  computeCapability: "9.0",  multiprocessors: 132, bandwidth: 3938 * GB,                  title: "NVIDIA H100 NVL", source: dataCentre("h100"), usableSource: github("ali-vilab/VACE/issues/56") },
  "H800-80GB":       { vendor: "nvidia", memoryBytes: 80 * GiB,                                 computeCapability: "9.0",  multiprocessors: 132, bandwidth: 3350 * GB,                  title: "NVIDIA H800", source: CUDA_GPUS },
  "H20-96GB":        { vendor: "nvidia", memoryBytes: 96 * GiB,                                 computeCapability: "9.0",  multiprocessors: 78,  bandwidth: 4000 * GB,                  title: "NVIDIA H20", source: CUDA_GPUS },
  "A100-80GB":       { vendor: "nvidia", memoryBytes: 80 * GiB,  usableBytes: reported(79.15),  computeCapability: "8.0",  multiprocessors: 108, bandwidth: 2039 * GB,                  title: "NVIDIA A100-SXM4-80GB", source: dataCentre("a100"), usableSource: PRESET },
  "A100-40GB":       { vendor: "nvidia", memoryBytes: 40 * GiB,  usableBytes: reported(39.39),  computeCapability: "8.0",  multiprocessors: 108, bandwidth: 1555 * GB,                  title: "NVIDIA A100-SXM4-40GB", source: dataCentre("a100"), usableSource: PRESET },
  "A100-PCIe-80GB":  { vendor: "nvidia", memoryBytes: 80 * GiB,                                 computeCapability: "8.0",  multiprocessors: 108, bandwidth: 1935 * GB,                  title: "NVIDIA A100 80GB PCIe", source: dataCentre("a100") },
  "A100-PCIe-40GB":  { vendor: "nvidia", memoryBytes: 40 * GiB,                                 computeCapability: "8.0",  multiprocessors: 108, bandwidth: 1555 * GB,                  title: "NVIDIA A100-PCIE-40GB", source: dataCentre("a100") },
  "A800-80GB":       { vendor: "nvidia", memoryBytes: 80 * GiB,                                 computeCapability: "8.0",  multiprocessors: 108, bandwidth: 2039 * GB,                  title: "NVIDIA A800-SXM4-80GB", source: CUDA_GPUS },
  "A30-24GB":        { vendor: "nvidia", memoryBytes: 24 * GiB,  usableBytes: reported(23.50),  computeCapability: "8.0",  multiprocessors: 56,  bandwidth: 933 * GB,                   title: "NVIDIA A30", source: dataCentre("products/a30-gpu"), usableSource: github("LHRLAB/ChatKBQA/issues/2") },
  "A40-48GB":        { vendor: "nvidia", memoryBytes: 48 * GiB,                                 computeCapability: "8.6",  multiprocessors: 84,  bandwidth: 696 * GB,  inBandEcc: true, title: "NVIDIA A40", source: dataCentre("a40") },
  "A10-24GB":        { vendor: "nvidia", memoryBytes: 24 * GiB,  usableBytes: reported(21.99),  computeCapability: "8.6",  multiprocessors: 72,  bandwidth: 600 * GB,  inBandEcc: true, title: "NVIDIA A10", source: dataCentre("products/a10-gpu"), usableSource: github("zai-org/CogVLM/issues/236") },
  "A10G-24GB":       { vendor: "nvidia", memoryBytes: 24 * GiB,  usableBytes: reported(22.06),  computeCapability: "8.6",  multiprocessors: 80,  bandwidth: 600 * GB,  inBandEcc: true, title: "NVIDIA A10G", source: "https://aws.amazon.com/ec2/instance-types/g5/", usableSource: PRESET },
  "A16-16GB":        { vendor: "nvidia", memoryBytes: 16 * GiB,                                 computeCapability: "8.6",  multiprocessors: 10,  bandwidth: 200 * GB,  inBandEcc: true, title: "NVIDIA A16", source: dataCentre("products/a16-gpu") },
  "A2-16GB":         { vendor: "nvidia", memoryBytes: 16 * GiB,                                 computeCapability: "8.6",  multiprocessors: 10,  bandwidth: 200 * GB,  inBandEcc: true, title: "NVIDIA A2", source: dataCentre("products/a2") },
  "L40S-48GB":       { vendor: "nvidia", memoryBytes: 48 * GiB,  usableBytes: reported(44.39),  computeCapability: "8.9",  multiprocessors: 142, bandwidth: 864 * GB,  inBandEcc: true, title: "NVIDIA L40S", source: dataCentre("l40s"), usableSource: PRESET },
  "L40-48GB":        { vendor: "nvidia", memoryBytes: 48 * GiB,  usableBytes: reported(44.40),  computeCapability: "8.9",  multiprocessors: 142, bandwidth: 864 * GB,  inBandEcc: true, title: "NVIDIA L40", source: dataCentre("l40"), usableSource: github("QwenLM/Qwen3-VL/issues/2097") },
  "L20-48GB":        { vendor: "nvidia", memoryBytes: 48 * GiB,                                 computeCapability: "8.9",  multiprocessors: 92,  bandwidth: 864 * GB,  inBandEcc: true, title: "NVIDIA L20", source: CUDA_GPUS },
  "L4-24GB":         { vendor: "nvidia", memoryBytes: 24 * GiB,  usableBytes: reported(22.03),  computeCapability: "8.9",  multiprocessors: 58,  bandwidth: 300 * GB,  inBandEcc: true, title: "NVIDIA L4", source: dataCentre("l4"), usableSource: PRESET },
  "T4-16GB":         { vendor: "nvidia", memoryBytes: 16 * GiB,  usableBytes: reported(14.75),  computeCapability: "7.5",  multiprocessors: 40,  bandwidth: 320 * GB,  inBandEcc: true, title: "Tesla T4", aliases: ["T4G"], source: dataCentre("tesla-t4"), usableSource: PRESET },
  "V100-16GB":       { vendor: "nvidia", memoryBytes: 16 * GiB,  usableBytes: reported(15.78),  computeCapability: "7.0",  multiprocessors: 80,  bandwidth: 900 * GB,                   title: "Tesla V100-SXM2-16GB", aliases: ["V100 PCIe"], source: dataCentre("v100"), usableSource: PRESET },
  "V100-32GB":       { vendor: "nvidia", memoryBytes: 32 * GiB,  usableBytes: reported(31.75),  computeCapability: "7.0",  multiprocessors: 80,  bandwidth: 900 * GB,                   title: "Tesla V100-SXM2-32GB", aliases: ["V100 PCIe"], source: dataCentre("v100"), usableSource: PRESET },
  "V100S-PCIe-32GB": { vendor: "nvidia", memoryBytes: 32 * GiB,                                 computeCapability: "7.0",  multiprocessors: 80,  bandwidth: 1134 * GB,                  title: "Tesla V100S-PCIE-32GB", aliases: ["V100S"], source: dataCentre("v100") },
  "P100-16GB":       { vendor: "nvidia", memoryBytes: 16 * GiB,  usableBytes: 16_280 * MiB,     computeCapability: "6.0",  multiprocessors: 56,  bandwidth: 732 * GB,                   title: "Tesla P100-PCIE-16GB", aliases: ["P100 PCIe"], source: PASCAL_PAPER, usableSource: github("ultralytics/yolov3/blob/47ac6833/tutorial.ipynb") },
  "P100-12GB":       { vendor: "nvidia", memoryBytes: 12 * GiB,                                 computeCapability: "6.0",  multiprocessors: 56,  bandwidth: 549 * GB,                   title: "Tesla P100-PCIE-12GB", aliases: ["P100 PCIe"], source: PASCAL_PAPER },
  "P40-24GB":        { vendor: "nvidia", memoryBytes: 24 * GiB,                                 computeCapability: "6.1",  multiprocessors: 30,  bandwidth: 346 * GB,  inBandEcc: true, title: "Tesla P40", source: CUDA_GPUS },
  "P4-8GB":          { vendor: "nvidia", memoryBytes: 8 * GiB,                                  computeCapability: "6.1",  multiprocessors: 20,  bandwidth: 192 * GB,  inBandEcc: true, title: "Tesla P4", source: CUDA_GPUS },
  "M40-12GB":        { vendor: "nvidia", memoryBytes: 12 * GiB,                                 computeCapability: "5.2",  multiprocessors: 24,  bandwidth: 288 * GB,  inBandEcc: true, title: "Tesla M40", source: CUDA_GPUS },
  "M60-8GB":         { vendor: "nvidia", memoryBytes: 8 * GiB,                                  computeCapability: "5.2",  multiprocessors: 16,  bandwidth: 160 * GB,  inBandEcc: true, title: "Tesla M60", source: CUDA_GPUS },
  "K80-12GB":        { vendor: "nvidia", memoryBytes: 12 * GiB,  usableBytes: reported(11.17),  computeCapability: "3.7",  multiprocessors: 13,  bandwidth: 240 * GB,  inBandEcc: true, title: "Tesla K80", source: CUDA_GPUS, usableSource: github("lllyasviel/Fooocus/issues/2436") },

  // NVIDIA workstation. ECC of these cards is a user's switch, off unless noted: on, it takes one sixteenth.
  "RTX-PRO-6000-96GB":    { vendor: "nvidia", memoryBytes: 96 * GiB,                               computeCapability: "12.0", multiprocessors: 188, bandwidth: 1792 * GB, title: "NVIDIA RTX PRO 6000 Blackwell Workstation Edition", aliases: ["RTX PRO 6000", "RTX PRO 6000 Blackwell Max-Q"], source: workstation("professional-desktop-gpus/rtx-pro-6000") },
  "RTX-PRO-5000-48GB":    { vendor: "nvidia", memoryBytes: 48 * GiB,                               computeCapability: "12.0", multiprocessors: 110, bandwidth: 1344 * GB, title: "NVIDIA RTX PRO 5000 Blackwell", source: workstation("professional-desktop-gpus/rtx-pro-5000") },
  "RTX-PRO-4500-32GB":    { vendor: "nvidia", memoryBytes: 32 * GiB,                               computeCapability: "12.0", multiprocessors: 82,  bandwidth: 896 * GB,  title: "NVIDIA RTX PRO 4500 Blackwell", source: workstation("professional-desktop-gpus/rtx-pro-4500") },
  "RTX-PRO-4000-24GB":    { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "12.0", multiprocessors: 70,  bandwidth: 672 * GB,  title: "NVIDIA RTX PRO 4000 Blackwell", source: workstation("professional-desktop-gpus/rtx-pro-4000") },
  "RTX-6000-Ada-48GB":    { vendor: "nvidia", memoryBytes: 48 * GiB, usableBytes: 50_865_307_648,  computeCapability: "8.9",  multiprocessors: 142, bandwidth: 960 * GB,  title: "NVIDIA RTX 6000 Ada Generation", aliases: ["6000 Ada"], source: workstation("rtx-6000"), usableSource: github("unslothai/unsloth-zoo/pull/1053") },
  "RTX-5000-Ada-32GB":    { vendor: "nvidia", memoryBytes: 32 * GiB,                               computeCapability: "8.9",  multiprocessors: 100, bandwidth: 576 * GB,  title: "NVIDIA RTX 5000 Ada Generation", aliases: ["5000 Ada"], source: workstation("rtx-5000") },
  "RTX-4500-Ada-24GB":    { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "8.9",  multiprocessors: 60,  bandwidth: 432 * GB,  title: "NVIDIA RTX 4500 Ada Generation", aliases: ["4500 Ada"], source: workstation("rtx-4500") },
  "RTX-4000-Ada-20GB":    { vendor: "nvidia", memoryBytes: 20 * GiB,                               computeCapability: "8.9",  multiprocessors: 48,  bandwidth: 360 * GB,  title: "NVIDIA RTX 4000 Ada Generation", aliases: ["4000 Ada"], source: workstation("rtx-4000") },
  "RTX-A6000-48GB":       { vendor: "nvidia", memoryBytes: 48 * GiB,                               computeCapability: "8.6",  multiprocessors: 84,  bandwidth: 768 * GB,  title: "NVIDIA RTX A6000", source: workstation("rtx-a6000") },
  "RTX-A5500-24GB":       { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "8.6",  multiprocessors: 80,  bandwidth: 768 * GB,  title: "NVIDIA RTX A5500", source: workstation("rtx-a5500") },
  "RTX-A5000-24GB":       { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "8.6",  multiprocessors: 64,  bandwidth: 768 * GB,  title: "NVIDIA RTX A5000", source: workstation("rtx-a5000") },
  "RTX-A4500-20GB":       { vendor: "nvidia", memoryBytes: 20 * GiB,                               computeCapability: "8.6",  multiprocessors: 56,  bandwidth: 640 * GB,  title: "NVIDIA RTX A4500", source: workstation("rtx-a4500") },
  "RTX-A4000-16GB":       { vendor: "nvidia", memoryBytes: 16 * GiB, usableBytes: reported(15.61), computeCapability: "8.6",  multiprocessors: 48,  bandwidth: 448 * GB,  title: "NVIDIA RTX A4000", source: workstation("rtx-a4000"), usableSource: github("DengKaiCQ/VGGT-Long/issues/6") },
  "RTX-A2000-12GB":       { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "8.6",  multiprocessors: 26,  bandwidth: 288 * GB,  title: "NVIDIA RTX A2000 12GB", source: workstation("rtx-a2000") },
  "Quadro-RTX-8000-48GB": { vendor: "nvidia", memoryBytes: 48 * GiB, usableBytes: reported(47.46), computeCapability: "7.5",  multiprocessors: 72,  bandwidth: 672 * GB,  title: "Quadro RTX 8000", aliases: ["RTX 8000"], source: TURING_PAPER, usableSource: github("Victarry/stable-dreambooth/issues/8") },
  "Quadro-RTX-6000-24GB": { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "7.5",  multiprocessors: 72,  bandwidth: 672 * GB,  title: "Quadro RTX 6000", source: TURING_PAPER },
  "Quadro-RTX-5000-16GB": { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "7.5",  multiprocessors: 48,  bandwidth: 448 * GB,  title: "Quadro RTX 5000", source: TURING_PAPER },
  "Quadro-RTX-4000-8GB":  { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "7.5",  multiprocessors: 36,  bandwidth: 416 * GB,  title: "Quadro RTX 4000", source: TURING_PAPER },

  // GeForce RTX 50. Laptop chips are own rows: other multiprocessors, often other memory.
  "RTX-5090-32GB":           { vendor: "nvidia", memoryBytes: 32 * GiB, usableBytes: reported(31.36), computeCapability: "12.0", multiprocessors: 170, bandwidth: 1792 * GB, title: "NVIDIA GeForce RTX 5090", source: GEFORCE, usableSource: PRESET },
  "RTX-5090-Laptop-24GB":    { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "12.0", multiprocessors: 82,  bandwidth: 896 * GB,  title: "NVIDIA GeForce RTX 5090 Laptop GPU", source: GEFORCE },
  "RTX-5080-16GB":           { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "12.0", multiprocessors: 84,  bandwidth: 960 * GB,  title: "NVIDIA GeForce RTX 5080", source: GEFORCE },
  "RTX-5080-Laptop-16GB":    { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "12.0", multiprocessors: 60,  bandwidth: 896 * GB,  title: "NVIDIA GeForce RTX 5080 Laptop GPU", source: GEFORCE },
  "RTX-5070-Ti-16GB":        { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "12.0", multiprocessors: 70,  bandwidth: 896 * GB,  title: "NVIDIA GeForce RTX 5070 Ti", source: GEFORCE },
  "RTX-5070-Ti-Laptop-12GB": { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "12.0", multiprocessors: 46,  bandwidth: 672 * GB,  title: "NVIDIA GeForce RTX 5070 Ti Laptop GPU", source: GEFORCE },
  "RTX-5070-12GB":           { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "12.0", multiprocessors: 48,  bandwidth: 672 * GB,  title: "NVIDIA GeForce RTX 5070", source: GEFORCE },
  "RTX-5070-Laptop-8GB":     { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "12.0", multiprocessors: 36,  bandwidth: 384 * GB,  title: "NVIDIA GeForce RTX 5070 Laptop GPU", source: GEFORCE },
  "RTX-5060-Ti-16GB":        { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "12.0", multiprocessors: 36,  bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 5060 Ti", source: GEFORCE },
  "RTX-5060-Ti-8GB":         { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "12.0", multiprocessors: 36,  bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 5060 Ti", source: GEFORCE },
  "RTX-5060-8GB":            { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "12.0", multiprocessors: 30,  bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 5060", source: GEFORCE },
  "RTX-5050-8GB":            { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "12.0", multiprocessors: 20,  bandwidth: 320 * GB,  title: "NVIDIA GeForce RTX 5050", source: GEFORCE },

  // GeForce RTX 40.
  "RTX-4090-24GB":          { vendor: "nvidia", memoryBytes: 24 * GiB, usableBytes: reported(23.65), computeCapability: "8.9", multiprocessors: 128, bandwidth: 1008 * GB, title: "NVIDIA GeForce RTX 4090", source: GEFORCE, usableSource: PRESET },
  "RTX-4090-D-24GB":        { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "8.9", multiprocessors: 114, bandwidth: 1008 * GB, title: "NVIDIA GeForce RTX 4090 D", source: GEFORCE },
  "RTX-4090-Laptop-16GB":   { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "8.9", multiprocessors: 76,  bandwidth: 576 * GB,  title: "NVIDIA GeForce RTX 4090 Laptop GPU", source: GEFORCE },
  "RTX-4080-SUPER-16GB":    { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "8.9", multiprocessors: 80,  bandwidth: 736 * GB,  title: "NVIDIA GeForce RTX 4080 SUPER", source: GEFORCE },
  "RTX-4080-16GB":          { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "8.9", multiprocessors: 76,  bandwidth: 717 * GB,  title: "NVIDIA GeForce RTX 4080", source: GEFORCE },
  "RTX-4080-Laptop-12GB":   { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "8.9", multiprocessors: 58,  bandwidth: 432 * GB,  title: "NVIDIA GeForce RTX 4080 Laptop GPU", source: GEFORCE },
  "RTX-4070-Ti-SUPER-16GB": { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "8.9", multiprocessors: 66,  bandwidth: 672 * GB,  title: "NVIDIA GeForce RTX 4070 Ti SUPER", source: GEFORCE },
  "RTX-4070-Ti-12GB":       { vendor: "nvidia", memoryBytes: 12 * GiB, usableBytes: reported(11.73), computeCapability: "8.9", multiprocessors: 60,  bandwidth: 504 * GB,  title: "NVIDIA GeForce RTX 4070 Ti", source: GEFORCE, usableSource: github("OpenLMLab/LOMO/issues/17") },
  "RTX-4070-SUPER-12GB":    { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "8.9", multiprocessors: 56,  bandwidth: 504 * GB,  title: "NVIDIA GeForce RTX 4070 SUPER", source: GEFORCE },
  "RTX-4070-12GB":          { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "8.9", multiprocessors: 46,  bandwidth: 504 * GB,  title: "NVIDIA GeForce RTX 4070", source: GEFORCE },
  "RTX-4070-Laptop-8GB":    { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.9", multiprocessors: 36,  bandwidth: 256 * GB,  title: "NVIDIA GeForce RTX 4070 Laptop GPU", source: GEFORCE },
  "RTX-4060-Ti-16GB":       { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "8.9", multiprocessors: 34,  bandwidth: 288 * GB,  title: "NVIDIA GeForce RTX 4060 Ti", source: GEFORCE },
  "RTX-4060-Ti-8GB":        { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.9", multiprocessors: 34,  bandwidth: 288 * GB,  title: "NVIDIA GeForce RTX 4060 Ti", source: GEFORCE },
  "RTX-4060-8GB":           { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.9", multiprocessors: 24,  bandwidth: 272 * GB,  title: "NVIDIA GeForce RTX 4060", source: GEFORCE },
  "RTX-4060-Laptop-8GB":    { vendor: "nvidia", memoryBytes: 8 * GiB,  usableBytes: reported(7.75),  computeCapability: "8.9", multiprocessors: 24,  bandwidth: 256 * GB,  title: "NVIDIA GeForce RTX 4060 Laptop GPU", source: GEFORCE, usableSource: github("ESRSchao/EdgeRegNet/issues/2") },
  "RTX-4050-Laptop-6GB":    { vendor: "nvidia", memoryBytes: 6 * GiB,                                computeCapability: "8.9", multiprocessors: 20,  bandwidth: 192 * GB,  title: "NVIDIA GeForce RTX 4050 Laptop GPU", source: GEFORCE },

  // GeForce RTX 30.
  "RTX-3090-Ti-24GB":        { vendor: "nvidia", memoryBytes: 24 * GiB,                               computeCapability: "8.6", multiprocessors: 84, bandwidth: 1008 * GB, title: "NVIDIA GeForce RTX 3090 Ti", source: GEFORCE },
  "RTX-3090-24GB":           { vendor: "nvidia", memoryBytes: 24 * GiB, usableBytes: reported(23.69), computeCapability: "8.6", multiprocessors: 82, bandwidth: 936 * GB,  title: "NVIDIA GeForce RTX 3090", source: GEFORCE, usableSource: PRESET },
  "RTX-3080-Ti-12GB":        { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "8.6", multiprocessors: 80, bandwidth: 912 * GB,  title: "NVIDIA GeForce RTX 3080 Ti", source: GEFORCE },
  "RTX-3080-Ti-Laptop-16GB": { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "8.6", multiprocessors: 58, bandwidth: 512 * GB,  title: "NVIDIA GeForce RTX 3080 Ti Laptop GPU", source: GEFORCE },
  "RTX-3080-10GB":           { vendor: "nvidia", memoryBytes: 10 * GiB, usableBytes: reported(9.77),  computeCapability: "8.6", multiprocessors: 68, bandwidth: 760 * GB,  title: "NVIDIA GeForce RTX 3080", source: GEFORCE, usableSource: PRESET },
  "RTX-3080-12GB":           { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "8.6", multiprocessors: 70, bandwidth: 912 * GB,  title: "NVIDIA GeForce RTX 3080", source: GEFORCE },
  "RTX-3080-Laptop-16GB":    { vendor: "nvidia", memoryBytes: 16 * GiB,                               computeCapability: "8.6", multiprocessors: 48, bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 3080 Laptop GPU", source: GEFORCE },
  "RTX-3080-Laptop-8GB":     { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.6", multiprocessors: 48, bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 3080 Laptop GPU", source: GEFORCE },
  "RTX-3070-Ti-8GB":         { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.6", multiprocessors: 48, bandwidth: 608 * GB,  title: "NVIDIA GeForce RTX 3070 Ti", source: GEFORCE },
  "RTX-3070-8GB":            { vendor: "nvidia", memoryBytes: 8 * GiB,  usableBytes: reported(7.78),  computeCapability: "8.6", multiprocessors: 46, bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 3070", source: GEFORCE, usableSource: github("akshitac8/OW-DETR/issues/46") },
  "RTX-3070-Laptop-8GB":     { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.6", multiprocessors: 40, bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 3070 Laptop GPU", source: GEFORCE },
  "RTX-3060-Ti-8GB":         { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.6", multiprocessors: 38, bandwidth: 448 * GB,  title: "NVIDIA GeForce RTX 3060 Ti", source: GEFORCE },
  "RTX-3060-12GB":           { vendor: "nvidia", memoryBytes: 12 * GiB, usableBytes: reported(11.76), computeCapability: "8.6", multiprocessors: 28, bandwidth: 360 * GB,  title: "NVIDIA GeForce RTX 3060", source: GEFORCE, usableSource: PRESET },
  "RTX-3060-8GB":            { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.6", multiprocessors: 28, bandwidth: 240 * GB,  title: "NVIDIA GeForce RTX 3060", source: GEFORCE },
  "RTX-3060-Laptop-6GB":     { vendor: "nvidia", memoryBytes: 6 * GiB,  usableBytes: reported(5.80),  computeCapability: "8.6", multiprocessors: 30, bandwidth: 336 * GB,  title: "NVIDIA GeForce RTX 3060 Laptop GPU", source: GEFORCE, usableSource: github("JiehongLin/SAM-6D/issues/13") },
  "RTX-3050-8GB":            { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "8.6", multiprocessors: 20, bandwidth: 224 * GB,  title: "NVIDIA GeForce RTX 3050", source: GEFORCE },
  "RTX-3050-6GB":            { vendor: "nvidia", memoryBytes: 6 * GiB,                                computeCapability: "8.6", multiprocessors: 18, bandwidth: 168 * GB,  title: "NVIDIA GeForce RTX 3050", source: GEFORCE },
  "RTX-3050-Laptop-4GB":     { vendor: "nvidia", memoryBytes: 4 * GiB,  usableBytes: reported(3.81),  computeCapability: "8.6", multiprocessors: 16, bandwidth: 192 * GB,  title: "NVIDIA GeForce RTX 3050 Laptop GPU", source: GEFORCE, usableSource: github("NVlabs/RVT/issues/7") },

  // GeForce RTX 20, GTX 16.
  "RTX-2080TI-11GB":    { vendor: "nvidia", memoryBytes: 11 * GiB, usableBytes: reported(10.75), computeCapability: "7.5", multiprocessors: 68, bandwidth: 616 * GB, title: "NVIDIA GeForce RTX 2080 Ti", source: GEFORCE, usableSource: PRESET },
  "RTX-2080-SUPER-8GB": { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "7.5", multiprocessors: 48, bandwidth: 496 * GB, title: "NVIDIA GeForce RTX 2080 SUPER", source: GEFORCE },
  "RTX-2080-8GB":       { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "7.5", multiprocessors: 46, bandwidth: 448 * GB, title: "NVIDIA GeForce RTX 2080", source: GEFORCE },
  "RTX-2070-SUPER-8GB": { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "7.5", multiprocessors: 40, bandwidth: 448 * GB, title: "NVIDIA GeForce RTX 2070 SUPER", source: GEFORCE },
  "RTX-2070-8GB":       { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "7.5", multiprocessors: 36, bandwidth: 448 * GB, title: "NVIDIA GeForce RTX 2070", source: GEFORCE },
  "RTX-2060-SUPER-8GB": { vendor: "nvidia", memoryBytes: 8 * GiB,                                computeCapability: "7.5", multiprocessors: 34, bandwidth: 448 * GB, title: "NVIDIA GeForce RTX 2060 SUPER", source: GEFORCE },
  "RTX-2060-6GB":       { vendor: "nvidia", memoryBytes: 6 * GiB,  usableBytes: reported(5.79),  computeCapability: "7.5", multiprocessors: 30, bandwidth: 336 * GB, title: "NVIDIA GeForce RTX 2060", source: GEFORCE, usableSource: github("facebookresearch/meshrcnn/issues/92") },
  "RTX-2060-12GB":      { vendor: "nvidia", memoryBytes: 12 * GiB,                               computeCapability: "7.5", multiprocessors: 34, bandwidth: 336 * GB, title: "NVIDIA GeForce RTX 2060", source: GEFORCE },
  "GTX-1660-Ti-6GB":    { vendor: "nvidia", memoryBytes: 6 * GiB,  usableBytes: reported(5.81),  computeCapability: "7.5", multiprocessors: 24, bandwidth: 288 * GB, title: "NVIDIA GeForce GTX 1660 Ti", source: GEFORCE, usableSource: github("zhou13/lcnn/issues/23") },
  "GTX-1660-SUPER-6GB": { vendor: "nvidia", memoryBytes: 6 * GiB,                                computeCapability: "7.5", multiprocessors: 22, bandwidth: 336 * GB, title: "NVIDIA GeForce GTX 1660 SUPER", source: GEFORCE },
  "GTX-1660-6GB":       { vendor: "nvidia", memoryBytes: 6 * GiB,                                computeCapability: "7.5", multiprocessors: 22, bandwidth: 192 * GB, title: "NVIDIA GeForce GTX 1660", source: GEFORCE },
  "GTX-1650-4GB":       { vendor: "nvidia", memoryBytes: 4 * GiB,                                computeCapability: "7.5", multiprocessors: 14, bandwidth: 128 * GB, title: "NVIDIA GeForce GTX 1650", source: GEFORCE },

  // GeForce GTX 10 and 9.
  "GTX-1080-Ti-11GB": { vendor: "nvidia", memoryBytes: 11 * GiB, computeCapability: "6.1", multiprocessors: 28, bandwidth: 484 * GB, title: "NVIDIA GeForce GTX 1080 Ti", source: GEFORCE },
  "GTX-1080-8GB":     { vendor: "nvidia", memoryBytes: 8 * GiB,  computeCapability: "6.1", multiprocessors: 20, bandwidth: 320 * GB, title: "NVIDIA GeForce GTX 1080", source: GEFORCE },
  "GTX-1070-Ti-8GB":  { vendor: "nvidia", memoryBytes: 8 * GiB,  computeCapability: "6.1", multiprocessors: 19, bandwidth: 256 * GB, title: "NVIDIA GeForce GTX 1070 Ti", source: GEFORCE },
  "GTX-1070-8GB":     { vendor: "nvidia", memoryBytes: 8 * GiB,  computeCapability: "6.1", multiprocessors: 15, bandwidth: 256 * GB, title: "NVIDIA GeForce GTX 1070", source: GEFORCE },
  "GTX-1060-6GB":     { vendor: "nvidia", memoryBytes: 6 * GiB,  computeCapability: "6.1", multiprocessors: 10, bandwidth: 192 * GB, title: "NVIDIA GeForce GTX 1060 6GB", source: GEFORCE },
  "GTX-1060-3GB":     { vendor: "nvidia", memoryBytes: 3 * GiB,  computeCapability: "6.1", multiprocessors: 9,  bandwidth: 192 * GB, title: "NVIDIA GeForce GTX 1060 3GB", source: GEFORCE },
  "GTX-1050-Ti-4GB":  { vendor: "nvidia", memoryBytes: 4 * GiB,  computeCapability: "6.1", multiprocessors: 6,  bandwidth: 112 * GB, title: "NVIDIA GeForce GTX 1050 Ti", source: GEFORCE },
  "GTX-980-Ti-6GB":   { vendor: "nvidia", memoryBytes: 6 * GiB,  computeCapability: "5.2", multiprocessors: 22, bandwidth: 336 * GB, title: "NVIDIA GeForce GTX 980 Ti", source: GEFORCE },

  // TITAN.
  "TITAN-RTX-24GB":      { vendor: "nvidia", memoryBytes: 24 * GiB, computeCapability: "7.5", multiprocessors: 72, bandwidth: 672 * GB, title: "NVIDIA TITAN RTX", aliases: ["RTX Titan"], source: TURING_PAPER },
  "TITAN-V-12GB":        { vendor: "nvidia", memoryBytes: 12 * GiB, computeCapability: "7.0", multiprocessors: 80, bandwidth: 653 * GB, title: "NVIDIA TITAN V", source: CUDA_GPUS },
  "TITAN-Xp-12GB":       { vendor: "nvidia", memoryBytes: 12 * GiB, computeCapability: "6.1", multiprocessors: 30, bandwidth: 548 * GB, title: "NVIDIA TITAN Xp", source: CUDA_GPUS },
  "TITAN-X-Pascal-12GB": { vendor: "nvidia", memoryBytes: 12 * GiB, computeCapability: "6.1", multiprocessors: 28, bandwidth: 480 * GB, title: "NVIDIA TITAN X (Pascal)", source: CUDA_GPUS },
  "TITAN-X-12GB":        { vendor: "nvidia", memoryBytes: 12 * GiB, computeCapability: "5.2", multiprocessors: 24, bandwidth: 336 * GB, title: "NVIDIA GeForce GTX TITAN X", source: CUDA_GPUS },

  // AMD. MI250 and MI250X are two devices of 64 GiB each: one row is one device, as PyTorch sees it.
  "MI355X-288GB":     { vendor: "amd", memoryBytes: 288 * GiB, usableBytes: reported(287.98), multiprocessors: 256, bandwidth: 8000 * GB, title: "AMD Instinct MI355X", aliases: ["MI355"], source: instinct("mi350/mi355x"), usableSource: github("ROCm/TheRock/issues/2118") },
  "MI350X-288GB":     { vendor: "amd", memoryBytes: 288 * GiB,                                multiprocessors: 256, bandwidth: 8000 * GB, title: "AMD Instinct MI350X", aliases: ["MI350"], source: instinct("mi350/mi350x") },
  "MI325X-256GB":     { vendor: "amd", memoryBytes: 256 * GiB,                                multiprocessors: 304, bandwidth: 6000 * GB, title: "AMD Instinct MI325X", aliases: ["MI325"], source: instinct("mi300/mi325x") },
  "MI300X-192GB":     { vendor: "amd", memoryBytes: 192 * GiB,                                multiprocessors: 304, bandwidth: 5300 * GB, title: "AMD Instinct MI300X", aliases: ["MI300"], source: instinct("mi300/mi300x") },
  "MI300A-128GB":     { vendor: "amd", memoryBytes: 128 * GiB,                                multiprocessors: 228, bandwidth: 5300 * GB, title: "AMD Instinct MI300A", source: instinct("mi300/mi300a") },
  "MI250X-64GB":      { vendor: "amd", memoryBytes: 64 * GiB,                                 multiprocessors: 110, bandwidth: 1638 * GB, title: "AMD Instinct MI250X, one of its two devices", aliases: ["MI250X"], source: instinct("mi200/mi250x") },
  "MI250-64GB":       { vendor: "amd", memoryBytes: 64 * GiB,                                 multiprocessors: 104, bandwidth: 1638 * GB, title: "AMD Instinct MI250, one of its two devices", aliases: ["MI250"], source: instinct("mi200/mi250") },
  "MI210-64GB":       { vendor: "amd", memoryBytes: 64 * GiB,                                 multiprocessors: 104, bandwidth: 1638 * GB, title: "AMD Instinct MI210", source: instinct("mi200/mi210") },
  "MI100-32GB":       { vendor: "amd", memoryBytes: 32 * GiB,                                 multiprocessors: 120, bandwidth: 1229 * GB, title: "AMD Instinct MI100", source: ROCM_GPUS },
  "MI60-32GB":        { vendor: "amd", memoryBytes: 32 * GiB,                                 multiprocessors: 64,  bandwidth: 1024 * GB, title: "AMD Instinct MI60", source: ROCM_GPUS },
  "MI50-32GB":        { vendor: "amd", memoryBytes: 32 * GiB,                                 multiprocessors: 60,  bandwidth: 1024 * GB, title: "AMD Instinct MI50", source: ROCM_GPUS },
  "MI50-16GB":        { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 60,  bandwidth: 1024 * GB, title: "AMD Instinct MI50", source: ROCM_GPUS },
  "W7900-48GB":       { vendor: "amd", memoryBytes: 48 * GiB,                                 multiprocessors: 96,  bandwidth: 864 * GB,  title: "AMD Radeon PRO W7900", aliases: ["W7900"], source: ROCM_GPUS },
  "W7800-32GB":       { vendor: "amd", memoryBytes: 32 * GiB,                                 multiprocessors: 70,  bandwidth: 576 * GB,  title: "AMD Radeon PRO W7800", aliases: ["W7800"], source: ROCM_GPUS },
  "W6800-32GB":       { vendor: "amd", memoryBytes: 32 * GiB,                                 multiprocessors: 60,  bandwidth: 512 * GB,  title: "AMD Radeon PRO W6800", aliases: ["W6800"], source: ROCM_GPUS },
  "RX-9070-XT-16GB":  { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 64,  bandwidth: 640 * GB,  title: "AMD Radeon RX 9070 XT", source: ROCM_GPUS },
  "RX-9070-16GB":     { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 56,  bandwidth: 640 * GB,  title: "AMD Radeon RX 9070", source: ROCM_GPUS },
  "RX-9060-XT-16GB":  { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 32,  bandwidth: 320 * GB,  title: "AMD Radeon RX 9060 XT", source: ROCM_GPUS },
  "RX-7900-XTX-24GB": { vendor: "amd", memoryBytes: 24 * GiB,                                 multiprocessors: 96,  bandwidth: 960 * GB,  title: "AMD Radeon RX 7900 XTX", source: ROCM_GPUS },
  "RX-7900-XT-20GB":  { vendor: "amd", memoryBytes: 20 * GiB,                                 multiprocessors: 84,  bandwidth: 800 * GB,  title: "AMD Radeon RX 7900 XT", source: ROCM_GPUS },
  "RX-7900-GRE-16GB": { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 80,  bandwidth: 576 * GB,  title: "AMD Radeon RX 7900 GRE", source: ROCM_GPUS },
  "RX-7800-XT-16GB":  { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 60,  bandwidth: 624 * GB,  title: "AMD Radeon RX 7800 XT", source: ROCM_GPUS },
  "RX-7700-XT-12GB":  { vendor: "amd", memoryBytes: 12 * GiB,                                 multiprocessors: 54,  bandwidth: 432 * GB,  title: "AMD Radeon RX 7700 XT", source: ROCM_GPUS },
  "RX-7600-XT-16GB":  { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 32,  bandwidth: 288 * GB,  title: "AMD Radeon RX 7600 XT", source: ROCM_GPUS },
  "RX-7600-8GB":      { vendor: "amd", memoryBytes: 8 * GiB,                                  multiprocessors: 32,  bandwidth: 288 * GB,  title: "AMD Radeon RX 7600", source: ROCM_GPUS },
  "RX-6950-XT-16GB":  { vendor: "amd", memoryBytes: 16 * GiB,  usableBytes: reported(15.98),  multiprocessors: 80,  bandwidth: 576 * GB,  title: "AMD Radeon RX 6950 XT", source: ROCM_GPUS, usableSource: github("pinokiofactory/flux-webui/issues/25") },
  "RX-6900-XT-16GB":  { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 80,  bandwidth: 512 * GB,  title: "AMD Radeon RX 6900 XT", source: ROCM_GPUS },
  "RX-6800-XT-16GB":  { vendor: "amd", memoryBytes: 16 * GiB,  usableBytes: reported(15.98),  multiprocessors: 72,  bandwidth: 512 * GB,  title: "AMD Radeon RX 6800 XT", source: ROCM_GPUS, usableSource: github("QwenAudio/CosyVoice/issues/1189") },
  "RX-6800-16GB":     { vendor: "amd", memoryBytes: 16 * GiB,                                 multiprocessors: 60,  bandwidth: 512 * GB,  title: "AMD Radeon RX 6800", source: ROCM_GPUS },
  "RX-6700-XT-12GB":  { vendor: "amd", memoryBytes: 12 * GiB,                                 multiprocessors: 40,  bandwidth: 384 * GB,  title: "AMD Radeon RX 6700 XT", source: ROCM_GPUS },

  // Other accelerators: memory and bandwidth only, no rule in this project knows their kernels. One TPU row is one chip.
  "Gaudi-3-128GB":  { vendor: "intel",  memoryBytes: 128 * GiB, bandwidth: 3700 * GB, title: "Intel Gaudi 3", source: GAUDI_DOCS },
  "Gaudi-2-96GB":   { vendor: "intel",  memoryBytes: 96 * GiB,  bandwidth: 2450 * GB, title: "Intel Gaudi 2", source: GAUDI_DOCS },
  "Max-1550-128GB": { vendor: "intel",  memoryBytes: 128 * GiB, bandwidth: 3277 * GB, title: "Intel Data Center GPU Max 1550", aliases: ["PVC", "Ponte Vecchio"], source: INTEL_GPUS },
  "Arc-A770-16GB":  { vendor: "intel",  memoryBytes: 16 * GiB,  bandwidth: 560 * GB,  title: "Intel Arc A770", aliases: ["A770"], source: INTEL_GPUS },
  "Arc-B580-12GB":  { vendor: "intel",  memoryBytes: 12 * GiB,  bandwidth: 456 * GB,  title: "Intel Arc B580", aliases: ["B580"], source: INTEL_GPUS },
  "TPU-v7-192GB":   { vendor: "google", memoryBytes: 192 * GiB, bandwidth: 7380 * GB, title: "Google TPU v7 (Ironwood)", aliases: ["TPU v7", "Ironwood"], source: TPU_DOCS },
  "TPU-v6e-32GB":   { vendor: "google", memoryBytes: 32 * GiB,  bandwidth: 1640 * GB, title: "Google TPU v6e (Trillium)", aliases: ["TPU v6e", "Trillium"], source: TPU_DOCS },
  "TPU-v5p-95GB":   { vendor: "google", memoryBytes: 95 * GiB,  bandwidth: 2765 * GB, title: "Google TPU v5p", source: TPU_DOCS },
  "TPU-v5e-16GB":   { vendor: "google", memoryBytes: 16 * GiB,  bandwidth: 819 * GB,  title: "Google TPU v5e", aliases: ["TPU v5 lite"], source: TPU_DOCS },
  "TPU-v4-32GB":    { vendor: "google", memoryBytes: 32 * GiB,  bandwidth: 1228 * GB, title: "Google TPU v4", source: TPU_DOCS },
  "TPU-v3-32GB":    { vendor: "google", memoryBytes: 32 * GiB,  bandwidth: 900 * GB,  title: "Google TPU v3", source: TPU_DOCS },
  "TPU-v2-16GB":    { vendor: "google", memoryBytes: 16 * GiB,  bandwidth: 700 * GB,  title: "Google TPU v2", source: TPU_DOCS },
  "Trainium2-96GB": { vendor: "aws",    memoryBytes: 96 * GiB,  bandwidth: 2900 * GB, title: "AWS Trainium2", aliases: ["trn2"], source: TRAINIUM },
  "Trainium-32GB":  { vendor: "aws",    memoryBytes: 32 * GiB,  bandwidth: 820 * GB,  title: "AWS Trainium", aliases: ["trn1"], source: TRAINIUM },
} as const satisfies Record<string, Gpu>;

export type GpuId = keyof typeof GPUS;

export type FoundGpu =
  | { readonly id: GpuId; readonly gpu: Gpu }
  | { readonly suggestions: readonly string[] };

/**
 * The device a person means: `a100`, `A100-80GB`, `a100:40`, `RTX 4090`, `4090`, `NVIDIA GeForce RTX 3060`,
 * `Tesla V100-SXM2-16GB`. Case, punctuation, brand words and memory types do not matter. Without a memory
 * size the first row of that name wins. Otherwise up to three keys that look similar.
 */
export function findGpu(name: string): FoundGpu {
  const asked = parseName(name);
  const rows = namedRows().filter(({ names }) => asked.name !== "" && names.has(asked.name));
  const found = rows.find(({ gpu }) => asked.gib === undefined || gpu.memoryBytes === asked.gib * GiB);
  if (found) return { id: found.id, gpu: found.gpu };
  if (rows.length > 0) return { suggestions: rows.map(({ id }) => id) };
  return { suggestions: suggest(asked.name || name) };
}

/** Words that tell no two devices apart. Form factors other than PCIe and NVL are the default of their device. */
const NOISE = new Set(
  (
    "nvidia geforce quadro tesla amd radeon instinct intel google cloud aws gpu graphics card accelerator generation " +
    "edition workstation server blackwell data center gb gib g sxm sxm2 sxm3 sxm4 sxm5 hbm2 hbm2e hbm3 hbm3e"
  ).split(" "),
);
const SERIES = /^(rtx|gtx|rx)(?=a?\d)/;

interface AskedName {
  /** Lowercase letters and digits of the words that matter, joined. */
  readonly name: string;
  /** Memory size that was named, GiB. */
  readonly gib?: number;
}

function parseName(text: string): AskedName {
  const words = text.toLowerCase().match(/[a-z0-9.]+/g) ?? [];
  const kept: string[] = [];
  let gib: number | undefined;
  for (const [index, word] of words.entries()) {
    const size = /^(\d+)(gb|gib|g)$/.exec(word)?.[1];
    const unitFollows = /^(gb|gib|g)$/.test(words[index + 1] ?? "");
    const afterColon = index > 0 && text.toLowerCase().endsWith(`:${word}`);
    if (size !== undefined) gib = Number(size);
    else if (/^\d+$/.test(word) && (unitFollows || afterColon)) gib = Number(word);
    else if (!NOISE.has(word)) kept.push(word === "mobile" ? "laptop" : word);
  }
  const name = kept.join("");
  return gib === undefined ? { name } : { name, gib };
}

interface NamedRow {
  readonly id: GpuId;
  readonly gpu: Gpu;
  readonly names: ReadonlySet<string>;
}

let named: readonly NamedRow[] | undefined;

/** Every spelling of every row, with and without its series prefix; made when a device is first looked for. */
function namedRows(): readonly NamedRow[] {
  named ??= Object.entries(GPUS as Record<GpuId, Gpu>).map(([id, gpu]) => {
    const spelled = [id, gpu.title, ...(gpu.aliases ?? [])].map((text) => parseName(text).name);
    const names = new Set(spelled.flatMap((text) => [text, text.replace(SERIES, "")]));
    return { id: id as GpuId, gpu, names }; // as: Object.entries widens keys to string
  });
  return named;
}

function suggest(name: string): readonly string[] {
  const close = nearest(name, new Set(namedRows().flatMap(({ names }) => [...names])));
  const ids = close.flatMap((word) =>
    namedRows()
      .filter(({ names }) => names.has(word))
      .map(({ id }) => id),
  );
  return [...new Set(ids)].slice(0, 3);
}
