/**
 * Every kind of image that CRIU 4.2 writes: its magic, the name of its file, its messages, and what follows them.
 * Facts: CRIU 4.2, criu/include/magic.h (magics), criu/image-desc.c (file names); what follows a message was checked in
 * recorded images. `%u` and `%d` in a file name stand for a decimal number, `%x` for a hexadecimal one, `%s` for a word.
 */
import type { MessageOf, MessageSchema } from './schema.ts';
import { cgroupEntry } from './schemas/cgroup.ts';
import * as events from './schemas/event-files.ts';
import * as files from './schemas/files.ts';
import { cpuinfoEntry, inventoryEntry, statsEntry } from './schemas/inventory.ts';
import { ipcMsgEntry, ipcSemEntry, ipcShmEntry, ipcVarEntry } from './schemas/ipc.ts';
import { memfdInodeEntry, mmEntry, pagemapEntry, pagemapHead, vmaEntry } from './schemas/memory.ts';
import { autofsEntry, binfmtMiscEntry, mntEntry } from './schemas/mounts.ts';
import { pidnsEntry, timensEntry, usernsEntry, utsnsEntry } from './schemas/namespaces.ts';
import { netDeviceEntry, netnsEntry, tunfileEntry } from './schemas/network.ts';
import { coreEntry, credsEntry, pstreeEntry, rlimitEntry, taskKobjIdsEntry } from './schemas/process.ts';
import { apparmorEntry, seccompEntry } from './schemas/security.ts';
import * as sockets from './schemas/sockets.ts';
import { ttyDataEntry, ttyFileEntry, ttyInfoEntry } from './schemas/terminals.ts';
import { itimerEntry, posixTimerEntry, saEntry, siginfoEntry } from './schemas/timers-signals.ts';

/** The first word of common images. */
export const COMMON_MAGIC = 0x54564319;
/** The first word of images about CRIU itself: statistics and caches. */
export const SERVICE_MAGIC = 0x55105940;

/**
 * What follows a message. The rules are methods, so that a kind of any message is an `ImageKind`. Lengths in bytes; `paddedTo` says
 * to what multiple they are rounded up in the image.
 */
export type ExtraRule<T> =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'bytes';
      /** The parts, one behind the other; undefined where nothing follows this message. */
      parts(message: T): readonly (number | bigint)[] | undefined;
      readonly paddedTo: number;
    }
  /** `count` times a u32 size, an ipc_msg of that size and its text, rounded up to 8. */
  | { readonly kind: 'ipc-messages'; count(message: T): number }
  /** Everything up to the end of the image. */
  | { readonly kind: 'rest'; applies(message: T): boolean };

/** A kind of image made of messages. */
export interface ImageKind<First = unknown, Later = First> {
  readonly layout: 'framed';
  /** As crit prints it. */
  readonly name: string;
  readonly magic: number;
  readonly file: string;
  /** The message of the first entry, and of all others unless `later` is there. */
  readonly first: MessageSchema<First>;
  readonly later: MessageSchema<Later>;
  /** What follows the first and the later messages. */
  readonly extra: ExtraRule<First>;
  readonly laterExtra: ExtraRule<Later>;
}

/** A kind of image without header, in a format that is not CRIU's own. */
export interface RawKind {
  readonly layout: 'raw';
  readonly name: string;
  readonly file: string;
  /** What is in it, for people. */
  readonly content: string;
}

const NONE = { kind: 'none' } as const;

function kind<T>(
  name: string,
  magic: number,
  file: string,
  schema: MessageSchema<T>,
  extra: ExtraRule<T> = NONE,
): ImageKind<T> {
  return {
    layout: 'framed',
    name,
    magic,
    file: `${file}.img`,
    first: schema,
    later: schema,
    extra,
    laterExtra: extra,
  };
}

function bytesBehind<T>(
  parts: (message: T) => readonly (number | bigint)[] | undefined,
  paddedTo = 1,
): ExtraRule<T> {
  return { kind: 'bytes', parts, paddedTo };
}

const pipeData = bytesBehind<MessageOf<typeof files.pipeDataEntry>>((pipe) => [pipe.bytes]);

/** A head with the number of the pages image, then a run of pages an entry. */
const pagemap: ImageKind<MessageOf<typeof pagemapHead>, MessageOf<typeof pagemapEntry>> = {
  layout: 'framed',
  name: 'PAGEMAP',
  magic: 0x56084025,
  file: 'pagemap-%u.img',
  first: pagemapHead,
  later: pagemapEntry,
  extra: NONE,
  laterExtra: NONE,
};

/** The file's attributes, then its content; with `chunks` the data between its holes, each piece behind a message. */
const ghostFile: ImageKind<files.GhostFileEntry, files.GhostChunkEntry> = {
  layout: 'framed',
  name: 'GHOST_FILE',
  magic: 0x52583605,
  file: 'ghost-file-%x.img',
  first: files.ghostFileEntry,
  later: files.ghostChunkEntry,
  extra: { kind: 'rest', applies: (ghost) => ghost.chunks !== true },
  laterExtra: bytesBehind((chunk) => [chunk.len]),
};

/** Kinds by the name that the code calls them by. */
export const imageKinds = {
  inventory: kind('INVENTORY', 0x58313116, 'inventory', inventoryEntry),
  cpuinfo: kind('CPUINFO', 0x61404013, 'cpuinfo', cpuinfoEntry),
  stats: { ...kind('STATS', 0x57093306, 'stats-%s', statsEntry), file: 'stats-%s' },
  irmapCache: {
    ...kind('IRMAP_CACHE', 0x57004059, 'irmap-cache', events.irmapCacheEntry),
    file: 'irmap-cache',
  },

  pstree: kind('PSTREE', 0x50273030, 'pstree', pstreeEntry),
  core: kind('CORE', 0x55053847, 'core-%u', coreEntry),
  ids: kind('IDS', 0x54432030, 'ids-%u', taskKobjIdsEntry),
  creds: kind('CREDS', 0x54023547, 'creds-%u', credsEntry),
  sigact: kind('SIGACT', 0x55344201, 'sigacts-%u', saEntry),
  itimers: kind('ITIMERS', 0x57464056, 'itimers-%u', itimerEntry),
  posixTimers: kind('POSIX_TIMERS', 0x52603957, 'posix-timers-%u', posixTimerEntry),
  rlimit: kind('RLIMIT', 0x57113925, 'rlimit-%u', rlimitEntry),
  /** signal-s-PID.img (of the process) and signal-p-TID.img (of a thread) share a magic. */
  signal: kind('SIGNAL', 0x59255647, 'signal-%s-%u', siginfoEntry),
  seccomp: kind('SECCOMP', 0x64413049, 'seccomp', seccompEntry),
  apparmor: kind('APPARMOR', 0x59423047, 'apparmor', apparmorEntry),
  cgroup: kind('CGROUP', 0x59383330, 'cgroup', cgroupEntry),

  mm: kind('MM', 0x57492820, 'mm-%u', mmEntry),
  vmas: kind('VMAS', 0x54123737, 'vmas-%u', vmaEntry),
  pagemap,
  /** Shared memory: the same format under another name. */
  pagemapShmem: { ...pagemap, file: 'pagemap-shmem-%u.img' },
  memfd: kind('MEMFD_INODE', 0x48453499, 'memfd', memfdInodeEntry),

  fdinfo: kind('FDINFO', 0x56213732, 'fdinfo-%u', files.fdinfoEntry),
  files: kind('FILES', 0x56303138, 'files', files.fileEntry),
  fs: kind('FS', 0x51403912, 'fs-%u', files.fsEntry),
  regFiles: kind('REG_FILES', 0x50363636, 'reg-files', files.regFileEntry),
  extFiles: kind('EXT_FILES', 0x59255641, 'ext-files', files.extFileEntry),
  nsFiles: kind('NS_FILES', 0x61394011, 'ns-files', files.nsFileEntry),
  remapFpath: kind('REMAP_FPATH', 0x59133954, 'remap-fpath', files.remapFilePathEntry),
  ghostFile,
  fileLocks: kind('FILE_LOCKS', 0x54323616, 'filelocks', files.fileLockEntry),
  pidfd: kind('PIDFD', 0x54435556, 'pidfd', files.pidfdEntry),
  bpfmapFile: kind('BPFMAP_FILE', 0x57506142, 'bpfmap-file', files.bpfmapFileEntry),
  bpfmapData: kind(
    'BPFMAP_DATA',
    0x64324033,
    'bpfmap-data',
    files.bpfmapDataEntry,
    bytesBehind((map) => [map.keys_bytes, map.values_bytes]),
  ),
  pipes: kind('PIPES', 0x56513555, 'pipes', files.pipeEntry),
  pipesData: kind('PIPES_DATA', 0x56453709, 'pipes-data', files.pipeDataEntry, pipeData),
  fifo: kind('FIFO', 0x58364939, 'fifo', files.fifoEntry),
  fifoData: kind('FIFO_DATA', 0x59333054, 'fifo-data', files.pipeDataEntry, pipeData),

  eventfd: kind('EVENTFD_FILE', 0x44523722, 'eventfd', events.eventfdFileEntry),
  eventpoll: kind('EVENTPOLL_FILE', 0x45023858, 'eventpoll', events.eventpollFileEntry),
  eventpollTfd: kind('EVENTPOLL_TFD', 0x44433746, 'eventpoll-tfd', events.eventpollTfdEntry),
  signalfd: kind('SIGNALFD', 0x57323820, 'signalfd', events.signalfdEntry),
  timerfd: kind('TIMERFD', 0x50493712, 'timerfd', events.timerfdEntry),
  inotify: kind('INOTIFY_FILE', 0x48424431, 'inotify', events.inotifyFileEntry),
  inotifyWd: kind('INOTIFY_WD', 0x54562009, 'inotify-wd', events.inotifyWdEntry),
  fanotify: kind('FANOTIFY_FILE', 0x55096122, 'fanotify', events.fanotifyFileEntry),
  fanotifyMark: kind('FANOTIFY_MARK', 0x56506035, 'fanotify-mark', events.fanotifyMarkEntry),

  inetsk: kind('INETSK', 0x56443851, 'inetsk', sockets.inetSkEntry),
  unixsk: kind('UNIXSK', 0x54373943, 'unixsk', sockets.unixSkEntry),
  packetsk: kind('PACKETSK', 0x60454618, 'packetsk', sockets.packetSockEntry),
  netlinksk: kind('NETLINK_SK', 0x58005614, 'netlinksk', sockets.netlinkSkEntry),
  skQueues: kind(
    'SK_QUEUES',
    0x56264026,
    'sk-queues',
    sockets.skPacketEntry,
    bytesBehind((packet) => [packet.length]),
  ),
  tcpStream: kind(
    'TCP_STREAM',
    0x51465506,
    'tcp-stream-%x',
    sockets.tcpStreamEntry,
    bytesBehind((stream) => [stream.inq_len, stream.outq_len]),
  ),

  tty: kind('TTY_FILES', 0x59433025, 'tty', ttyFileEntry),
  ttyInfo: kind('TTY_INFO', 0x59453036, 'tty-info', ttyInfoEntry),
  ttyData: kind('TTY_DATA', 0x59413026, 'tty-data', ttyDataEntry),

  mountpoints: kind('MNTS', 0x55563928, 'mountpoints-%u', mntEntry),
  autofs: kind('AUTOFS', 0x49353943, 'autofs-%u', autofsEntry),
  binfmtMisc: kind('BINFMT_MISC', 0x67343323, 'binfmt-misc', binfmtMiscEntry),

  utsns: kind('UTSNS', 0x54473203, 'utsns-%u', utsnsEntry),
  userns: kind('USERNS', 0x55474906, 'userns-%u', usernsEntry),
  timens: kind('TIMENS', 0x43114433, 'timens-%u', timensEntry),
  pidns: kind('PIDNS', 0x61157326, 'pidns-%u', pidnsEntry),
  netns: kind('NETNS', 0x55933752, 'netns-%u', netnsEntry),
  netdev: kind('NETDEV', 0x57373951, 'netdev-%u', netDeviceEntry),
  tunfile: kind('TUNFILE', 0x57143751, 'tunfile', tunfileEntry),

  ipcVar: kind('IPC_VAR', 0x53115007, 'ipcns-var-%u', ipcVarEntry),
  ipcShm: kind(
    'IPCNS_SHM',
    0x46283044,
    'ipcns-shm-%u',
    ipcShmEntry,
    bytesBehind((segment) => (segment.in_pagemaps === true ? undefined : [segment.size]), 4),
  ),
  ipcMsg: kind('IPCNS_MSG', 0x55453737, 'ipcns-msg-%u', ipcMsgEntry, {
    kind: 'ipc-messages',
    count: (queue) => queue.qnum,
  }),
  ipcSem: kind(
    'IPCNS_SEM',
    0x59573019,
    'ipcns-sem-%u',
    ipcSemEntry,
    bytesBehind((set) => [set.nsems * 2], 8),
  ),
} as const;

/** Images without header. */
export const rawKinds: readonly RawKind[] = [
  raw(
    'PAGES',
    'pages-%u.img',
    'memory pages one after another; the pagemap image of the same number places them',
  ),
  raw('SHM_PAGES', 'pages-shmem-%d.img', 'pages of shared memory as older CRIU wrote them'),
  raw('IFADDR', 'ifaddr-%u.img', 'network addresses: netlink messages as `ip addr save` writes them'),
  raw('ROUTE', 'route-%u.img', 'IPv4 routes: netlink messages as `ip route save` writes them'),
  raw('ROUTE6', 'route6-%u.img', 'IPv6 routes: netlink messages as `ip -6 route save` writes them'),
  raw('RULE', 'rule-%u.img', 'routing rules: netlink messages as `ip rule save` writes them'),
  raw('IPTABLES', 'iptables-%u.img', 'IPv4 firewall rules: the text of iptables-save'),
  raw('IP6TABLES', 'ip6tables-%u.img', 'IPv6 firewall rules: the text of ip6tables-save'),
  raw('NFTABLES', 'nftables-%u.img', 'firewall rules: the text of `nft list ruleset`'),
  raw('NETNF_CT', 'netns-ct-%u.img', 'connection tracking: nfnetlink messages'),
  raw('NETNF_EXP', 'netns-exp-%u.img', 'expected connections: nfnetlink messages'),
  raw('TMPFS_IMG', 'tmpfs-%u.tar.gz.img', 'the files of a tmpfs: a gzip tar'),
  raw('TMPFS_DEV', 'tmpfs-dev-%u.tar.gz.img', 'the files of a tmpfs, by device number: a gzip tar'),
  raw('KDAT', 'criu.kdat', 'what CRIU found out about the kernel: a struct of its own'),
  raw('AMDGPU', 'amdgpu-%s.img', 'the state of an AMD GPU, in the format of that plugin'),
];

function raw(name: string, file: string, content: string): RawKind {
  return { layout: 'raw', name, file, content };
}

export const allKinds: readonly ImageKind[] = Object.values(imageKinds);
const kindsByMagic = new Map<number, ImageKind>();
for (const each of allKinds) if (!kindsByMagic.has(each.magic)) kindsByMagic.set(each.magic, each);

/** The kind of a type magic, or undefined. */
export function kindOfMagic(magic: number): ImageKind | undefined {
  return kindsByMagic.get(magic);
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  u: '\\d+',
  d: '-?\\d+',
  x: '[0-9a-f]+',
  s: '[a-z0-9_-]+',
};

function matcher(file: string): RegExp {
  const escaped = file
    .replaceAll('.', '\\.')
    .replaceAll(/%([udxs])/g, (_, letter: string) => PLACEHOLDERS[letter] ?? '');
  return new RegExp(`^${escaped}$`);
}

const rawMatchers = rawKinds.map((each) => ({ kind: each, matcher: matcher(each.file) }));
const framedMatchers = allKinds.map((each) => ({ kind: each, matcher: matcher(each.file) }));

/** The raw kind of a file name (a path's last part counts), or undefined. */
export function rawKindOf(name: string): RawKind | undefined {
  const file = name.slice(name.lastIndexOf('/') + 1);
  return rawMatchers.find((each) => each.matcher.test(file))?.kind;
}

/** Whether CRIU would give an image this name. */
export function isImageName(name: string): boolean {
  const file = name.slice(name.lastIndexOf('/') + 1);
  return rawKindOf(name) !== undefined || framedMatchers.some((each) => each.matcher.test(file));
}
