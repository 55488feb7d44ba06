import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forgeCheckpointTar, forgeTasks, type Images } from '../../../test/support/checkpoint-forge.ts';
import { forgeImage } from '../../../test/support/criu-forge.ts';
import { runProgram } from '../../../test/support/run-program.ts';
import { imageKinds } from '../../criu/image-kinds.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exhibit-kernel-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What `inspect FLAG` says below the lines that identify the container. */
async function inspect(flags: readonly string[], images: Images): Promise<string> {
  const file = join(folder, 'c.tar');
  await writeFile(file, forgeCheckpointTar({ images, entries: { 'config.dump': {}, 'spec.dump': {} } }));
  const { stdout } = await runProgram(['inspect', ...flags, file]);
  return stdout.slice(stdout.indexOf('\n\n') + 1);
}

async function inspectFixture(flags: readonly string[], fixture: string): Promise<string> {
  const { stdout } = await runProgram(['inspect', ...flags, `fixtures/${fixture}`]);
  return stdout.slice(stdout.indexOf('\n\n') + 1);
}

describe('--timers', () => {
  const OFF = { isec: 0n, iusec: 0n, vsec: 0n, vusec: 0n };
  const images = (posix: readonly object[], real: object = OFF): Images => {
    const timers = { real, virt: OFF, prof: OFF, posix };
    const tc = {
      task_state: 1,
      exit_code: 0,
      personality: 0,
      flags: 0,
      blk_sigset: 0n,
      comm: 'cron',
      sigactions: [],
      timers,
    };
    return forgeTasks([{ core: { tc } }]);
  };
  const posix = {
    it_id: 2,
    clock_id: 0,
    si_signo: 40,
    it_sigev_notify: 0,
    sival_ptr: 0n,
    overrun: 0,
    isec: 0n,
    insec: 0n,
    vsec: 0n,
    vnsec: 0n,
  };

  it('tells clock, time and signal', async () => {
    const every = { isec: 60n, iusec: 0n, vsec: 0n, vusec: 1500n };
    expect(await inspect(['--timers'], images([posix], every))).toContain(`
TIMERS  2
  PROCESS  CLOCK                    IN    EVERY  SENDS      THREAD
  1 cron   real                 1.5 ms  60.00 s  SIGALRM
  1 cron   CLOCK_REALTIME 2  not armed           signal 40
`);
  });

  it('says where there are none', async () => {
    expect(await inspect(['--timers'], images([]))).toContain('\nTIMERS  none armed\n');
  });
});

describe('--ipc', () => {
  it('tells segments, queues and semaphores as ipcs does', async () => {
    expect(await inspectFixture(['--ipc'], 'containerd-zoo/checkpoint.tar')).toBe(`
SYSTEM V IPC  3
  KIND           KEY         ID  MODE  OWNER  CREATOR  HOLDS
  shared memory  0x45584849   0  0600  0:0    0:0      8.0 KiB
  queue          0x4d534751   0  0600  0:0    0:0      1 message, 32 B, type 1
  semaphores     0x53454d41   0  0600  0:0    0:0      0 0 0
`);
    expect(await inspectFixture(['--ipc'], 'containerd-web/checkpoint.tar')).toBe(
      '\nSYSTEM V IPC  none in the archive\n',
    );
  });
});

describe('--cgroups', () => {
  it('tells the groups of tasks and the settings that have a value', async () => {
    const text = await inspectFixture(['--cgroups'], 'containerd-zoo/checkpoint.tar');
    expect(text).toMatch(
      /^\nCONTROL GROUPS {2}1 group\n {2}TASKS +CONTROLLERS +GROUP\n {2}1 7 10 11 12 9 14 8 16 17 18 +unified blkio /,
    );
    expect(text).toMatch(/\n {4}cpu +cpu\.shares +2\n/);
    expect(text).not.toContain('cgroup.procs');
  });

  it('of hostile names and values print nothing but text', async () => {
    const dir = { dir_name: '\x1b[2J', children: [], properties: [{ name: 'a\nb', value: '\x9b1m\nx' }] };
    const image = forgeImage(imageKinds.cgroup, [
      { message: { sets: [], controllers: [{ cnames: ['\x07'], dirs: [dir] }] } },
    ]);
    const text = await inspect(['--cgroups'], { 'cgroup.img': image });
    expect(text).toContain('\\x9b1m; x');
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });
});

describe('--seccomp', () => {
  it('shows a program once, with its tasks', async () => {
    const text = await inspectFixture(['--seccomp'], 'podman-web/checkpoint.tar.zst');
    expect(text).toContain('\nSECCOMP  filter 0, 1463 instructions, last filter of 1\n     0  ld [4]');
    expect(text).toContain('  1461  ret #0x7fff0000              allow\n');
    expect(text).toContain(
      '\nSECCOMP  filter 1, 1463 instructions, last filter of 7\n  the same as filter 0\n',
    );
    expect(await inspectFixture(['--seccomp'], 'containerd-web/checkpoint.tar')).toBe(
      '\nSECCOMP  no filters in the archive\n',
    );
  });
});

describe('--registers', () => {
  it('shows general registers in rows, and of the others those that hold something', async () => {
    const text = await inspectFixture(['--registers', '-p', '8'], 'containerd-zoo/checkpoint.tar');
    expect(text).toContain(
      '\nREGISTERS  of 8 memfd:kdevtmpfs, X86_64\n  rax       0xfffffffffffffffc  rbx      0x3  ',
    );
    expect(text).toContain('\n  fctrl  0x37f\n  mxcsr  0x1f80\n');
    expect(text).not.toContain('xmm0');
  });

  it('are all in the JSON', async () => {
    const { stdout } = await runProgram([
      'inspect',
      '--registers',
      '--json',
      '-p',
      '8',
      'fixtures/containerd-zoo/checkpoint.tar',
    ]);
    const [thread] = JSON.parse(stdout)[0].process_tree.threads;
    expect(thread.registers).toMatchObject({
      architecture: 'X86_64',
      general: { rip: '0x405e4d' },
      vector: { xmm15: '0x0' },
    });
  });
});

const golden = (name: string): Buffer =>
  readFileSync(new URL(`../../criu/golden/netlink/${name}`, import.meta.url));

describe('--network', () => {
  it('says of a pod’s namespace that it was not captured', async () => {
    expect(await inspectFixture(['--network'], 'containerd-web/checkpoint.tar')).toBe(`
NETWORK  namespace 10
  It came in from outside, as a pod’s does: its devices, addresses and routes were not captured.
`);
    expect(await inspectFixture(['--network'], 'podman-web/checkpoint.tar.zst')).toBe(
      '\nNETWORK  none in the archive\n',
    );
  });

  it('says what is missing of a pod’s namespace where addresses and routes are there', async () => {
    const empty = { def_conf: [], all_conf: [], def_conf4: [], all_conf4: [], def_conf6: [], all_conf6: [] };
    const text = await inspect(['--network'], {
      'netns-9.img': forgeImage(imageKinds.netns, [
        { message: { ...empty, nsids: [], unix_conf: [], ipv4_sysctl: [], ext_key: 'extRootNetNS' } },
      ]),
      'ifaddr-9.img': golden('ifaddr.img'),
    });
    expect(text).toContain('as a pod’s does: its devices were not captured.');
    expect(text).toContain('192.0.2.5/32');
  });

  it('shows all that a namespace has', async () => {
    const netdev = forgeImage(imageKinds.netdev, [
      {
        message: {
          type: 'VETH',
          ifindex: 3,
          mtu: 1500,
          flags: 0x1103,
          name: 'eth0',
          address: Uint8Array.of(2, 0, 1),
        },
      },
    ]);
    const text = await inspect(['--network'], {
      'netdev-9.img': netdev,
      'ifaddr-9.img': golden('ifaddr.img'),
      'route-9.img': golden('route.img'),
      'rule-9.img': golden('rule.img'),
      'netns-ct-9.img': golden('netns-ct.img'),
      'netns-exp-9.img': golden('netns-exp.img'),
      'iptables-9.img': golden('iptables.img'),
    });
    for (const line of [
      '3  eth0  VETH  1500  up, promiscuous  02:00:01',
      'eth0    192.0.2.5/32 192.0.2.6 global permanent',
      '198.51.100.0/24 10.85.0.1 on eth0 unicast 200 static 10.85.0.12',
      '10.99.0.0/16 10.85.0.1 on eth0 weight 1, 10.85.0.2 on eth0 weight 3 unicast main boot',
      '10.98.0.0/16 fe80::1 on eth0 unicast main boot',
      '200 all 198.51.100.0/24 iif eth0 oif eth0 tcp source port 1000-2000 port 443 uid 1000-1999 lookup main',
      '100 10.85.0.0/16 all mark 16/255 lookup 200',
      '300 all all goto 32766',
      'tcp 127.0.0.1:42118 127.0.0.1:80 127.0.0.1:8080 ESTABLISHED',
      'tcp [::1]:',
      'tcp 127.0.0.1:0 127.0.0.1:1025 expected by ftp',
      '-A OUTPUT -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080',
    ]) {
      expect(text.replaceAll(/ +/g, ' ')).toContain(line.replaceAll(/ +/g, ' '));
    }
  });
});
