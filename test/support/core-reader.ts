/** Reads core files in tests, written from the ABI and not from what writes them. */
import type { CoreSink } from '../../src/export/elf-core/chunk-writer.ts';

export interface CoreNote {
  readonly owner: string;
  readonly type: number;
  readonly descriptor: Buffer;
}

export interface CoreSegment {
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileSize: number;
  readonly memorySize: bigint;
  readonly alignment: number;
}

export interface CoreFile {
  readonly machine: number;
  readonly notes: readonly CoreNote[];
  readonly segments: readonly CoreSegment[];
}

/** Keeps what a core file's writer writes; `bytes` has zeros where nothing was written. */
export class MemorySink implements CoreSink {
  readonly #writes: (readonly [offset: number, bytes: Buffer])[] = [];

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    this.#writes.push([offset, Buffer.from(bytes)]);
  }

  bytes(size: number): Buffer {
    const all = Buffer.alloc(size);
    for (const [offset, bytes] of this.#writes) bytes.copy(all, offset);
    return all;
  }
}

const LOAD = 1;
const NOTE = 4;

export function readCore(file: Buffer): CoreFile {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file.readUInt16LE(16) !== 4) throw new Error('no core file');
  const size = file.readUInt16LE(54);
  const count = file.readUInt16LE(56) === 0xffff ? sectionInfo(file) : file.readUInt16LE(56);
  const start = Number(file.readBigUInt64LE(32));
  const headers = Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at),
      flags: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: file.readBigUInt64LE(at + 16),
      fileSize: Number(file.readBigUInt64LE(at + 32)),
      memorySize: file.readBigUInt64LE(at + 40),
      alignment: Number(file.readBigUInt64LE(at + 48)),
    };
  });
  return {
    machine: file.readUInt16LE(18),
    notes: headers
      .filter(({ type }) => type === NOTE)
      .flatMap(({ offset, fileSize }) => readNotes(file.subarray(offset, offset + fileSize))),
    segments: headers.filter(({ type }) => type === LOAD).map(({ type: _, ...segment }) => segment),
  };
}

const sectionInfo = (file: Buffer): number => file.readUInt32LE(Number(file.readBigUInt64LE(40)) + 44);

export function readNotes(bytes: Buffer): CoreNote[] {
  const notes: CoreNote[] = [];
  for (let at = 0; at < bytes.length; ) {
    const nameLength = bytes.readUInt32LE(at);
    const length = bytes.readUInt32LE(at + 4);
    const name = at + 12;
    const descriptor = name + Math.ceil(nameLength / 4) * 4;
    if (descriptor + length > bytes.length) throw new Error('a note reaches beyond its segment');
    notes.push({
      owner: bytes.toString('latin1', name, name + nameLength - 1),
      type: bytes.readUInt32LE(at + 8),
      descriptor: bytes.subarray(descriptor, descriptor + length),
    });
    at = descriptor + Math.ceil(length / 4) * 4;
  }
  return notes;
}

/** What a debugger sees at an address; undefined where no segment is. */
export function byteAt(core: CoreFile, file: Buffer, address: bigint): number | undefined {
  const segment = core.segments.find(
    (each) => each.address <= address && address < each.address + each.memorySize,
  );
  if (segment === undefined) return undefined;
  const within = Number(address - segment.address);
  return within < segment.fileSize ? file[segment.offset + within] : 0;
}
