/**
 * What GPUs send each other: per device the link to others of its machine, and its share of the network between machines.
 *
 * Sources  NVIDIA's datasheets and DGX documentation named in each row; NVLink is stated for both directions together, so
 *          one direction has half.
 * Checked  NVLink 2 to 5 (300, 600, 900, 1800 GB/s) and the adapters of A100 and H100 clusters at
 *          alpha-one-index.github.io/ai-infra-index/specs/networking-interconnects.html, which gives B200 clusters 800 Gb/s adapters: a DGX
 *          B200's are taken here. Found in no second place: the processors' memory, DGX-1's adapters.
 * Untrue   peaks of the wires: collectives reach a part of them, small ones much less.
 */
import { throughputOf } from "./throughput.js";

export interface Links {
  /** Bytes per second that a GPU sends to the others of its machine, one way. */
  readonly intra: number;
  /** Bytes per second that a GPU sends to other machines, one way. */
  readonly inter: number;
  /** GPUs of one machine. */
  readonly perNode: number;
  /** Bytes per second that a GPU's share of the processors reads and writes: what an optimizer on the host waits for. */
  readonly hostMemory: number;
  readonly because: string;
}

const GB = 1e9;

/** A DGX H100's two Xeon 8480C have eight channels of DDR5-4800 each, a DGX A100's two EPYC 7742 eight of DDR4-3200; eight GPUs. */
const DDR5 = (2 * 8 * 4.8e9 * 8) / 8;
const DDR4 = (2 * 8 * 3.2e9 * 8) / 8;

interface Row extends Omit<Links, "because"> {
  readonly gpus: RegExp;
  readonly source: string;
}

/** The first row that matches a device's name. */
// biome-ignore format: one line per machine
const ROWS: readonly Row[] = [
  { gpus: /^B[23]00/,                intra: 900 * GB, inter: 50 * GB, perNode: 8, hostMemory: DDR5, source: "NVLink 5, 1.8 TB/s; DGX B200: eight 400 Gb/s ConnectX-7" },
  { gpus: /^(H100-PCIe|H100-NVL)/i,  intra: 300 * GB, inter: 50 * GB, perNode: 8, hostMemory: DDR5, source: "NVIDIA H100 PCIe datasheet: 600 GB/s over the NVLink bridge; 400 Gb/s network assumed" },
  { gpus: /^(H100|H200|H800)/,       intra: 450 * GB, inter: 50 * GB, perNode: 8, hostMemory: DDR5, source: "NVLink 4, 900 GB/s; DGX H100: eight 400 Gb/s ConnectX-7" },
  { gpus: /^A100-PCIe/,              intra: 32 * GB,  inter: 25 * GB, perNode: 8, hostMemory: DDR4, source: "PCI Express 4.0 x16; 200 Gb/s network assumed" },
  { gpus: /^A100/,                   intra: 300 * GB, inter: 25 * GB, perNode: 8, hostMemory: DDR4, source: "NVLink 3, 600 GB/s; DGX A100: eight 200 Gb/s ConnectX-6" },
  { gpus: /^V100/,                   intra: 150 * GB, inter: 6.25 * GB, perNode: 8, hostMemory: DDR4, source: "NVLink 2, 300 GB/s; DGX-1: four 100 Gb/s adapters for eight" },
];

/** 100 Gb/s for a machine of eight: what a device without a row is given. */
const NETWORK = 12.5 * GB;

/** `gpu` may have another memory size (`A100-80GB:40`). */
export function linksOf(gpu: string | null): Links {
  const row = ROWS.find(({ gpus }) => gpus.test(gpu ?? ""));
  if (row) {
    const { gpus: _, source: because, ...links } = row;
    return { ...links, because };
  }
  const { host } = throughputOf(gpu);
  const because = "no row for its machine: PCI Express between GPUs, 100 Gb/s a GPU between machines";
  return { intra: host, inter: NETWORK, perNode: 8, hostMemory: DDR4, because };
}
