/**
 * The memory mappings of a process from /proc/PID/smaps or, where the kernel has none, /proc/PID/maps (proc(5)): lines
 * `START-END PERMS OFFSET MAJOR:MINOR INODE PATH`, in smaps each followed by `Name: value` lines, of which `VmFlags` has
 * what else the kernel knows of the mapping in words of two letters (Documentation/filesystems/proc.rst).
 */

export interface Mapping {
  readonly start: bigint;
  /** Exclusive. */
  readonly end: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly shared: boolean;
  /** Bytes in the mapped file. */
  readonly offset: bigint;
  readonly major: number;
  readonly minor: number;
  /** 0 for private anonymous memory. */
  readonly inode: bigint;
  /** As the kernel writes it, octal escapes (`\012`) undone: a path, `[heap]`, `/memfd:x (deleted)`, or empty. */
  readonly path: string;
  /** `io`, `pf`, `gd`, `dd`…; empty where only maps could be read. */
  readonly flags: ReadonlySet<string>;
}

const HEADER =
  /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-])([w-])([x-])([ps]) ([0-9a-f]{1,16}) ([0-9a-f]{1,8}):([0-9a-f]{1,8}) (\d{1,20})(?: +(.*))?$/;
const FLAGS = 'VmFlags:';

/** The mappings in ascending order of address; lines that are none are left out. */
export function parseMappings(text: string): readonly Mapping[] {
  const mappings: Mapping[] = [];
  let flags = new Set<string>();
  for (const line of text.split('\n')) {
    if (line.startsWith(FLAGS)) {
      for (const flag of line.slice(FLAGS.length).trim().split(' ')) flags.add(flag);
      continue;
    }
    const header = HEADER.exec(line);
    if (header === null) continue;
    flags = new Set();
    mappings.push(readHeader(header, flags));
  }
  return mappings;
}

function readHeader(header: RegExpExecArray, flags: ReadonlySet<string>): Mapping {
  const [, start, end, read, write, execute, share, offset, major, minor, inode, path = ''] = header;
  return {
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    readable: read === 'r',
    writable: write === 'w',
    executable: execute === 'x',
    shared: share === 's',
    offset: BigInt(`0x${offset}`),
    major: Number(`0x${major}`),
    minor: Number(`0x${minor}`),
    inode: BigInt(inode ?? 0),
    path: unescapePath(path),
    flags,
  };
}

/** The kernel escapes line feeds only (seq_file_path of fs/proc/task_mmu.c). */
const unescapePath = (path: string): string => path.replaceAll('\\012', '\n');
