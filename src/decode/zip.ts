/**
 * ZIP directory of a source; members are read only when asked for.
 *
 * Reads    stored and deflated members, zip64
 * Limits   members, sizes and ratios are bounded before a byte is inflated
 */
import { unzipRaw, type ZipEntry } from "unzipit";
import { InputError } from "../base/complaint.js";
import type { Source } from "../base/source.js";
import { MiB } from "../base/units.js";

/** A model of 100,000 weights is far beyond any published one. */
const MAX_MEMBERS = 200_000;
/** Text members (graphs, configs) are read whole; the largest seen is 40 MB. */
const MAX_MEMBER = 64 * MiB;
/** Characters of a path, as file systems take them; and those a complaint repeats. */
const MAX_PATH = 4096;
const MAX_QUOTED = 100;
/** Deflate cannot do better than about 1032 : 1; JSON compresses some 20 : 1. */
const MAX_RATIO = 200;

export interface ArchiveMember {
  readonly name: string;
  readonly size: number;
  /** The member's bytes, inflated. */
  read(): Promise<Uint8Array>;
}

/** The directory of the archive in `source`. Throws InputError when it is none, is cut short or is a bomb. */
export async function readArchive(source: Source): Promise<readonly ArchiveMember[]> {
  let entries: readonly ZipEntry[];
  try {
    ({ entries } = (await unzipRaw({
      getLength: async () => source.size,
      read: async (offset: number, size: number) => {
        const end = Math.min(offset + size, source.size);
        return (await source.read(Math.min(offset, end), end)) as Uint8Array<ArrayBuffer>; // never shared memory
      },
    })) as unknown as { entries: readonly ZipEntry[] });
  } catch (error) {
    throw new InputError({
      code: "zip/directory",
      where: source.name,
      rule: "the archive's directory must be readable",
      expected: "a complete ZIP file",
      got: `${source.size} bytes whose directory ${error instanceof Error ? `fails: ${error.message}` : "fails"}`,
      hint: "was the download or copy cut short? compare the file's size with the original",
    });
  }
  if (entries.length > MAX_MEMBERS) {
    throw new InputError({
      code: "zip/members",
      where: source.name,
      rule: "an archive must hold a plausible number of files",
      expected: `at most ${MAX_MEMBERS}`,
      got: `${entries.length}`,
      hint: "this is no model archive",
    });
  }
  const stray = entries.find(({ name }) => !isPlainPath(name));
  if (stray) {
    throw new InputError({
      code: "zip/path",
      where: source.name,
      rule: "a file in an archive must have a plain relative path",
      expected: "folders and a name, without .. or a leading /",
      got: JSON.stringify(stray.name.slice(0, MAX_QUOTED)),
      hint: "the archive is damaged or made to write outside its folder; nothing was unpacked",
    });
  }
  return entries.map((entry) => member(source, entry));
}

/** Nothing is unpacked, but an archive with other paths was not written by a framework; names also stand in complaints. */
function isPlainPath(name: string): boolean {
  if (name.length > MAX_PATH || /^[/\\]|^[A-Za-z]:|\p{Cc}/u.test(name)) return false;
  return !name.split(/[/\\]/).includes("..");
}

function member(source: Source, entry: ZipEntry): ArchiveMember {
  const { name, size, compressedSize } = entry;
  return {
    name,
    size,
    read: async () => {
      const where = `${source.name} › ${name}`;
      if (size > MAX_MEMBER || compressedSize > source.size) {
        throw new InputError({
          code: "zip/size",
          where,
          rule: "a description must be of a plausible size",
          expected: `at most ${MAX_MEMBER} bytes inside ${source.size}`,
          got: `${size} bytes, ${compressedSize} compressed`,
          hint: "the archive is damaged or made to exhaust memory",
        });
      }
      if (size > MAX_RATIO * Math.max(compressedSize, 1) + MiB) {
        throw new InputError({
          code: "zip/bomb",
          where,
          rule: "a member must not inflate beyond reason",
          expected: `at most ${MAX_RATIO} times its compressed size`,
          got: `${size} bytes from ${compressedSize}`,
          hint: "the archive is made to exhaust memory",
        });
      }
      let data: ArrayBuffer;
      try {
        data = await entry.arrayBuffer();
      } catch (error) {
        throw new InputError({
          code: "zip/member",
          where,
          rule: "the member must be readable",
          expected: `${size} bytes`,
          got: error instanceof Error ? error.message : "nothing",
          hint: "the archive is damaged; export the model again",
        });
      }
      if (data.byteLength !== size) {
        throw new InputError({
          code: "zip/length",
          where,
          rule: "a member must have the size its directory states",
          expected: `${size} bytes`,
          got: `${data.byteLength}`,
          hint: "the archive is damaged; export the model again",
        });
      }
      return new Uint8Array(data);
    },
  };
}
