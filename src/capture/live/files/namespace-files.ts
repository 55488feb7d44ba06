/** Namespaces as CRIU's images name them. */
import type { FileEntry } from '../../../criu/schemas/files.ts';
import type { DescriptorInfo } from '../proc/descriptor-info.ts';

/**
 * The number of a namespace in the names and messages of images. CRIU counts them; here it is the inode number that the
 * kernel shows (32 bits), so that every image of the capture has the same one without asking another.
 */
export const namespaceId = (inode: bigint): number => Number(BigInt.asUintN(32, inode));

/** CLONE_NEW* of include/uapi/linux/sched.h, by the names of /proc/PID/ns. */
const CLONE_FLAGS: Readonly<Record<string, number>> = {
  time: 0x80,
  mnt: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
};

const LINK = /^(time|mnt|cgroup|uts|ipc|user|pid|net):\[(\d{1,10})\]$/;

/** The entry of a descriptor whose link is `net:[4026531840]`; undefined for other links. */
export function namespaceEntry(
  link: string,
  { flags }: DescriptorInfo,
): ((id: number) => Omit<FileEntry, 'id'>) | undefined {
  const [, kind, inode] = LINK.exec(link) ?? [];
  if (kind === undefined || inode === undefined) return undefined;
  const ns = { ns_id: namespaceId(BigInt(inode)), ns_cflag: CLONE_FLAGS[kind] ?? 0, flags };
  return (id) => ({ type: 'NS', nsf: { id, ...ns } });
}
