import { foldRows, hexRows, hexRowsLength, writeHexRows } from '../../analysis/hex-rows.ts';
import { type DumpPart, dumpMemory } from '../../analysis/memory-dump.ts';
import { formatAddress } from '../../bytes/brand.ts';
import { type AddressSpace, bytesInPages } from '../../checkpoint/address-space.ts';
import type { BackingOrigin } from '../../checkpoint/backing-files.ts';
import type { Process } from '../../checkpoint/checkpoint.ts';
import type { Io } from '../io.ts';
import type { Output } from '../output.ts';
import { escapeText } from '../terminal/escape.ts';
import { formatBytes } from '../terminal/format.ts';
import { startProgress } from '../terminal/progress.ts';

export interface DumpOptions {
  /** Shows rows that repeat the one before as one `*`. */
  readonly fold: boolean;
}

/** Why bytes are not in the archive, for a reader of the dump. */
const ORIGINS: Readonly<Record<Extract<DumpPart, { kind: 'gap' }>['origin'], string>> = {
  zero: 'zeros: never written to',
  file: 'unmodified content of the mapped file, not in the archive',
  lazy: 'left on the source machine (lazy pages), not in the archive',
  parent: 'in the parent checkpoint, not in this archive',
  kernel: "the kernel's own page, never in an archive",
  missing: 'promised by the pagemap, but missing in the archive',
  unmapped: 'not mapped',
};

/** The memory of one process by address, with a header for each region and a line for each gap. */
export async function dumpProcess(
  process: Process,
  space: AddressSpace | undefined,
  options: DumpOptions,
  io: Io,
  output: Output,
): Promise<void> {
  if (space === undefined) {
    await output.text(
      `# process ${process.pid} (${escapeText(process.comm)}) has no memory in the archive\n`,
    );
    return;
  }
  await output.text(`# process ${process.pid} (${escapeText(process.comm)})\n`);
  const total = space.regions.reduce((sum, { presentBytes }) => sum + presentBytes, 0);
  const progress = startProgress(io);
  let done = 0;
  try {
    for await (const part of dumpMemory(space)) {
      if (part.kind !== 'bytes') await output.text(describe(part));
      else {
        if (part.file !== undefined) await output.text(describeFile(part, part.file));
        if (options.fold) await output.bytes(foldRows(hexRows(part.bytes, part.address)));
        else await writeRows(part, output);
        done += part.bytes.length;
        progress.update(`dumping: ${formatBytes(done)} of ${formatBytes(total)}`);
      }
    }
  } finally {
    progress.end();
  }
}

/** The archive is evidence; what comes from elsewhere must not pass for it. */
const SOURCES: Readonly<Record<BackingOrigin, readonly [string, string]>> = {
  rootfs: ['not in the archive', 'in the root filesystem given'],
  archive: ['not in its pages', 'as the archive holds it'],
};

type BytesPart = Extract<DumpPart, { kind: 'bytes' }>;

/** Bytes whose rows are written at once, whole rows; what is made of more leaves the processor's cache before it is written. */
const PIECE_LENGTH = 256 * 1024;

async function writeRows({ bytes, address }: BytesPart, output: Output): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE_LENGTH) {
    const piece = bytes.subarray(at, at + PIECE_LENGTH);
    const fill = (room: Uint8Array): number => writeHexRows(room, piece, address + BigInt(at));
    await output.made(hexRowsLength(piece.length), fill);
  }
}

function describeFile(
  { address, bytes }: BytesPart,
  { origin, path }: NonNullable<BytesPart['file']>,
): string {
  const [lack, source] = SOURCES[origin];
  const place = range(address, address + BigInt(bytes.length));
  return `# ${place}  ${lack}: ${formatBytes(bytes.length)} of ${escapeText(path)} ${source}\n`;
}

function describe(part: Exclude<DumpPart, { kind: 'bytes' }>): string {
  if (part.kind === 'gap') {
    return `# ${range(part.address, part.address + BigInt(part.length))}  ${formatBytes(part.length)} ${ORIGINS[part.origin]}\n`;
  }
  const { start, end, permissions, kind, name } = part.region;
  const size = `${formatBytes(Number(end - start))}, ${formatBytes(bytesInPages(part.region))} in the archive`;
  return `\n# ${range(start, end)} ${permissions} ${escapeText(name || kind)} (${size})\n`;
}

const range = (start: bigint, end: bigint): string => `${formatAddress(start)}-${formatAddress(end)}`;
