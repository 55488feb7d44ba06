import { expect, it } from 'vitest';
import { fakeProbe, type ProbedNode, processFiles } from '../testing/fake-probe.ts';
import { examineNode } from './examination.ts';

const GIB = 2 ** 30;
const FOLDER = '/var/lib/kubelet/checkpoints';
const CONTAINER = '0'.repeat(64);

/** A process in a container that holds this much, half of it shared. */
const member = (pid: number, kibibytes: number, id = CONTAINER) => ({
  [`/proc/${pid}/cgroup`]: `0::/kubepods.slice/cri-containerd-${id}.scope\n`,
  [`/proc/${pid}/status`]: `Name:\ta\nVmRSS:\t 999999999 kB\nRssAnon:\t ${kibibytes / 2} kB\nRssFile:\t 7 kB\nRssShmem:\t ${kibibytes / 2} kB\n`,
});

async function examine(node: ProbedNode) {
  const findings = await examineNode(fakeProbe(node));
  return (id: string) => findings.find((finding) => finding.id === id);
}

it.each([
  ['ok', 20],
  ['warning', 9],
  ['failure', 5],
])('says %s for %i GiB free of 50 and a container of 2 GiB', async (status, free) => {
  const files = {
    ...member(8, 2 ** 20),
    ...member(9, 2 ** 20),
    ...member(10, 2 ** 20, '1'.repeat(64)),
    '/proc/11/cgroup': '0::/system.slice/etcd.service\n',
  };
  const found = await examine({ files, spaces: { '/var/lib': { free: free * GIB, total: 50 * GIB } } });
  expect(found('disk-space')).toMatchObject({
    status,
    evidence: expect.stringContaining('holds 2.0 GiB, its checkpoint takes 6.0 GiB'),
  });
});

it('counts the archives that lie there, and never cures them by itself', async () => {
  const archive = (name: string, gibibytes: number, day: string) => ({
    [`${FOLDER}/${name}`]: { size: gibibytes * GIB, modified: Date.parse(day) },
  });
  const statuses = {
    ...archive('checkpoint-web_shop-app-2026-03-01T00:00:00Z.tar', 4, '2026-03-01'),
    ...archive('checkpoint-web_shop-app-2026-02-01T00:00:00Z.tar', 3, '2026-02-01'),
    ...archive('notes.txt', 100, '2026-01-01'),
  };
  const spaces = { [FOLDER]: { free: 30 * GIB, total: 50 * GIB } };
  expect((await examine({ statuses, spaces }))('old-archives')).toMatchObject({
    status: 'warning',
    evidence: `2 in ${FOLDER} take 7.0 GiB, the oldest of 2026-02-01; nothing deletes them`,
  });
  const found = (await examine({ statuses, spaces: { [FOLDER]: { free: 500 * GIB, total: 999 * GIB } } }))(
    'old-archives',
  );
  expect(found).toMatchObject({ status: 'ok' });
  expect(found?.fix).toBeUndefined();
});

it("looks where the kubelet's own folder is", async () => {
  const files = processFiles(7, 'kubelet', ['kubelet', '--root-dir=/data/kubelet']);
  const spaces = { '/data': { free: GIB, total: 2 * GIB }, '/': { free: 0, total: GIB } };
  const found = (await examine({ files, spaces }))('disk-space');
  expect(found?.evidence).toContain('1.0 GiB of 2.0 GiB free for /data/kubelet/checkpoints');
});
