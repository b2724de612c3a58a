/** Bytes from anywhere: a file, a Blob, a download. The core never opens one itself. */
export interface Source {
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /** The bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A source over bytes that are already in memory. Reads are copies: decoders hand on the whole buffer behind them. */
export function bytesSource(name: string, data: Uint8Array): Source {
  return { name, size: data.length, read: async (start, end) => new Uint8Array(data.subarray(start, end)) };
}

/** A source over a `Blob` or `File`: only the slices that are asked for are read. */
export function blobSource(name: string, blob: Blob): Source {
  return {
    name,
    size: blob.size,
    read: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
  };
}
