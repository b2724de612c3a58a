/**
 * Peak arithmetic of devices, dense, without sparsity: what a roofline needs beside bandwidth.
 *
 * Sources  the vendors' datasheets and architecture papers named in each row; 16-bit products that add up in float32
 * Checked  16-bit peaks of A100, H100 (SXM, PCIe), H200 and L40S against torchtitan's get_peak_flops, those of A10, V100 and T4 with
 *          their float32 against Lightning's _CUDA_FLOPS (both link the datasheets); H100's TF32 at glennklockwood.com/garden/processors/h100,
 *          A40's at hmc-tech.com, the RTX 4090's at waredb.com; other float32 and 16-bit peaks against tables of public projects.
 *          Found in no second place: TF32 and 16-bit of A30, TF32 of L4, 16-bit of RTX 2080 Ti, TF32 of A10.
 * Untrue   peaks: real kernels reach a part of them. Prices that are made with them are ratios of two steps on one device, in which
 *          much of that falls out.
 *
 * Devices without a row have an A100's operations per byte of bandwidth.
 */
import { type Gpu, GPUS, type GpuId } from "./gpus.js";

export interface Throughput {
  /** Operations per second: float32 products, TF32 products of convolutions, 16-bit products. */
  readonly float32: number;
  readonly tf32: number;
  readonly half: number;
  /** Bytes per second of device memory. */
  readonly bandwidth: number;
  /** Bytes per second from and to the host, one way. */
  readonly host: number;
  readonly basis: "stated" | "assumed";
}

interface Row {
  /** Tera-operations per second. */
  readonly peaks: readonly [float32: number, tf32: number, half: number];
  readonly source: string;
}

// biome-ignore format: one line per device
const ROWS: Partial<Readonly<Record<GpuId, Row>>> = {
  "H200-141GB":       { peaks: [67, 494, 989],      source: "NVIDIA H200 datasheet, halved where it counts sparsity" },
  "H100-80GB":        { peaks: [67, 494, 989],      source: "NVIDIA H100 datasheet, SXM5, halved where it counts sparsity" },
  "H100-PCIe-80GB":   { peaks: [51, 378, 756],      source: "NVIDIA H100 datasheet, PCIe, halved where it counts sparsity" },
  "A100-80GB":        { peaks: [19.5, 156, 312],    source: "NVIDIA A100 datasheet" },
  "A100-40GB":        { peaks: [19.5, 156, 312],    source: "NVIDIA A100 datasheet" },
  "A100-PCIe-80GB":   { peaks: [19.5, 156, 312],    source: "NVIDIA A100 datasheet" },
  "A100-PCIe-40GB":   { peaks: [19.5, 156, 312],    source: "NVIDIA A100 datasheet" },
  "A30-24GB":         { peaks: [10.3, 82, 165],     source: "NVIDIA A30 datasheet" },
  "A40-48GB":         { peaks: [37.4, 74.8, 149.7], source: "NVIDIA A40 datasheet" },
  "A10-24GB":         { peaks: [31.2, 62.5, 125],   source: "NVIDIA A10 datasheet" },
  "L40S-48GB":        { peaks: [91.6, 183, 362],    source: "NVIDIA L40S datasheet" },
  "L4-24GB":          { peaks: [30.3, 60, 121],     source: "NVIDIA L4 datasheet, halved where it counts sparsity" },
  "T4-16GB":          { peaks: [8.1, 8.1, 65],      source: "NVIDIA T4 datasheet" },
  "V100-16GB":        { peaks: [15.7, 15.7, 125],   source: "NVIDIA V100 datasheet, SXM2" },
  "V100-32GB":        { peaks: [15.7, 15.7, 125],   source: "NVIDIA V100 datasheet, SXM2" },
  "P100-16GB":        { peaks: [9.3, 9.3, 18.7],    source: "NVIDIA P100 datasheet, PCIe" },
  "RTX-4090-24GB":    { peaks: [82.6, 82.6, 165.2], source: "NVIDIA Ada GPU architecture paper" },
  "RTX-3090-24GB":    { peaks: [35.6, 35.6, 71],    source: "NVIDIA Ampere GA102 architecture paper" },
  "RTX-2080TI-11GB":  { peaks: [13.4, 13.4, 53.8],  source: "NVIDIA Turing architecture paper" },
  "GTX-1080-Ti-11GB": { peaks: [11.3, 11.3, 11.3],  source: "NVIDIA Pascal: 28 multiprocessors x 128 units x 2 x 1.58 GHz; 16-bit products run as float32" },
};

/** PCI Express 4.0 with 16 lanes: 16 GT/s each, 128 of 130 bits are data. */
const HOST = ((16e9 * 128) / 130 / 8) * 16;
const A100 = { peaks: [19.5, 156, 312], bandwidth: 2039e9 } as const;

/** `gpu` may have another memory size (`A100-80GB:40`); null stands for an A100. */
export function throughputOf(gpu: string | null): Throughput {
  const id = (gpu ?? "A100-80GB").replace(/:.*$/, "") as GpuId; // a key of the table, as machines are
  const device: Gpu | undefined = (GPUS as Readonly<Record<string, Gpu>>)[id];
  const bandwidth = device?.bandwidth ?? A100.bandwidth;
  const row = ROWS[id];
  const [float32, tf32, half] = row?.peaks ?? A100.peaks.map((peak) => (peak * bandwidth) / A100.bandwidth);
  const [a = 0, b = 0, c = 0] = [float32, tf32, half].map((peak = 0) => peak * 1e12);
  return { float32: a, tf32: b, half: c, bandwidth, host: HOST, basis: row ? "stated" : "assumed" };
}
