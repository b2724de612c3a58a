/**
 * Device scratch of the two kernels that pack tensors for collectives: tables of pointers and of which thread block copies what.
 *
 * Source  aten/src/ATen/native/cuda/TensorShape.cu (split_with_sizes_copy_out_cuda_contiguous_no_cast, get_chunk_cat_metadata,
 *         pack_vecs), torch 2.14.1; sizes equal the recorded ones of sharded steps
 */
import { type Bytes, bytes } from "../../base/units.js";
import type { Device } from "./device.js";
import { threadsPerMultiprocessor } from "./reduce-config.js";

/** BLOCK_SIZE threads of BYTES_PER_THREAD each. */
const THREADS = 128;
const TILE = 16 * THREADS;
const ENTRY = 8;

/** What copies `chunks` pieces of a gathered buffer out, into a tensor each; `sizes` are bytes of one rank's pieces. */
export function copyOutScratch(sizes: readonly number[], chunks: number, device: Device): Bytes {
  const { multiprocessors, computeCapability } = device;
  const most = ((multiprocessors * threadsPerMultiprocessor(computeCapability)) / THREADS) * 2;
  const passes = Math.ceil((total(sizes, TILE) * chunks) / most);
  const chunksPerBlock = Math.min(Math.ceil(Math.sqrt(passes)), chunks);
  const passesPerChunk = Math.ceil(passes / chunksPerBlock);
  return bytes(ENTRY * (4 * sizes.length + 1 + total(sizes, TILE * passesPerChunk)));
}

/** What packs gradients for a reduction, one rank's pieces together; `sizes` are padded bytes of one rank's pieces. */
export function chunkCatScratch(sizes: readonly number[]): Bytes {
  return bytes(ENTRY * (6 * sizes.length + 2 + total(sizes, TILE)));
}

function total(sizes: readonly number[], tile: number): number {
  return sizes.reduce((sum, size) => sum + Math.ceil(size / tile), 0);
}
