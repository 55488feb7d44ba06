/** zstd frames without compression, and the pieces to break them with. Layout: src/archive/zstd.ts. */

interface FrameOptions {
  /** The window descriptor. Default 0x58: 2 MiB. */
  readonly window?: number;
  /** Bytes a block. Default 128 KiB. */
  readonly blockLength?: number;
  /** The low half of XXH64 of the data. Default: the frame has none. */
  readonly checksum?: number;
}

export function forgeZstdFrame(data: Uint8Array, options: FrameOptions = {}): Buffer {
  const { window = 0x58, blockLength = 128 * 1024, checksum } = options;
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, checksum === undefined ? 0 : 4, window])];
  for (let at = 0; at === 0 || at < data.length; at += blockLength) {
    const block = data.subarray(at, at + blockLength);
    parts.push(zstdBlockHeader(block.length, 0, at + blockLength >= data.length), Buffer.from(block));
  }
  if (checksum !== undefined) {
    const trailer = Buffer.alloc(4);
    trailer.writeUInt32LE(checksum);
    parts.push(trailer);
  }
  return Buffer.concat(parts);
}

/** One byte, `count` times: the most that a block can expand. */
export function forgeZstdRepeat(byte: number, count: number, blocks: number): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]);
  const body = Array.from({ length: blocks }, (_, at) => [
    zstdBlockHeader(count, 1, at === blocks - 1),
    Buffer.from([byte]),
  ]);
  return Buffer.concat([header, ...body.flat()]);
}

export function zstdBlockHeader(size: number, type: 0 | 1 | 2 | 3, last: boolean): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return header;
}

export function forgeSkippableFrame(data: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a53, 0);
  header.writeUInt32LE(data.length, 4);
  return Buffer.concat([header, data]);
}
