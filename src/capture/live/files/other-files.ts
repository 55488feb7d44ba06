/** What is neither in a folder nor a socket: pipes, pidfds, eBPF maps, tun devices. */
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { GatheredDescriptor } from '../look/gathered.ts';
import { type DescriptorInfo, hexNumber, lineValue, wholeNumber } from '../proc/descriptor-info.ts';
import { deviceNumber } from '../proc/device-number.ts';
import { statusNumbers } from '../proc/status.ts';
import { UNKNOWN_OWNER } from './file-book.ts';
import { isCharacterDevice } from './named-file.ts';

type Maker = (id: number) => Omit<FileEntry, 'id'>;

const word = (value: bigint): number => Number(BigInt.asUintN(32, value));

/** A number of a line of fdinfo in decimal digits. */
const decimal = ({ lines }: DescriptorInfo, name: string): number =>
  word(wholeNumber(lineValue(lines, name)));

/** Two ends of one pipe have its inode number. */
export function pipeEntry(link: string, { flags }: DescriptorInfo): Maker | undefined {
  const inode = /^pipe:\[(\d{1,20})\]$/.exec(link)?.[1];
  if (inode === undefined) return undefined;
  const pipe = { pipe_id: word(BigInt(inode)), flags, fown: UNKNOWN_OWNER };
  return (id) => ({ type: 'PIPE', pipe: { id, ...pipe } });
}

/** `depth`: how many PID namespaces lie between the node's and the container's, both counted. */
export function pidfdEntry(
  { link, stat }: GatheredDescriptor,
  info: DescriptorInfo,
  depth: number,
): Maker | undefined {
  if (!/^(?:anon_inode:\[pidfd\]|pidfd:\[\d+\])$/.test(link)) return undefined;
  const numbers = new Map([['NSpid', lineValue(info.lines, 'NSpid:') ?? '']]);
  // A process that has ended has no number; -1 is what the kernel shows for it.
  const nspid = statusNumbers(numbers, 'NSpid')[depth - 1] ?? -1;
  const pidfd = { ino: word(stat?.ino ?? 0n), flags: info.flags, nspid, fown: UNKNOWN_OWNER };
  return (id) => ({ type: 'PIDFD', pidfd: { id, ...pidfd } });
}

export function bpfMapEntry(link: string, info: DescriptorInfo): Maker | undefined {
  if (link !== 'anon_inode:bpf-map') return undefined;
  const hex = (name: string): bigint => hexNumber((lineValue(info.lines, name) ?? '').replace(/^0x/, ''));
  const bpf = {
    flags: info.flags,
    pos: info.position,
    fown: UNKNOWN_OWNER,
    map_type: decimal(info, 'map_type:'),
    key_size: decimal(info, 'key_size:'),
    value_size: decimal(info, 'value_size:'),
    map_id: decimal(info, 'map_id:'),
    max_entries: decimal(info, 'max_entries:'),
    map_flags: word(hex('map_flags:')),
    memlock: wholeNumber(lineValue(info.lines, 'memlock:')),
    frozen: decimal(info, 'frozen:') !== 0,
    // The kernel tells the name to bpf(BPF_OBJ_GET_INFO_BY_FD) only.
    map_name: '',
    ifindex: 0,
    mnt_id: info.mountId,
    map_extra: hex('map_extra:'),
  };
  return (id) => ({ type: 'BPFMAP', bpf: { id, ...bpf } });
}

/** Major and minor of /dev/net/tun (Documentation/admin-guide/devices.txt). */
const TUN = { major: 10, minor: 200 };

export function tunEntry({ stat }: GatheredDescriptor, info: DescriptorInfo): Maker | undefined {
  if (stat === undefined || !isCharacterDevice(stat)) return undefined;
  const { major, minor } = deviceNumber(stat.rdev);
  if (major !== TUN.major || minor !== TUN.minor) return undefined;
  const netdev = lineValue(info.lines, 'iff:') || undefined;
  return (id) => ({ type: 'TUNF', tunf: { id, netdev } });
}
