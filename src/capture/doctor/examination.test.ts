import { describe, expect, it } from 'vitest';
import { fakeProbe, type ProbedNode, processFiles, says } from '../testing/fake-probe.ts';
import { examineNode } from './examination.ts';

async function finding(id: string, node: ProbedNode) {
  return (await examineNode(fakeProbe(node))).find((item) => item.id === id);
}

const K3S_BIN = '/var/lib/rancher/k3s/data/current/bin';
const K3S_TAR = `${K3S_BIN}/tar`;
const containerd = (path: string, pid = 42) =>
  processFiles(pid, 'containerd', ['containerd'], `HOME=/root\0PATH=${path}\0MYPATH=/no\0`);
const files = containerd(`relative:${K3S_BIN}:/usr/bin`);

describe('the tar check', () => {
  const gnu = { '/usr/bin/tar --version': says('tar (GNU tar) 1.35\n') };
  const other = { [`${K3S_TAR} --version`]: says('tar (busybox) 1.36.1\n') };

  it('fails for BusyBox in front of GNU tar, and has a link for a cure', async () => {
    const found = await finding('tar', { files, programs: { ...gnu, ...other } });
    expect(found?.status).toBe('failure');
    expect(found?.cure.join('\n')).toContain(`ln -s /usr/bin/tar ${K3S_TAR}`);
    expect(found?.fix).toEqual([{ kind: 'link', path: K3S_TAR, target: '/usr/bin/tar' }]);
  });

  it('asks for GNU tar where there is none, with the command of the distribution', async () => {
    const fedora = {
      ...files,
      '/etc/os-release': 'NAME="A \\"b\\""\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
    };
    const found = await finding('tar', { files: fedora, programs: other });
    expect(found?.fix).toBeUndefined();
    expect(found?.cure.join()).toContain('dnf install tar');
  });

  it('passes where GNU tar is the first that is there', async () => {
    expect((await finding('tar', { files, programs: gnu }))?.status).toBe('ok');
  });

  it('fails without any tar, and knows nothing without a runtime', async () => {
    expect((await finding('tar', { files }))?.status).toBe('failure');
    expect(await finding('tar', { isRoot: false })).toMatchObject({
      status: 'unknown',
      evidence: expect.stringContaining('as root'),
    });
  });

  it('believes and runs nothing of a process in a container that calls itself containerd', async () => {
    const trap = containerd('/run/evil', 7);
    const programs = { ...gnu, '/run/evil/tar --version': says('tar (busybox)\n') };
    const contained = ['7'];
    expect(await finding('tar', { files: trap, programs, contained })).toMatchObject({ status: 'unknown' });
    const both = { ...trap, ...files };
    expect(await finding('tar', { files: both, programs, contained })).toMatchObject({ status: 'ok' });
  });
});

describe('the CRIU check', () => {
  const version = { '/usr/bin/criu --version': says('Version: 4.2.1\nGitID: v4\n') };
  const vdso = says('Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds\nError: kerndat\n', 1);
  it.each([
    ['failure', 'finds no criu', {}],
    ['failure', 'refuse one so old', { '/usr/bin/criu --version': says('Version: 3.15\n') }],
    [
      'failure',
      '"criu check" fails: Error: no',
      { ...version, '/usr/bin/criu check': says('Error: no\n', 1) },
    ],
    ['failure', 'vDSO area bounds', { ...version, '/usr/bin/criu check': vdso }],
    ['unknown', 'did not end', version],
    ['ok', '4.2.1, Linux 6.18', { ...version, '/usr/bin/criu check': says('Looks good.\n') }],
  ] as const)('says %s: %s', async (status, evidence, programs) => {
    const node = { programs, files: { ...files, '/proc/sys/kernel/osrelease': '6.18\n' } };
    expect(await finding('criu', node)).toMatchObject({
      status,
      evidence: expect.stringContaining(evidence),
    });
  });

  it('names the version that a new kernel needs', async () => {
    const found = await finding('criu', { files, programs: { ...version, '/usr/bin/criu check': vdso } });
    expect(found?.cure.join()).toContain('4.1 or later');
  });

  it('does not take what another user may not check for a failure', async () => {
    const programs = { ...version, '/usr/bin/criu check': says('needs CAP_SYS_ADMIN\n', 1) };
    expect(await finding('criu', { files, programs, isRoot: false })).toMatchObject({ status: 'unknown' });
  });
});

describe('the check of the options for CRIU', () => {
  it.each([
    ['tcp-established\nfile-locks\nghost-limit=1M\n  ext-unix-sk\n', 'ok', 'sets tcp-established'],
    ['#tcp-established\nfile-locks\nghost-limit 1M\next-unix-sk', 'warning', 'tcp-established (open TCP'],
    ['tcp-established-not\n', 'warning', 'tcp-established (open TCP'],
  ])('reads %j', async (text, status, evidence) => {
    const found = await finding('runc-conf', { files: { '/etc/criu/runc.conf': text } });
    expect(found).toMatchObject({ status, evidence: expect.stringContaining(evidence) });
  });

  it("looks at crun's where crun is", async () => {
    const programs = { '/usr/bin/crun --version': says('crun version 1.26\n+SYSTEMD +CRIU +YAJL\n') };
    const node = { files: { ...files, '/etc/criu/runc.conf': '' }, programs };
    expect(await finding('runc-conf', node)).toBeUndefined();
    expect(await finding('crun-conf', node)).toMatchObject({
      status: 'warning',
      fix: [{ kind: 'lines', path: '/etc/criu/crun.conf', lines: expect.arrayContaining(['file-locks']) }],
    });
  });
});

describe('the check of runc and crun', () => {
  const runc = { '/usr/bin/runc --version': says('runc version 1.3.6+ds1\ncommit: 1.3.6\n') };
  const crun = { '/usr/bin/crun --version': says('crun version 1.8\n+SYSTEMD +YAJL\n') };
  it.each([
    ['warning', {}],
    ['ok', runc],
    ['failure', crun],
    ['warning', { ...runc, ...crun }],
  ] as const)('says %s', async (status, programs) => {
    expect(await finding('oci-runtime', { files, programs })).toMatchObject({ status });
  });

  it("finds CRI-O's own", async () => {
    const programs = { '/usr/libexec/crio/runc --version': says('runc version 1.3.0\n') };
    const crio = processFiles(42, 'crio', ['/usr/bin/crio'], 'PATH=/usr/bin\0');
    const found = await finding('oci-runtime', { files: crio, programs });
    expect(found).toMatchObject({ status: 'ok', evidence: '/usr/libexec/crio/runc 1.3.0' });
  });
});

describe('the check of the container runtime', () => {
  const version = (text: string) => ({ '/proc/42/exe --version': says(text) });
  const crio = processFiles(42, 'crio', ['/usr/bin/crio']);
  const config = { '/etc/containerd/config.toml': '[plugins]\n  enable_criu = false # no\n' };
  const dropIns = {
    '/etc/crio/crio.conf': 'enable_criu_support = false\n',
    '/etc/crio/crio.conf.d/10.conf': '#enable_criu_support = false\nenable_criu_support = true\n',
  };
  const containerd2 = version('containerd github.com/containerd/containerd/v2 2.1.9+unknown \n');
  it.each([
    ['unknown', 'nothing runs', {}, {}],
    ['unknown', 'it does not say', files, {}],
    ['ok', 'containerd 2', files, containerd2],
    ['failure', 'containerd 1', files, version('containerd containerd.io v1.7.28 b98a3aa\n')],
    ['failure', 'switched off', { ...files, ...config }, containerd2],
    ['unknown', 'CRI-O, not set', crio, version('crio version 1.33.1\n')],
    ['failure', 'old CRI-O', crio, version('crio version 1.24.6\n')],
    ['ok', 'CRI-O, on by a later file', { ...crio, ...dropIns }, version('crio version 1.33.1\n')],
  ] as const)('says %s: %s', async (status, _, its, programs) => {
    expect(await finding('runtime', { files: its, programs })).toMatchObject({ status });
  });
});

describe('the iptables check', () => {
  const found = says('iptables-restore v1.8.11 (nf_tables)\n');
  const both = {
    '/usr/bin/iptables-restore --version': found,
    '/usr/bin/ip6tables-restore --version': found,
  };
  it('fails where one is missing, unless CRIU locks networks in another way', async () => {
    expect(await finding('iptables', { files, programs: both })).toMatchObject({ status: 'ok' });
    const one = { '/usr/bin/iptables-restore --version': found };
    const ill = await finding('iptables', { files, programs: one });
    expect(ill).toMatchObject({
      status: 'failure',
      evidence: expect.stringContaining('no ip6tables-restore'),
    });
    const set = { ...files, '/etc/criu/runc.conf': 'network-lock skip\n' };
    expect(await finding('iptables', { files: set })).toMatchObject({ status: 'ok' });
  });
});
