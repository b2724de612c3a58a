/**
 * One attribute of an HDF5 file's root group, without the rest of the file: text of any length.
 *
 * Reads    superblocks 0 to 3, object headers 1 and 2, attributes of versions 1 to 3 that hold text, in place or in a global heap
 * Limits   every count and size is bounded by the file; nothing recurses
 * Untrue   attributes in dense storage (written with libver="latest") are not found
 * HDF5 File Format Specification 3.0
 */
import type { Source } from "../base/source.js";
import { MiB } from "../base/units.js";

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const MAX_BLOCKS = 256;
const MAX_MESSAGES = 10_000;
const MAX_BLOCK = 4 * MiB;
const MAX_VALUE = 64 * MiB;
const [CONTINUATION, ATTRIBUTE] = [0x10, 0x0c];

export type Found = { readonly bytes: Uint8Array } | { readonly problem: string };

class Damaged extends Error {}

export async function rootAttribute(source: Source, name: string): Promise<Found> {
  try {
    return await new Reader(source).attribute(name);
  } catch (error) {
    if (error instanceof Damaged || error instanceof RangeError) return { problem: error.message };
    throw error;
  }
}

class Reader {
  private readonly source: Source;
  private offsets = 8;
  private lengths = 8;

  constructor(source: Source) {
    this.source = source;
  }

  async attribute(name: string): Promise<Found> {
    const root = await this.superblock();
    const names: string[] = [];
    for (const block of await this.messages(root)) {
      const found = await this.read(block, name, names);
      if (found) return found;
    }
    const listed = names.slice(0, 4).map((item) => item.slice(0, 40));
    return {
      problem: `a root group with ${listed.length > 0 ? `attributes ${listed.join(", ")}` : "no attribute in place"}`,
    };
  }

  /** The root group's object header. */
  private async superblock(): Promise<number> {
    const head = await this.view(0, Math.min(this.source.size, 128));
    if (SIGNATURE.some((byte, i) => head.byteLength <= i || head.getUint8(i) !== byte))
      throw new Damaged("no HDF5 signature");
    const version = head.getUint8(8);
    const old = version < 2;
    this.offsets = head.getUint8(old ? 13 : 9);
    this.lengths = head.getUint8(old ? 14 : 10);
    for (const size of [this.offsets, this.lengths])
      if (size !== 4 && size !== 8) throw new Damaged(`offsets of ${size} bytes`);
    if (version > 3) throw new Damaged(`superblock version ${version}`);
    if (!old) return this.offset(head, 12 + 3 * this.offsets);
    const entry = (version === 0 ? 24 : 28) + 4 * this.offsets;
    return this.offset(head, entry + this.offsets);
  }

  /** Messages of an object header, its continuations included. */
  private async messages(address: number): Promise<DataView[]> {
    const head = await this.view(address, 16 + 40);
    const isNew = head.getUint8(0) === 0x4f; // "OHDR"
    const out: DataView[] = [];
    const queue: { at: number; size: number }[] = [
      isNew ? this.newHeader(head, address) : this.oldHeader(head, address),
    ];
    const tracked = isNew && (head.getUint8(5) & 4) !== 0;
    for (let next = 0; next < queue.length; next++) {
      if (next >= MAX_BLOCKS) throw new Damaged("too many header blocks");
      const { at, size } = queue[next] as { at: number; size: number };
      if (size > MAX_BLOCK) throw new Damaged(`a header block of ${size} bytes`);
      const block = await this.view(at, size);
      const headSize = isNew ? (tracked ? 6 : 4) : 8;
      for (let i = isNew && next > 0 ? 4 : 0; i + headSize <= block.byteLength; ) {
        const type = isNew ? block.getUint8(i) : block.getUint16(i, true);
        const length = isNew ? block.getUint16(i + 1, true) : block.getUint16(i + 2, true);
        const start = i + headSize;
        if (start + length > block.byteLength) break;
        const body = new DataView(block.buffer, block.byteOffset + start, length);
        if (type === CONTINUATION)
          queue.push({ at: this.offset(body, 0), size: this.length(body, this.offsets) - (isNew ? 4 : 0) });
        else if (type === ATTRIBUTE) out.push(body);
        if (out.length > MAX_MESSAGES) throw new Damaged("too many attributes");
        i = start + length;
      }
    }
    return out;
  }

  private oldHeader(head: DataView, address: number): { at: number; size: number } {
    if (head.getUint8(0) !== 1) throw new Damaged(`object header version ${head.getUint8(0)}`);
    return { at: address + 16, size: head.getUint32(8, true) };
  }

  private newHeader(head: DataView, address: number): { at: number; size: number } {
    const flags = head.getUint8(5);
    const at = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
    const width = 1 << (flags & 3);
    const size =
      width === 1 ? head.getUint8(at) : width === 2 ? head.getUint16(at, true) : head.getUint32(at, true);
    return { at: address + at + width, size };
  }

  /** The attribute's text, when it is the one asked for. */
  private async read(body: DataView, wanted: string, names: string[]): Promise<Found | null> {
    const version = body.getUint8(0);
    if (version < 1 || version > 3) throw new Damaged(`attribute version ${version}`);
    const [nameSize, typeSize, spaceSize] = [2, 4, 6].map((at) => body.getUint16(at, true)) as [
      number,
      number,
      number,
    ];
    const pad = (size: number) => (version === 1 ? Math.ceil(size / 8) * 8 : size);
    const start = version === 3 ? 9 : 8;
    const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
    const name = new TextDecoder().decode(bytes.subarray(start, start + nameSize)).replace(/\0.*$/s, "");
    names.push(name);
    if (name !== wanted) return null;
    const type = start + pad(nameSize);
    const data = type + pad(typeSize) + pad(spaceSize);
    const kind = body.getUint8(type) & 15;
    if (kind === 3) return { bytes: trimmed(bytes.subarray(data, data + body.getUint32(type + 4, true))) };
    if (kind !== 9) return { problem: `an attribute ${wanted} that is no text` };
    const heap = this.offset(body, data + 4);
    return { bytes: await this.heapObject(heap, body.getUint32(data + 4 + this.offsets, true)) };
  }

  /** An object of a global heap collection. */
  private async heapObject(address: number, index: number): Promise<Uint8Array> {
    const head = await this.view(address, 8 + this.lengths);
    if (head.getUint32(0, true) !== 0x4c4f4347) throw new Damaged("no global heap where one is named"); // "GCOL"
    const size = this.length(head, 8);
    if (size > MAX_VALUE) throw new Damaged(`a heap of ${size} bytes`);
    const heap = await this.view(address, size);
    for (let at = 8 + this.lengths; at + 8 + this.lengths <= heap.byteLength; ) {
      const own = heap.getUint16(at, true);
      const length = this.length(heap, at + 8);
      const start = at + 8 + this.lengths;
      if (own === 0) break;
      if (start + length > heap.byteLength) throw new Damaged("a heap object beyond its heap");
      if (own === index) return trimmed(new Uint8Array(heap.buffer, heap.byteOffset + start, length));
      at = start + Math.ceil(length / 8) * 8;
    }
    throw new Damaged("no such heap object");
  }

  private async view(at: number, size: number): Promise<DataView> {
    if (at < 0 || at >= this.source.size)
      throw new Damaged(`an address beyond the file's ${this.source.size} bytes`);
    const bytes = await this.source.read(at, Math.min(at + size, this.source.size));
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private offset(view: DataView, at: number): number {
    return this.whole(view, at, this.offsets);
  }

  private length(view: DataView, at: number): number {
    return this.whole(view, at, this.lengths);
  }

  private whole(view: DataView, at: number, width: number): number {
    const value = width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
    if (!Number.isSafeInteger(value)) throw new Damaged("an address beyond any file");
    return value;
  }
}

/** Without the zeros that pad it. */
function trimmed(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.slice(0, end);
}
