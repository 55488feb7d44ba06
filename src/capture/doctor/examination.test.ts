import { describe, expect, it } from 'vitest';
import { examineNode } from './examination.ts';
import type { NodeProbe, ProgramAnswer } from './node-probe.ts';

const K3S_TAR = '/var/lib/rancher/k3s/data/current/bin/tar';

interface Machine {
  readonly programs?: Readonly<Record<string, ProgramAnswer>>;
  readonly files?: Readonly<Record<string, string>>;
}

const says = (text: string, code = 0): ProgramAnswer => ({ text, code });

function probe({ programs = {}, files = {} }: Machine): NodeProbe {
  return {
    run: async (program, argv) => programs[[program, ...argv].join(' ')],
    read: async (file) => files[file],
    list: async () => ['self', '7', '42'],
    isSame: async (one, other) => one === '/proc/1/root/' && other !== '/proc/7/root/',
  };
}

async function finding(id: string, machine: Machine) {
  return (await examineNode(probe(machine))).find((item) => item.id === id);
}

const containerd = (path: string) => ({
  '/proc/42/comm': 'containerd\n',
  '/proc/42/environ': `HOME=/root\0PATH=${path}\0MYPATH=/no\0`,
});

describe('the tar check', () => {
  const files = containerd('/var/lib/rancher/k3s/data/current/bin:/usr/bin');
  const gnu = { '/usr/bin/tar --version': says('tar (GNU tar) 1.35\n') };

  it('fails for BusyBox in front of GNU tar', async () => {
    const programs = { ...gnu, [`${K3S_TAR} --version`]: says('tar (busybox) 1.36.1\n') };
    const found = await finding('tar', { files, programs });
    expect(found?.status).toBe('failure');
    expect(found?.cure.join('\n')).toContain(`ln -s /usr/bin/tar ${K3S_TAR}`);
  });

  it('puts a link to GNU tar in the place of the other, and asks for GNU tar where there is none', async () => {
    const other = { [`${K3S_TAR} --version`]: says('tar (busybox) 1.36.1\n') };
    const found = await finding('tar', { files, programs: { ...gnu, ...other } });
    expect(found?.fix).toEqual([{ kind: 'link', path: K3S_TAR, target: '/usr/bin/tar' }]);
    const alone = await finding('tar', { files, programs: other });
    expect(alone?.fix).toBeUndefined();
    expect(alone?.cure.join()).toContain('install tar');
  });

  it('believes and runs nothing of a process in a container that calls itself containerd', async () => {
    const trap = {
      '/proc/7/comm': 'containerd\n',
      '/proc/7/environ': 'PATH=/run/containerd/evil\0',
    };
    const programs = { ...gnu, '/run/containerd/evil/tar --version': says('tar (busybox)\n') };
    expect(await finding('tar', { files: trap, programs })).toMatchObject({ status: 'unknown' });
    const both = { ...trap, ...files };
    expect(await finding('tar', { files: both, programs })).toMatchObject({ status: 'ok' });
  });

  it('passes where GNU tar is the first that is there', async () => {
    expect((await finding('tar', { files, programs: gnu }))?.status).toBe('ok');
  });

  it('fails without any tar, and knows nothing without containerd', async () => {
    expect((await finding('tar', { files }))?.status).toBe('failure');
    expect((await finding('tar', {}))?.status).toBe('unknown');
  });
});

describe('the CRIU check', () => {
  const version = { 'criu --version': says('Version: 4.2.1\n') };
  it.each([
    ['failure', {}],
    ['failure', { ...version, 'criu check': says('Error: no\n', 1) }],
    ['unknown', version],
    ['ok', { ...version, 'criu check': says('Looks good.\n') }],
  ] as const)('says %s', async (status, programs) => {
    expect((await finding('criu', { programs }))?.status).toBe(status);
  });
});

describe('the runc.conf check', () => {
  it.each([
    ['tcp-established\nfile-locks\nghost-limit=1M\next-unix-sk\n', 'ok', ''],
    ['#tcp-established\nfile-locks\nghost-limit 1M\next-unix-sk', 'warning', 'lacks tcp-established'],
  ])('reads %j', async (text, status, evidence) => {
    const found = await finding('runc-conf', { files: { '/etc/criu/runc.conf': text } });
    expect(found).toMatchObject({ status, evidence: expect.stringContaining(evidence) });
  });
});
