/**
 * The strings of a process: argv and envp lie on its stack, one NUL-terminated string after another, between addresses
 * that the kernel keeps (mm_arg_start… of the mm image; /proc/PID/cmdline and environ read the same bytes).
 */
import type { AddressSpace } from './address-space.ts';
import type { NoteBook } from './note-book.ts';

/** The kernel allows argv and envp 6 MiB together (3/4 of its 8 MiB stack limit); what claims more is damaged. */
const MAX_BLOCK_LENGTH = 8 * 1024 * 1024;

/**
 * Of all processes together. Some KiB each are usual, but forged processes could all show the same megabytes of one image;
 * and a block of nothing but NULs is as many strings as bytes.
 */
const MAX_TOTAL_LENGTH = 64 * 1024 * 1024;
const MAX_TOTAL_STRINGS = 4 * 1024 * 1024;

type Range = readonly [bigint, bigint];

/** What may still be read of the strings of a checkpoint. */
export class StringBudget {
  readonly notes: NoteBook;
  #bytes = MAX_TOTAL_LENGTH;
  #strings = MAX_TOTAL_STRINGS;

  constructor(notes: NoteBook) {
    this.notes = notes;
  }

  /** False, with a note, when so many bytes are too many. */
  takeBytes(count: number, what: string): boolean {
    if (count > this.#bytes) return this.#refuse(what);
    this.#bytes -= count;
    return true;
  }

  takeString(what: string): boolean {
    return this.#strings-- > 0 || this.#refuse(what);
  }

  #refuse(what: string): false {
    this.notes.warn(
      `${what} is not shown whole: the strings of all processes are more than is read of a checkpoint`,
    );
    return false;
  }
}

/** argv; undefined when its bytes are not in the archive. */
export async function readCommandLine(
  space: AddressSpace,
  budget: StringBudget,
): Promise<readonly string[] | undefined> {
  const what = `the command line of process ${space.pid}`;
  const [start, end] = space.argumentRange;
  const [environmentStart, environmentEnd] = space.environmentRange;
  const block = await readBlock(space, [start, end], what, budget);
  if (block === undefined) return undefined;
  const isOverwritten = block.length === Number(end - start) && block.at(-1) !== 0;
  if (block.length === 0 || !isOverwritten) return splitStrings(block, what, budget);
  // A program that overwrote the closing NUL wrote a title over argv and perhaps on into envp: the kernel shows it up to
  // its end (get_mm_cmdline in fs/proc/base.c).
  const goesOn = environmentStart === end && environmentEnd > end;
  const title = goesOn ? await readBlock(space, [start, environmentEnd], what, budget) : block;
  return title && splitStrings(title.subarray(0, endOfString(title, 0)), what, budget);
}

/** envp; undefined when its bytes are not in the archive. */
export async function readEnvironment(
  space: AddressSpace,
  budget: StringBudget,
): Promise<readonly string[] | undefined> {
  const what = `the environment of process ${space.pid}`;
  const block = await readBlock(space, space.environmentRange, what, budget);
  return block && splitStrings(block, what, budget);
}

/** Of the auxiliary vector (include/uapi/linux/auxvec.h): the address of the name that was given to execve. */
const AT_EXECFN = 31n;
/** The longest name that execve takes, with its NUL (PATH_MAX), in bytes. */
const MAX_NAME_LENGTH = 4096;

/**
 * The name that the program was started by, which a link, a script or a changed argv[0] hides elsewhere; from the process's
 * own stack, so a process can write over it too. Undefined where it is not in the archive.
 */
export async function readExecutedName(
  space: AddressSpace,
  auxiliaryVector: readonly bigint[],
): Promise<string | undefined> {
  const index = auxiliaryVector.findIndex((word, at) => at % 2 === 0 && word === AT_EXECFN);
  const start = index < 0 ? undefined : auxiliaryVector[index + 1];
  if (start === undefined || start > MAX_ADDRESS) return undefined;
  const { bytes, extents } = await space.read(start, MAX_NAME_LENGTH);
  const gap = extents.find(({ origin }) => origin !== 'present');
  const there = gap === undefined ? bytes : bytes.subarray(0, Number(gap.start - start));
  const end = there.indexOf(0);
  return end <= 0 ? undefined : new TextDecoder().decode(there.subarray(0, end));
}

/** The last address from which a name can be read without leaving 64 bits. */
const MAX_ADDRESS = (1n << 64n) - BigInt(MAX_NAME_LENGTH);

/** The bytes of a range as far as they are in the archive without a gap; undefined when the first is not. */
async function readBlock(
  space: AddressSpace,
  [start, end]: Range,
  what: string,
  budget: StringBudget,
): Promise<Uint8Array | undefined> {
  const length = end - start;
  if (length <= 0n) return new Uint8Array(0);
  if (length > BigInt(MAX_BLOCK_LENGTH)) {
    budget.notes.warn(`${what} claims ${length} bytes, more than any kernel allows; not read`);
    return undefined;
  }
  if (!budget.takeBytes(Number(length), what)) return undefined;
  const { bytes, extents } = await space.read(start, Number(length));
  const gap = extents.find(({ origin }) => origin !== 'present');
  if (gap === undefined) return bytes;
  const there = Number(gap.start - start);
  const how =
    there === 0 ? 'cannot be read: its memory' : `can be read for its first ${there} bytes only: the rest`;
  budget.notes.warn(`${what} ${how} is not in the archive (${gap.origin})`);
  return there === 0 ? undefined : bytes.subarray(0, there);
}

function endOfString(block: Uint8Array, start: number): number {
  const found = block.indexOf(0, start);
  return found < 0 ? block.length : found;
}

/**
 * Splits at NUL bytes; text behind the last one counts, empty strings inside too. One empty string at the end may be an
 * argument; more of them are the zeros with which a program padded its new title.
 */
function splitStrings(padded: Uint8Array, what: string, budget: StringBudget): string[] {
  const decoder = new TextDecoder();
  const strings: string[] = [];
  const block = withoutPadding(padded);
  for (let start = 0; start < block.length; ) {
    if (!budget.takeString(what)) break;
    const end = endOfString(block, start);
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
