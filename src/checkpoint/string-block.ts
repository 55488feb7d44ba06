/**
 * The strings of a process: argv and envp lie on its stack, one NUL-terminated string after another, between addresses
 * that the kernel keeps (mm_arg_start… of the mm image; /proc/PID/cmdline and environ read the same bytes).
 */
import type { AddressSpace } from './address-space.ts';
import type { NoteBook } from './note-book.ts';

/** The kernel allows argv and envp 6 MiB together (3/4 of its 8 MiB stack limit); what claims more is damaged. */
const MAX_BLOCK_LENGTH = 8 * 1024 * 1024;

type Range = readonly [bigint, bigint];

/** argv; undefined when its bytes are not in the archive. */
export async function readCommandLine(
  space: AddressSpace,
  notes: NoteBook,
): Promise<readonly string[] | undefined> {
  const [start, end] = space.argumentRange;
  const block = await readBlock(space, [start, end], 'the command line', notes);
  if (block === undefined || block.length === 0) return block && [];
  if (block.at(-1) === 0) return splitStrings(block);
  // A program that overwrote the closing NUL wrote a title over argv and on into envp: the kernel shows it up to its end.
  const title = await readBlock(space, [start, space.environmentRange[1]], 'the command line', notes);
  return title && splitStrings(title).slice(0, 1);
}

/** envp; undefined when its bytes are not in the archive. */
export async function readEnvironment(
  space: AddressSpace,
  notes: NoteBook,
): Promise<readonly string[] | undefined> {
  const block = await readBlock(space, space.environmentRange, 'the environment', notes);
  return block && splitStrings(block);
}

async function readBlock(
  space: AddressSpace,
  [start, end]: Range,
  what: string,
  notes: NoteBook,
): Promise<Uint8Array | undefined> {
  const length = end - start;
  if (length <= 0n) return new Uint8Array(0);
  if (length > BigInt(MAX_BLOCK_LENGTH)) {
    notes.warn(
      `${what} of process ${space.pid} claims ${length} bytes, more than any kernel allows; not read`,
    );
    return undefined;
  }
  const { bytes, extents } = await space.read(start, Number(length));
  if (extents.every(({ origin }) => origin === 'present' || origin === 'zero')) return bytes;
  const reasons = new Set(extents.map(({ origin }) => origin).filter((origin) => origin !== 'present'));
  notes.warn(
    `${what} of process ${space.pid} cannot be read: its memory is not in the archive (${[...reasons].join(', ')})`,
  );
  return undefined;
}

/**
 * Splits at NUL bytes; text behind the last one counts, empty strings inside too. One empty string at the end may be an
 * argument; more of them are the zeros with which a program padded its new title.
 */
function splitStrings(padded: Uint8Array): string[] {
  const decoder = new TextDecoder();
  const strings: string[] = [];
  const block = withoutPadding(padded);
  for (let start = 0; start < block.length; ) {
    const found = block.indexOf(0, start);
    const end = found < 0 ? block.length : found;
    strings.push(decoder.decode(block.subarray(start, end)));
    start = end + 1;
  }
  return strings;
}

/** Cuts NUL bytes at the end down to one, if there are more than the two of an honest empty argument. */
function withoutPadding(block: Uint8Array): Uint8Array {
  let end = block.length;
  while (end > 0 && block[end - 1] === 0) end--;
  return block.length - end > 2 ? block.subarray(0, end === 0 ? 0 : end + 1) : block;
}
