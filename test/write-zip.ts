import { constants, crc32, deflateRawSync } from "node:zlib";

export interface ZipMember {
  readonly name: string;
  readonly content: Uint8Array | string;
  /** The content is deflated already, and inflates to so many bytes. */
  readonly inflated?: number;
  /** The size the directory states, when it lies. */
  readonly stated?: number;
}

/** A ZIP file of stored members; with `inflated` a deflated one. Sizes stay below 4 GiB. */
export function writeZip(members: readonly ZipMember[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, inflated, stated } of members) {
    const data = Buffer.from(content);
    const path = Buffer.from(name);
    const fields = Buffer.alloc(26); // version needed … length of the extra field: the same in both headers
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(inflated === undefined ? 0 : 8, 4);
    fields.writeUInt32LE(inflated === undefined ? crc32(data) : 0, 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(stated ?? inflated ?? data.length, 18);
    fields.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), fields, path, data]);
    const trailer = Buffer.alloc(14); // comment, disk, attributes; then where the member starts
    trailer.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\u0001\u0002\u0014\u0000"), fields, trailer, path);
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, Buffer.from("PK\u0005\u0006"), end]);
}

/** Deflated zeros: `times` MiB of them in about a thousandth of that. A full flush makes pieces that may repeat. */
export function deflatedZeros(times: number): Buffer {
  const piece = deflateRawSync(Buffer.alloc(1024 ** 2), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...new Array<Buffer>(times).fill(piece), Buffer.from([3, 0])]);
}
