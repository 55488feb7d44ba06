/**
 * What kind each socket is: the kernel calls its protocol by a name (`TCP`, `UNIX-STREAM`, `NETLINK`, `AF_VSOCK`) in an extended
 * attribute, for sockets too that no table of /proc/net has (sockfs_xattr_get of net/socket.c).
 */
import type { CLibrary } from './c-library.ts';
import type { GatheredProcess } from './gathered.ts';

/** By the link of the descriptor, `socket:[12]`. */
export type SocketProtocols = ReadonlyMap<string, string>;

/** At two microseconds each while the container stands still. */
const MAX_SOCKETS = 65_536;
const ATTRIBUTE = 'system.sockprotoname';
/** The kernel's names have 32 bytes at most (struct proto). */
const NAME_BYTES = 64;

export function readSocketProtocols(
  library: CLibrary,
  processes: readonly GatheredProcess[],
  proc = '/proc',
): SocketProtocols {
  const getxattr = library.function('intptr_t getxattr(const char *, const char *, void *, size_t)');
  const found = new Map<string, string>();
  for (const { pid, descriptors } of processes) {
    for (const { fd, link } of descriptors) {
      if (!link.startsWith('socket:[') || found.has(link) || found.size >= MAX_SOCKETS) continue;
      const name = Buffer.alloc(NAME_BYTES);
      const length = Number(getxattr(`${proc}/${pid}/fd/${fd}`, ATTRIBUTE, name, name.length));
      if (length > 0) found.set(link, name.toString('latin1', 0, length).replace(/\0.*$/s, ''));
    }
  }
  return found;
}
