import type { ArchiveEntry, ArchiveIndex } from '../../src/archive/archive-index.ts';
import { address } from '../../src/bytes/brand.ts';
import { type ByteSource, bufferSource } from '../../src/bytes/byte-source.ts';
import type { AddressSpace, Extent, Region } from '../../src/checkpoint/address-space.ts';
import { sparseSource } from './sources.ts';

/** `length` bytes of `entry` at `offset`, mapped at `at`. */
export interface Mapping {
  readonly at: number;
  readonly length: number;
  readonly entry: string;
  readonly offset: number;
}

/** Where the images of a fake archive lie in its file. */
const IMAGE_DISTANCE = 1_000_000;

/** Images as the entries of an archive; `reads` lists the offset and length of every read, but for those of `file`. */
export function fakeArchive(
  images: Readonly<Record<string, Uint8Array>>,
): ArchiveIndex & { readonly reads: number[][]; readonly file: ByteSource } {
  const reads: number[][] = [];
  const parts = Object.values(images).map((bytes, index) => ({ offset: index * IMAGE_DISTANCE, bytes }));
  const place = { descriptor: -1, offset: 0 };
  const entries = Object.entries(images).map(
    ([path, bytes], index): ArchiveEntry => ({
      path,
      type: 'file',
      size: bytes.length,
      offset: index * IMAGE_DISTANCE,
      headerOffset: 0,
      mode: 0o600,
      uid: 0,
      gid: 0,
      modified: 0,
    }),
  );
  return {
    compression: 'none',
    storedSize: 0,
    entries,
    tail: undefined,
    notes: [],
    reads,
    find: (path) => entries.find((entry) => entry.path === path),
    open: ({ path, offset }) => {
      const source = bufferSource(images[path] ?? new Uint8Array(0));
      return {
        size: source.size,
        place: { ...place, offset },
        read: (offset, length) => {
          reads.push([offset, length]);
          return source.read(offset, length);
        },
      };
    },
    openNested: () => Promise.reject(new Error('no archive within')),
    tar: { ...bufferSource(new Uint8Array(0)), place },
    file: sparseSource(parts.length * IMAGE_DISTANCE, parts),
    close: async () => undefined,
  };
}

/** A process that sees parts of the images at the given addresses; each mapping is a region. */
export function fakeSpace(pid: number, mappings: readonly Mapping[]): AddressSpace {
  const location = { entry: `mm-${pid}.img`, offset: 0, length: 0 };
  const regions = mappings.map(
    ({ at, length }): Region => ({
      start: address(BigInt(at)),
      end: address(BigInt(at + length)),
      permissions: 'rw-p',
      fileOffset: 0n,
      kind: 'anonymous',
      name: '',
      presentBytes: length,
      location,
    }),
  );
  return {
    pid,
    pageSize: 4,
    regions,
    argumentRange: [address(0n), address(0n)],
    environmentRange: [address(0n), address(0n)],
    regionAt: (at) => regions.find(({ start, end }) => start <= at && at < end),
    extents: (start): Extent[] => {
      const mapping = mappings.find(({ at }) => BigInt(at) === start);
      if (mapping === undefined) throw new Error('only whole regions are asked for');
      const { entry, offset, length } = mapping;
      return [{ start: address(start), length, origin: 'present', location: { entry, offset, length } }];
    },
    read: () => Promise.reject(new Error('a scan does not read through the address space')),
  };
}
