/**
 * /proc/PID/fdinfo/FD (proc(5), kernel Documentation/filesystems/proc.rst): `pos`, `flags` in octal, `mnt_id` and `ino`, then
 * lines that the kind of file adds.
 */

export interface DescriptorInfo {
  /** Bytes. */
  readonly position: bigint;
  /** O_* as fcntl(F_GETFL) gives them: without O_CLOEXEC, which belongs to the descriptor. */
  readonly flags: number;
  readonly closeOnExec: boolean;
  /** A mount id of mountinfo, or of a mount that no namespace shows. */
  readonly mountId: number | undefined;
  /** What the kind of file adds. */
  readonly lines: readonly string[];
}

const O_CLOEXEC = 0o2000000;
/** The file is only a place in the tree: nothing was opened (open(2)); the number is x86-64's and aarch64's. */
export const O_PATH = 0o10000000;

export function parseDescriptorInfo(text: string): DescriptorInfo {
  const lines = text.split('\n');
  const value = (name: string): string | undefined => lineValue(lines, `${name}:`);
  const flags = Number.parseInt(value('flags') ?? '0', 8) || 0;
  const mountId = value('mnt_id');
  return {
    position: wholeNumber(value('pos')),
    flags: flags & ~O_CLOEXEC,
    closeOnExec: (flags & O_CLOEXEC) !== 0,
    mountId: mountId === undefined ? undefined : Number(wholeNumber(mountId)),
    lines: lines.filter((line) => line !== '' && !/^(?:pos|flags|mnt_id|ino):/.test(line)),
  };
}

/** What stands behind `name` at the beginning of a line, without the blanks around it. */
export function lineValue(lines: readonly string[], name: string): string | undefined {
  return lines
    .find((line) => line.startsWith(name))
    ?.slice(name.length)
    .trim();
}

/** A number in decimal digits that 64 bits hold; 0 for what is none. */
export const wholeNumber = (text: string | undefined): bigint =>
  text !== undefined && /^\d{1,20}$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : 0n;

/** A number in hexadecimal digits that 64 bits hold; 0 for what is none. */
export const hexNumber = (text: string | undefined): bigint =>
  text !== undefined && /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : 0n;
