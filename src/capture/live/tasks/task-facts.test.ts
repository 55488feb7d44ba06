/** What the smaller files of /proc say, as the kernel wrote them. */
import { describe, expect, it } from 'vitest';
import { parseStat, StatField } from '../proc/stat.ts';
import { parseStatus } from '../proc/status.ts';
import { fakeProcess } from '../testing/fake-process.ts';
import { aarch64Pointers, aarch64Thread } from './aarch64-thread.ts';
import { ControlGroupSets } from './control-groups.ts';
import { credentialsOf, parseSecurityProfile } from './credentials.ts';
import { parseLimits } from './limits.ts';
import { memoryMessage } from './memory-image.ts';
import { parsePosixTimers } from './posix-timers.ts';
import { parseCall } from './register-words.ts';
import { SeccompBook } from './seccomp-book.ts';
import { userNamespaceImages } from './user-namespace.ts';

describe('stat', () => {
  it('is read behind a name with brackets', () => {
    const stat = parseStat('7 (a) S 1) T 4 5 6 7 8 4194560 ');
    expect([stat.state, stat.number(StatField.parent), stat.number(StatField.flags)]).toEqual([
      'T',
      4n,
      4194560n,
    ]);
    expect(stat.number(StatField.exitCode)).toBe(0n);
  });
});

describe('limits', () => {
  const names = [
    'cpu time',
    'file size',
    'data size',
    'stack size',
    'core file size',
    'resident set',
    'processes',
  ];
  const others = [
    'open files',
    'locked memory',
    'address space',
    'file locks',
    'pending signals',
    'msgqueue size',
  ];
  const last = ['nice priority', 'realtime priority', 'realtime timeout'];
  const line = (name: string, index: number) =>
    `Max ${name.padEnd(22)}${String(index).padEnd(21)}unlimited            us\n`;

  it('are in the order of their numbers', () => {
    const text = [...names, ...others, ...last].map(line).join('');
    const limits = parseLimits(text);
    expect(limits.map(({ cur }) => Number(cur))).toEqual(Array.from({ length: 16 }, (_, index) => index));
    expect(limits[0]?.max).toBe(2n ** 64n - 1n);
  });

  it('are not guessed where one is missing', () => {
    expect(parseLimits(names.map(line).join(''))).toEqual([]);
  });
});

it('POSIX timers have what the kernel tells', () => {
  const text = 'ID: 1\nsignal: 60/00007fff86e452a8\nnotify: signal/pid.2634\nClockID: 0\n';
  const other = 'ID: 2\nsignal: 34/0\nnotify: signal/tid.9\nClockID: -6\n';
  expect(parsePosixTimers(text + other, (tid) => (tid === 9 ? 3 : undefined))).toMatchObject([
    { it_id: 1, si_signo: 60, sival_ptr: 0x7fff86e452a8n, it_sigev_notify: 0, clock_id: 0 },
    { it_id: 2, it_sigev_notify: 4, notify_thread_id: 3, clock_id: 0xffff_fffa },
  ]);
});

describe('credentials', () => {
  it('are those of the status', () => {
    const status = parseStatus(
      'Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10\nCapEff:\t000001ffa80425fb\nNoNewPrivs:\t1\n',
    );
    expect(
      credentialsOf(status, parseSecurityProfile('cri-containerd.apparmor.d (enforce)\n')),
    ).toMatchObject({
      ...{ uid: 1, euid: 2, suid: 3, fsuid: 4, gid: 5, egid: 6, sgid: 7, fsgid: 8, groups: [9, 10] },
      ...{ cap_eff: [0xa80425fb, 0x1ff], cap_bnd: [0, 0], no_new_privs: 1 },
      lsm_profile: 'cri-containerd.apparmor.d',
    });
  });

  it.each([
    ['unconfined\n', 'APPARMOR', undefined],
    ['system_u:system_r:container_t:s0:c1,c2\0', 'SELINUX', 'system_u:system_r:container_t:s0:c1,c2'],
    [undefined, 'NO_LSM', undefined],
  ])('name the security module by %j', (text, module, name) => {
    expect(parseSecurityProfile(text)).toEqual({ module, name });
  });
});

it('seccomp programs are kept once, with the one below', () => {
  const book = new SeccompBook();
  const [first, second] = [1, 2].map((byte) => ({ program: new Uint8Array(8).fill(byte), flags: 0 }));
  if (first === undefined || second === undefined) throw new Error('no filters');
  expect([book.add([first, second]), book.add([first]), book.add([second]), book.add([])]).toEqual([
    1,
    0,
    2,
    undefined,
  ]);
});

it('processes in the same control groups are in one set', () => {
  const sets = new ControlGroupSets();
  const group = '12:cpu,cpuacct:/a\n0::/b\n';
  expect([sets.idOf(group), sets.idOf('0::/b\n'), sets.idOf(group)]).toEqual([2, 3, 2]);
});

it('user namespaces have an image where they count in their own way', () => {
  const inside = { uid_map: '         0     100000      65536\n', gid_map: '0 1 2\n' };
  const node = { uid_map: '         0          0 4294967295\n' };
  const processes = [
    fakeProcess({ namespaces: { user: 4026531837n }, files: node }),
    fakeProcess({ namespaces: { user: 4026532500n }, files: inside }),
  ];
  expect(userNamespaceImages(processes).map(({ name }) => name)).toEqual(['userns-4026532500.img']);
});

describe('mappings', () => {
  const mapping = (path: string, flags: readonly string[] = [], shared = false, inode = 0n) => ({
    ...{ start: 0x1000n, end: 0x2000n, readable: true, writable: true, executable: false, shared },
    ...{ offset: 0x3000n, major: 0, minor: 1, inode, path, flags: new Set(flags) },
  });
  const vma = (made: ReturnType<typeof mapping>, file?: number) =>
    memoryMessage(fakeProcess({}), parseStat(''), parseStatus(''), [made], 1, () => file).vmas[0];

  it.each([
    ['[stack]', ['gd'], undefined, { status: 0x201, flags: 0x122, pgoff: 0n }],
    ['[heap]', [], undefined, { status: 0x221, flags: 0x22 }],
    ['[vvar]', ['dd'], undefined, { status: 0x1201, madv: 1n << 16n }],
    ['/bin/sh', [], 4, { status: 0x41, flags: 2, shmid: 4n, pgoff: 0x3000n, fdflags: 0 }],
    ['/memfd:x (deleted)', ['ht'], 4, { status: 0x4041, flags: 0x40002 }],
  ])('%s', (path, flags, file, expected) => {
    expect(vma(mapping(path, flags), file)).toMatchObject(expected);
  });

  it('that are shared say how they are open', () => {
    expect(vma(mapping('/dev/zero (deleted)', [], true, 40n), 5)).toMatchObject({
      status: 0x4081,
      flags: 1,
      fdflags: 2,
    });
    expect(vma(mapping('anon_inode:[io_uring]', [], true, 40n))).toMatchObject({ status: 0x81, shmid: 0n });
  });
});

describe('registers of aarch64', () => {
  it('are where the kernel has them', () => {
    const general = new Uint8Array(new BigUint64Array(34).map((_, index) => BigInt(index)).buffer);
    const vectors = new Uint8Array(528).fill(1);
    const none = {
      stopSignal: undefined,
      signalMask: undefined,
      robustList: undefined,
      restartable: undefined,
      seccompFilters: [],
    };
    const pending = { ofThread: [], ofProcess: [] };
    const thread = aarch64Thread({ general, state: vectors, threadPointer: 9n, pending, ...none });
    expect(thread).toMatchObject({
      tls: 9n,
      gpregs: { sp: 31n, pc: 32n, pstate: 33n },
      fpsimd: { fpsr: 0x1010101 },
    });
    expect([thread.gpregs.regs.length, thread.fpsimd.vregs.length]).toEqual([31, 64]);
  });

  it('are a call and its arguments where only /proc told', () => {
    const call = parseCall('63 0x3 0xffff 0x1 0x0 0x0 0x0 0x7ff0 0x4010\n');
    const { gpregs } = aarch64Pointers(call ?? { call: 0n, args: [], stack: 0n, instruction: 0n });
    expect([gpregs.regs[0], gpregs.regs[8], gpregs.sp, gpregs.pc]).toEqual([3n, 63n, 0x7ff0n, 0x4010n]);
    expect([parseCall('running\n'), parseCall(undefined)]).toEqual([undefined, undefined]);
    expect(parseCall('-1 0x10 0x20\n')).toEqual({ call: -1n, args: [], stack: 0x10n, instruction: 0x20n });
  });
});
