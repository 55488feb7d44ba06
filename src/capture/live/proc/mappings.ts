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
  /** Bytes in memory or in swap, of smaps; undefined where only maps could be read. */
  readonly held?: bigint | undefined;
}

const HEADER =
  /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-])([w-])([x-])([ps]) ([0-9a-f]{1,16}) ([0-9a-f]{1,8}):([0-9a-f]{1,8}) (\d{1,20})(?: +(.*))?$/;
const FLAGS = 'VmFlags:';
/** Huge pages of hugetlbfs are not counted in Rss. */
const HELD = /^(?:Rss|Swap|Shared_Hugetlb|Private_Hugetlb): +(\d{1,15}) kB$/;

/** The mappings in ascending order of address; lines that are none are left out. */
export function parseMappings(text: string): readonly Mapping[] {
  const mappings: MutableMapping[] = [];
  for (const line of text.split('\n')) {
    const header = HEADER.exec(line);
    if (header !== null) mappings.push(readHeader(header));
    else readDetail(line, mappings.at(-1));
  }
  return mappings;
}

interface MutableMapping extends Mapping {
  readonly flags: Set<string>;
  held?: bigint;
}

function readDetail(line: string, mapping: MutableMapping | undefined): void {
  if (mapping === undefined) return;
  if (line.startsWith(FLAGS)) {
    for (const flag of line.slice(FLAGS.length).trim().split(' ')) mapping.flags.add(flag);
  }
  const kibibytes = HELD.exec(line)?.[1];
  if (kibibytes !== undefined) mapping.held = (mapping.held ?? 0n) + BigInt(kibibytes) * 1024n;
}

function readHeader(header: RegExpExecArray): MutableMapping {
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
    flags: new Set(),
  };
}

/** The kernel escapes line feeds only (seq_file_path of fs/proc/task_mmu.c). */
const unescapePath = (path: string): string => path.replaceAll('\\012', '\n');
