/** Bytes of a gzip file, inflated; bytes that are none, as a server that inflates on its way sends them, as they are. */
import { InputError } from "../../base/complaint.js";
import { joinBytes } from "../../base/join-bytes.js";
import { damaged, tooLarge } from "./complaints.js";

export async function inflate(bytes: Uint8Array, where: string, limit: number): Promise<Uint8Array> {
  if (bytes.length > limit) throw tooLarge(where, limit);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]) // as: never shared memory
      .stream()
      .pipeThrough(new DecompressionStream("gzip"));
    const reader = stream.getReader(); // not every browser can iterate a stream
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.length;
      if (size > limit) {
        await reader.cancel();
        throw tooLarge(where, limit);
      }
    }
    return joinBytes(chunks);
  } catch (error) {
    throw error instanceof InputError ? error : damaged(where, "(gzip)");
  }
}
