/**
 * How crit shows numbers with --pretty: hexadecimal, device numbers, addresses, flags and words by name.
 * Facts: the (criu) options in images/*.proto of CRIU 4.2 say which field is shown how; names and values are those of the
 * kernel's headers (mman.h, fcntl.h, socket.h, tcp_states.h) and of criu/include/image.h (VMA_*) and pagemap.h (PE_*).
 */
import type { JsonValue } from './python-json.ts';
import type { NamedField, Presentation } from './schema.ts';

type FlagTable = readonly (readonly [name: string, bit: number])[];

/** The names of bits, by the presentation of the field. */
export const VALUE_FLAGS: Readonly<Partial<Record<Presentation, FlagTable>>> = {
  'mmap.prot': [
    ['PROT_READ', 1],
    ['PROT_WRITE', 2],
    ['PROT_EXEC', 4],
  ],
  'mmap.flags': [
    ['MAP_SHARED', 1],
    ['MAP_PRIVATE', 2],
    ['MAP_DROPPABLE', 8],
    ['MAP_ANON', 0x20],
    ['MAP_GROWSDOWN', 0x100],
  ],
  'mmap.status': [
    ['VMA_AREA_REGULAR', 2 ** 0],
    ['VMA_AREA_STACK', 2 ** 1],
    ['VMA_AREA_VSYSCALL', 2 ** 2],
    ['VMA_AREA_VDSO', 2 ** 3],
    ['VMA_AREA_HEAP', 2 ** 5],
    ['VMA_FILE_PRIVATE', 2 ** 6],
    ['VMA_FILE_SHARED', 2 ** 7],
    ['VMA_ANON_SHARED', 2 ** 8],
    ['VMA_ANON_PRIVATE', 2 ** 9],
    ['VMA_AREA_SYSVIPC', 2 ** 10],
    ['VMA_AREA_SOCKET', 2 ** 11],
    ['VMA_AREA_VVAR', 2 ** 12],
    ['VMA_AREA_AIORING', 2 ** 13],
    ['VMA_AREA_MEMFD', 2 ** 14],
    ['VMA_AREA_SHSTK', 2 ** 15],
    ['VMA_AREA_UPROBES', 2 ** 17],
    ['VMA_UNSUPP', 2 ** 31],
  ],
  'rfile.flags': [
    ['O_WRONLY', 0o1],
    ['O_RDWR', 0o2],
    ['O_CREAT', 0o100],
    ['O_EXCL', 0o200],
    ['O_NOCTTY', 0o400],
    ['O_TRUNC', 0o1000],
    ['O_APPEND', 0o2000],
    ['O_NONBLOCK', 0o4000],
    ['O_DSYNC', 0o10000],
    ['FASYNC', 0o20000],
    ['O_DIRECT', 0o40000],
    ['O_LARGEFILE', 0o100000],
    ['O_DIRECTORY', 0o200000],
    ['O_NOFOLLOW', 0o400000],
    ['O_NOATIME', 0o1000000],
    ['O_CLOEXEC', 0o2000000],
  ],
  'pmap.flags': [
    ['PE_PARENT', 1],
    ['PE_LAZY', 2],
    ['PE_PRESENT', 4],
  ],
  'seals.flags': [
    ['F_SEAL_SEAL', 1],
    ['F_SEAL_SHRINK', 2],
    ['F_SEAL_GROW', 4],
    ['F_SEAL_WRITE', 8],
    ['F_SEAL_FUTURE_WRITE', 16],
  ],
};

type Words = Readonly<Record<number, string>>;

/** Socket words, by the name of the field. */
export const SOCKET_WORDS: Readonly<Record<string, Words>> = {
  family: { 1: 'UNIX', 2: 'INET', 10: 'INET6', 16: 'NETLINK', 17: 'PACKET' },
  type: { 1: 'STREAM', 2: 'DGRAM', 3: 'RAW', 5: 'SEQPACKET', 10: 'PACKET' },
  state: {
    1: 'ESTABLISHED',
    2: 'SYN_SENT',
    3: 'SYN_RECV',
    4: 'FIN_WAIT1',
    5: 'FIN_WAIT2',
    6: 'TIME_WAIT',
    7: 'CLOSE',
    8: 'CLOSE_WAIT',
    9: 'LAST_ACK',
    10: 'LISTEN',
  },
  proto: { 0: 'IP', 6: 'TCP', 17: 'UDP', 136: 'UDPLITE' },
};

/** Words of a task’s state. */
export const TASK_STATES: Words = { 1: 'Alive', 3: 'Zombie', 6: 'Stopped' };

/** One number as crit shows it with --pretty. `isHex` is set inside messages that are shown in hexadecimal. */
export function prettyNumber(field: NamedField, value: number | bigint, isHex: boolean): JsonValue {
  const { presentation } = field;
  if (isHex || presentation === 'hex') return hexadecimal(value);
  if (presentation === undefined) return value;
  const flags = VALUE_FLAGS[presentation];
  if (flags !== undefined) return flagNames(Number(value), flags);
  switch (presentation) {
    case 'dev':
      return kernelDevice(Number(value));
    case 'odev':
      return libraryDevice(Number(value));
    case 'socket':
      return SOCKET_WORDS[field.name]?.[Number(value)] ?? value;
    case 'task-state':
      return TASK_STATES[Number(value)] ?? value;
    default:
      return value;
  }
}

function hexadecimal(value: number | bigint): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** Bits without a name come last, in hexadecimal. */
function flagNames(value: number, table: FlagTable): string {
  const names: string[] = [];
  let rest = value >>> 0;
  for (const [name, bit] of table) {
    if ((value & bit) === 0) continue;
    names.push(name);
    rest = (rest & ~bit) >>> 0;
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.join(' | ');
}

/** The kernel's own encoding: 20 bits of minor number below the major one. */
function kernelDevice(value: number): string {
  return `${Math.floor(value / 2 ** 20)}:${value % 2 ** 20}`;
}

/** The C library's encoding (gnu_dev_makedev), of which 32 bits are stored. */
function libraryDevice(value: number): string {
  return `${(value >>> 8) & 0xfff}:${(value & 0xff) | ((value >>> 12) & 0xfff00)}`;
}
