/** Kinds of files that a test cannot make everywhere, as the kernel showed them (6.18, x86-64). */

import { describe, expect, it } from 'vitest';
import { imageKinds } from '../../../criu/image-kinds.ts';
import { imageMessages } from '../../testing/image-messages.ts';
import type { GatheredContainer, GatheredDescriptor, GatheredStat } from '../look/gathered.ts';
import { parseMappings } from '../proc/mappings.ts';
import { fakeProcess } from '../testing/fake-process.ts';
import { DeletedFiles } from './deleted-files.ts';
import { buildFileImages } from './file-images.ts';

const MOUNTS = `22 1 0:58 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b
23 22 0:5 / /dev rw,nosuid shared:7 master:8 - tmpfs tmpfs rw,size=65536k
24 23 0:6 / /dev/a\\040b ro - nonesuch none rw
`;
const NETWORK = {
  tcp: `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 000000005787cd7e 100 0 0 10 0
   1: 0100007F:1F90 0200000A:C350 01 00000003:0000000A 01:00000014 00000002  1000        0 102 1 000000005787cd7e 20 4 30 10 -1
`,
  raw: ` 123: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 103 2 00000000a27428d7 0
`,
  udp6: `16274: 00000000000000000000000001000000:1E61 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 104 2 00000000f2cc521a 0
`,
  packet: `00000000ae563df7 3      3    0003   5     1 0      0      105
`,
  netlink: `00000000e1043f2d 10  7          00000011 0        0        0     2        0        106
`,
  unix: `000000000379a359: 00000002 00000000 00010000 0001 01 107 @abs@x
00000000a61b459a: 00000003 00000000 00000000 0005 03 108
00000000a61b459b: 00000003 00000000 00000000 0001 01 109 /a
00000000a61b459c: 00000003 00000000 00000000 0001 01 109 /b
`,
};

const stat = (mode: number, rdev = 0n, ino = 5n): GatheredStat => ({
  dev: 5n,
  ino,
  mode,
  rdev,
  size: 11n,
  links: 1,
  uid: 1,
  gid: 2,
});
const CHARACTER = 0o020600;

async function describeAll(
  descriptors: readonly (readonly [link: string, info: string, stat?: GatheredStat])[],
  maps = '',
) {
  const container: GatheredContainer = {
    node: {} as GatheredContainer['node'],
    processes: [
      fakeProcess({
        pid: 700,
        files: {
          mountinfo: MOUNTS,
          status: 'NSpid:\t700\t7\nNSsid:\t600\t6\nNSpgid:\t650\t5\nUmask:\t0027\n',
          maps,
          stat: '700 (a) b) S 1 650 600 34816 650 0',
        },
        namespaces: { mnt: 1n, net: 4026531840n },
        descriptors: descriptors.map(
          ([link, info, of], fd): GatheredDescriptor => ({ fd, link, stat: of, info }),
        ),
      }),
    ],
    networks: [{ namespace: 4026531840n, files: NETWORK }],
    gaps: [],
  };
  const built = buildFileImages(
    container,
    new Map([[700, parseMappings(maps)]]),
    DeletedFiles.hold(container, '/nowhere'),
  );
  return { built, files: await imageMessages(built.images, 'files.img', imageKinds.files) };
}

const flags = 'pos:\t0\nflags:\t02100002\nmnt_id:\t22\nino:\t5\n';

describe('descriptors', () => {
  it('of timers, signals and counters', async () => {
    const { files, built } = await describeAll([
      [
        'anon_inode:[timerfd]',
        `${flags}clockid: 1\nticks: 2\nsettime flags: 01\nit_value: (3, 4)\nit_interval: (5, 6)\n`,
      ],
      ['anon_inode:[signalfd]', `${flags}sigmask:\t0000000000000200\n`],
      [
        'anon_inode:[eventfd]',
        `${flags}eventfd-count:               2a\neventfd-id: 1\neventfd-semaphore: 0\n`,
      ],
      [
        'anon_inode:[eventfd]',
        `${flags}eventfd-count:               2a\neventfd-id: 1\neventfd-semaphore: 0\n`,
      ],
    ]);
    const times = { ticks: 2n, settime_flags: 1, vsec: 3n, vnsec: 4n, isec: 5n, insec: 6n };
    expect(files[0]?.tfd).toMatchObject({ flags: 0o100002, clockid: 1, ...times });
    expect(files[1]?.sgfd?.sigmask).toBe(512n);
    expect(files[2]?.efd?.counter).toBe(42n);
    expect(files.length).toBe(3);
    const fdinfo = await imageMessages(built.images, 'fdinfo-1.img', imageKinds.fdinfo);
    expect(fdinfo.map(({ id, flags }) => [id, flags])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [3, 1],
    ]);
  });

  it('of watches', async () => {
    const { files } = await describeAll([
      [
        'anon_inode:[fanotify]',
        `${flags}fanotify flags:1 event-flags:8000
fanotify sdev:fe00000 mflags:0 mask:20 ignored_mask:0
fanotify mnt_id:1b mflags:0 mask:20 ignored_mask:1
fanotify ino:263 sdev:fe00000 mflags:2 mask:3b ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:6302000000000000
`,
      ],
    ]);
    expect(files[0]?.ffy).toMatchObject({
      faflags: 1,
      evflags: 0x8000,
      mark: [
        { type: 'MOUNT', mask: 0x20, ignored_mask: 1, me: { mnt_id: 0x1b } },
        { type: 'INODE', s_dev: 0xfe00000, ie: { i_ino: 0x263n, f_handle: { bytes: 8, type: 1 } } },
      ],
    });
    expect(files[0]?.ffy?.mark[1]?.ie?.f_handle.handle.slice(0, 2)).toEqual([0x263n, 0n]);
  });

  it('of sockets', async () => {
    const inodes = [101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 101];
    const { files, built } = await describeAll(inodes.map((inode) => [`socket:[${inode}]`, flags] as const));
    const [listening, established, raw, udp6] = files.map(({ isk }) => isk);
    expect(listening).toMatchObject({ ino: 101, state: 10, src_port: 8080, src_addr: [0x0100007f] });
    expect(established).toMatchObject({
      state: 1,
      dst_port: 50000,
      dst_addr: [0x0200000a],
      ns_id: 4026531840,
    });
    expect(raw).toMatchObject({ type: 3, proto: 1, src_port: 1 });
    expect(udp6).toMatchObject({
      family: 10,
      type: 2,
      proto: 17,
      src_port: 7777,
      src_addr: [0, 0, 0, 0x01000000],
    });
    expect(files[4]?.psk).toMatchObject({ type: 3, protocol: 0x300, ifindex: 5 });
    expect(files[5]?.nlsk).toMatchObject({ protocol: 10, portid: 7, groups: [0x11] });
    expect(Buffer.from(files[6]?.usk?.name ?? []).toString()).toBe('\0abs@x');
    expect(files[7]?.usk).toMatchObject({ type: 5, state: 1, peer: 0 });
    // A forged line, and a socket that no table shows.
    expect([files[8]?.type, files[9]?.type, files.length]).toEqual(['EXT', 'EXT', 10]);
    expect(built.gaps).toEqual([expect.stringContaining('more than once')]);
    expect(built.beside.networks[0]?.queues).toEqual([
      { inode: 102, sendQueue: 3, receiveQueue: 10, retransmits: 2 },
    ]);
    expect(built.beside.descriptors.map(({ link }) => link)).toEqual(['socket:[109]', 'socket:[110]']);
  });

  it('of terminals', async () => {
    const { files, built } = await describeAll([
      ['/dev/ptmx', `${flags}tty-index:\t3\n`, stat(CHARACTER, 0x502n)],
      ['/dev/pts/0', flags, stat(CHARACTER, 0x8800n)],
    ]);
    expect(files.map(({ type }) => type)).toEqual(['TTY', 'REG', 'TTY', 'REG']);
    expect(files[0]?.tty).toMatchObject({ tty_info_id: 7, regf_id: 2 });
    const infos = await imageMessages(built.images, 'tty-info.img', imageKinds.ttyInfo);
    expect(infos).toMatchObject([
      { id: 7, type: 'PTY', rdev: 0x502, pty: { index: 3 } },
      { id: 0, type: 'PTY', sid: 6, pgrp: 5, rdev: 0x8800, uid: 1, gid: 2 },
    ]);
  });

  it('of namespaces, processes, maps, tunnels and what CRIU does not know', async () => {
    const { files, built } = await describeAll([
      ['net:[4026531833]', flags],
      ['anon_inode:[pidfd]', `${flags}Pid:\t700\nNSpid:\t700\t7\n`],
      [
        'anon_inode:bpf-map',
        `${flags}map_type:\t1\nkey_size:\t4\nvalue_size:\t8\nmax_entries:\t64\nmap_flags:\t0x2\nmap_extra:\t0x0\nmemlock:\t4096\nmap_id:\t9\nfrozen:\t1\n`,
      ],
      ['/dev/net/tun', `${flags}iff:\ttun0\n`, stat(CHARACTER, 2760n)],
      ['pipe:[77]', flags],
      ['/a fifo', flags, stat(0o010600, 0n, 78n)],
      ['anon_inode:[io_uring]', `${flags}SqMask:\t0x7\n`],
    ]);
    expect(files[0]?.nsf).toEqual({ id: 1, ns_id: 4026531833, ns_cflag: 0x40000000, flags: 0o100002 });
    expect(files[1]?.pidfd?.nspid).toBe(7);
    expect(files[2]?.bpf).toMatchObject({
      map_type: 1,
      map_id: 9,
      map_flags: 2,
      frozen: true,
      memlock: 4096n,
    });
    expect(files[3]?.tunf).toEqual({ id: 4, netdev: 'tun0' });
    expect(files[4]?.pipe?.pipe_id).toBe(77);
    expect(files[5]?.fifo).toEqual({ id: 6, pipe_id: 78, regf_id: 7 });
    expect(files[6]?.reg?.name).toBe('/a fifo');
    expect(files[7]?.type).toBe('EXT');
    expect(built.beside.descriptors).toEqual([
      { pid: 700, fd: 6, link: 'anon_inode:[io_uring]', info: 'SqMask:\t0x7' },
    ]);
  });

  it('of memory that is a file, and its mappings', async () => {
    const maps = `1000-3000 rw-s 00000000 00:01 40                 /dev/zero (deleted)
5000-6000 r--p 00001000 00:3a 41                 /lib/a.so
6000-7000 r-xp 00002000 00:3a 41                 /lib/a.so
7000-8000 rw-s 00000000 00:05 42                 /memfd:forged (deleted)
8000-9000 rw-p 00000000 00:00 0                  [heap]
`;
    const { files, built } = await describeAll(
      [
        ['/memfd:notes (deleted)', flags.replace('22', '0'), stat(0o100777, 0n, 43n)],
        ['/memfd:forged (deleted)', flags, stat(0o100600, 0n, 44n)],
      ],
      maps,
    );
    const mapped = [0x1000n, 0x5000n, 0x6000n, 0x7000n, 0x8000n].map((at) => built.table.mapped(700, at));
    expect(mapped).toEqual([1, 2, 2, 3, undefined]);
    expect(files.map(({ type }) => type)).toEqual(['MEMFD', 'REG', 'REG', 'MEMFD', 'REG']);
    expect(files[0]?.memfd?.inode_id).toBe(1);
    expect(files[1]?.reg).toMatchObject({ name: '/lib/a.so', mnt_id: 22 });
    expect(await imageMessages(built.images, 'memfd.img', imageKinds.memfd)).toMatchObject([
      { name: '/dev/zero', shmid: 40, size: 0x2000n, inode_id: 1n },
      { name: 'notes', shmid: 43, size: 11n, inode_id: 2n, mode: 0o100777, uid: 1, gid: 2 },
    ]);
  });

  it('with locks, once each', async () => {
    const locks = `lock:\t1: FLOCK  ADVISORY  WRITE 700 00:3a:9 0 EOF\nlock:\t2: POSIX  ADVISORY  READ 700 00:3a:9 10 29\n`;
    const { built } = await describeAll([
      ['/x', flags + locks, stat(0o100600)],
      ['/x', flags + locks, stat(0o100600)],
    ]);
    expect(await imageMessages(built.images, 'filelocks.img', imageKinds.fileLocks)).toEqual([
      { flag: 2, type: 1, pid: 7, fd: 0, start: 0n, len: 0n },
      { flag: 1, type: 0, pid: 7, fd: 0, start: 10n, len: 20n },
    ]);
  });
});

describe('mounts', () => {
  it('have flags, options and names as CRIU writes them', async () => {
    const { built } = await describeAll([]);
    const [unknown, devices, root] = await imageMessages(
      built.images,
      'mountpoints-1.img',
      imageKinds.mountpoints,
    );
    expect(unknown).toMatchObject({ fstype: 16, fsname: 'nonesuch', mountpoint: '/dev/a b' });
    expect(unknown?.flags).toBe((1 << 24) | 1);
    expect(devices).toMatchObject({ fstype: 5, shared_id: 7, master_id: 8, options: 'size=65536k' });
    expect(devices?.flags).toBe((1 << 24) | (1 << 20) | (1 << 19) | 2);
    expect(root).toMatchObject({
      fstype: 17,
      root_dev: 58,
      flags: 1 << 21,
      options: 'lowerdir=/a,upperdir=/b',
    });
  });
});
