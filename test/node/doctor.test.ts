import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../src/capture/doctor/finding.ts';
import { succeeded, until } from '../../testbed/process.ts';
import { signal } from '../../testbed/sandbox.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { useNode } from './support/use-node.ts';

const K3S_BIN = '/var/lib/rancher/k3s/data/current/bin';
const JOURNAL = '/var/lib/exhibit/doctor';
const node = useNode();

/** What k3s' tar cannot pack: a file on a tmpfs of the container's own (its /dev; /dev/shm is the pod's). */
const scratch = pods.pod(pods.SHOP, 'scratch', [
  { name: 'app', command: ['sh', '-c', 'echo a-note-in-memory >/dev/note; exec pause'] },
]);

/** What CRIU refuses to copy unasked: a deleted file over 1 MiB that is held open. */
const ghost = pods.pod(pods.SHOP, 'ghost', [
  {
    name: 'app',
    command: ['sh', '-c', 'exec 3>/big; head -c 3000000 /dev/urandom >&3; rm /big; exec pause'],
  },
]);

async function sh(script: string): Promise<string> {
  const argv = ['sh', '-euc', script];
  return succeeded(argv, await node().exec(argv));
}

const capture = (pod = 'scratch') => node().checkpoint(pods.SHOP, pod, 'app');

async function examine() {
  const { code, stdout } = await node().exhibit(['doctor', '--json']);
  const findings = JSON.parse(stdout) as readonly Finding[];
  return { code, finding: (id: string) => findings.find((found) => found.id === id) };
}

/** All that the cures may touch: the type, mode, owner, target and bytes of each file. */
async function snapshot(): Promise<string> {
  const stat = `stat -c '%A %u:%g %N' ${K3S_BIN} ${K3S_BIN}/* /etc/criu /etc/criu/* 2>&1 || true`;
  return sh(`${stat}; cat /etc/criu/* 2>&1 || true; ls -A /var/lib/exhibit 2>&1 || true`);
}

/** `doctor --fix` by a person at a terminal, who answers each question as it comes. */
async function atTerminal(answers: readonly string[]) {
  const command = 'node /repo/dist/exhibit.cjs doctor --fix';
  const argv = node().command(['script', '--quiet', '--return', '--command', command, '/dev/null']);
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  let [shown, asked] = ['', 0];
  child.stdout.on('data', (data: Buffer) => {
    shown += data;
    const questions = shown.match(QUESTION)?.length ?? 0;
    for (; asked < questions; asked++) child.stdin.write(`${answers[asked] ?? 'no'}\n`);
  });
  const [code] = await once(child, 'close');
  return { code, shown };
}
const QUESTION = /\[yes\/no\] /g;

/** k3s' layout: its folder with a BusyBox tar is first in containerd's PATH. */
beforeAll(async () => {
  await sh(
    `mkdir -p ${K3S_BIN}; ln -s "$(command -v busybox)" ${K3S_BIN}/tar; kill "$(pgrep -ox containerd)"`,
  );
  const path = `PATH=${K3S_BIN}:${node().environment.PATH}`;
  await node().service('containerd', ['env', path, 'containerd']);
  const version = ['ctr', 'version'];
  await until('containerd', async () => succeeded(version, await node().exec(version)));
  await node().apply(pods.namespace(pods.SHOP), scratch, ghost);
  await Promise.all(['scratch', 'ghost'].map((pod) => node().waitRunning(pods.SHOP, pod)));
});

test("k3s' tar fails a capture, is named, cured by --fix, and put back by --undo", async () => {
  const before = await snapshot();
  await expect(capture()).rejects.toThrow('criu failed');
  const ill = await examine();
  expect(ill.code).toBe(1);
  expect(ill.finding('tar')).toMatchObject({ status: 'failure' });
  expect(ill.finding('tar')?.evidence).toContain(`${K3S_BIN}/tar`);

  const fixed = await node().exhibit(['doctor', '--fix', '--yes']);
  expect(fixed.stderr).toContain('2 changed');
  expect(await sh(`stat -c %a ${JOURNAL}`)).toBe('700\n');
  const well = await examine();
  expect(well.finding('tar')).toMatchObject({ status: 'ok' });
  expect(well.finding('runc-conf')).toMatchObject({ status: 'ok' });
  const archive = await capture();
  const packed = `tar -xOf '${archive}' --wildcards 'checkpoint/tmpfs-dev-*' | gzip -dc`;
  expect(await sh(packed)).toMatch(/a-note-in-memory/);

  const cured = await snapshot();
  const again = await node().exhibit(['doctor', '--fix', '--yes']);
  expect(again.stderr).toContain('nothing was changed');
  expect(await snapshot()).toBe(cured);

  const undone = await node().exhibit(['doctor', '--undo']);
  expect(undone).toMatchObject({ code: 0 });
  expect(undone.stdout.match(/^restored/gm)).toHaveLength(2);
  expect(await snapshot()).toBe(before);
  await expect(capture()).rejects.toThrow('criu failed');
  const undoneAgain = await node().exhibit(['doctor', '--undo']);
  expect(undoneAgain).toMatchObject({ code: 0, stdout: '' });
  expect(undoneAgain.stderr).toContain('nothing to undo');
  expect(await snapshot()).toBe(before);
});

test('the rest of the node is seen as it is', async () => {
  const { finding } = await examine();
  const well = ['kubelet', 'kubelet-disk-hole', 'runtime', 'oci-runtime', 'criu', 'iptables'];
  for (const id of well) expect(finding(id)).toMatchObject({ id, status: 'ok' });
  expect(finding('kubelet')?.evidence).toMatch(/^kubelet \(process \d+\) 1\.\d+\.\d+: feature gate .* is on/);
  expect(finding('runtime')?.evidence).toMatch(/^containerd \(process \d+\) 2\./);
  expect(finding('disk-space')?.evidence).toMatch(/the largest container holds \d+\.\d MiB/);
  expect(finding('old-archives')?.evidence).toMatch(/^\d+ in .*, the oldest of 20/);
});

test('a large deleted file fails a capture, and passes with the option of the cure', async () => {
  await sh(`ln -sfn /usr/bin/tar ${K3S_BIN}/tar`);
  node().setRuncOptions('tcp-established', 'file-locks', 'ext-unix-sk');
  const before = await snapshot();
  await expect(capture('ghost')).rejects.toThrow('criu failed');
  expect((await examine()).finding('runc-conf')).toMatchObject({
    status: 'warning',
    fix: [{ kind: 'lines', path: '/etc/criu/runc.conf', lines: ['ghost-limit 512M'] }],
  });
  await node().exhibit(['doctor', '--fix', '--yes']);
  await capture('ghost');
  await node().exhibit(['doctor', '--undo']);
  expect(await snapshot()).toBe(before);
  node().setRuncOptions();
  await sh(`ln -sfn "$(command -v busybox)" ${K3S_BIN}/tar`);
});

test('without iptables every capture in a network of its own fails, and is said to', async () => {
  await node().exhibit(['doctor', '--fix', '--yes']);
  await sh('mv /usr/sbin/iptables-restore /usr/sbin/hidden');
  const { code, finding } = await examine();
  expect({ code, found: finding('iptables') }).toMatchObject({ code: 1, found: { status: 'failure' } });
  await expect(capture()).rejects.toThrow('criu failed');
  await sh('echo network-lock skip >>/etc/criu/runc.conf');
  expect((await examine()).finding('iptables')).toMatchObject({ status: 'ok' });
  await capture();
  await sh('mv /usr/sbin/hidden /usr/sbin/iptables-restore; sed -i /network-lock/d /etc/criu/runc.conf');
  expect(await node().exhibit(['doctor', '--undo'])).toMatchObject({ code: 0 });
});

test('at a terminal it asks before each cure, and does what was allowed', async () => {
  const before = await snapshot();
  const refused = await atTerminal(['n', 'no']);
  expect(refused.shown).toContain(`put a link to /usr/bin/tar in the place of ${K3S_BIN}/tar`);
  expect(refused.shown.match(QUESTION)).toHaveLength(2);
  expect(refused).toMatchObject({ code: 1, shown: expect.stringContaining('nothing was changed') });
  expect(await snapshot()).toBe(before);
  const allowed = await atTerminal(['y', 'n']);
  expect(allowed.shown).toContain('1 changed');
  expect(await sh('cat /etc/criu/runc.conf')).toContain('tcp-established');
  expect((await examine()).finding('tar')).toMatchObject({ status: 'failure' });
  await node().exhibit(['doctor', '--undo']);
  expect(await snapshot()).toBe(before);
});

test('other users cure nothing, and what others changed since is left', async () => {
  const before = await snapshot();
  const nobody = ['setpriv', '--reuid=65534', '--clear-groups', 'node', '/repo/dist/exhibit.cjs'];
  const refused = await node().exec([...nobody, 'doctor', '--fix', '--yes']);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('root only') });
  expect(await snapshot()).toBe(before);

  await node().exhibit(['doctor', '--fix', '--yes']);
  await sh('echo link-remap >>/etc/criu/runc.conf');
  const undone = await node().exhibit(['doctor', '--undo']);
  expect(undone).toMatchObject({ code: 3, stdout: expect.stringContaining('LEFT      /etc/criu/runc.conf') });
  await sh("sed -i '/link-remap/d' /etc/criu/runc.conf");
  expect(await node().exhibit(['doctor', '--undo'])).toMatchObject({ code: 0 });
  expect(await snapshot()).toBe(before);
});

test('the cure as printed, pasted into a shell, lets the capture through', async () => {
  const cure = (await examine()).finding('tar')?.cure.join('\n');
  await sh(cure ?? 'false');
  expect((await examine()).finding('tar')).toMatchObject({ status: 'ok' });
  await capture();
});

test('unfinished archives of killed captures are found and removed, and not those that are being written', async () => {
  const folder = '/var/lib/kubelet/checkpoints';
  const [killed, running] = ['web', 'db'].map(
    (label) => `${folder}/checkpoint-${label}-20260301T100000.123Z.tar.part`,
  );
  await sh(`mkdir -p ${folder}; touch -d 2026-03-01 ${killed} ${running}`);
  const writer = node().start(['sh', '-c', `exec sleep 600 <${running}`]);
  try {
    await until('it to be open', async () => {
      const { finding } = await examine();
      return finding('leftovers')?.fix?.length === 1 || undefined;
    });
    expect((await examine()).finding('leftovers')).toMatchObject({
      fix: [{ kind: 'removal', path: killed }],
    });
    const { stderr } = await node().exhibit(['doctor', '--fix', '--yes']);
    expect(stderr).toContain('1 removed');
    expect(await sh(`ls ${folder}/*.part`)).toBe(`${running}\n`);
  } finally {
    signal(writer.child, 'SIGKILL');
    await writer.finished;
  }
  await node().exhibit(['doctor', '--undo']);
});
