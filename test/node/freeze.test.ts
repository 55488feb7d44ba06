import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freezeContainer } from '../../src/capture/live/freeze/freeze-container.ts';
import { output, until } from '../../testbed/process.ts';
import { CGROUP_VERSIONS, FrozenGroup } from './support/frozen-group.ts';

const SLEEP = ['sleep', '300'];
/** What the design promises; the machine of the tests is busy. */
const THAWED_WITHIN = { seconds: 2, interval: 5 };

describe.each(CGROUP_VERSIONS)('in version %i of control groups', (version) => {
  let group: FrozenGroup;
  const holders: ChildProcess[] = [];
  beforeEach(() => {
    group = new FrozenGroup(version);
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) holder.kill('SIGKILL');
    await group.remove();
    await until('the guards to be gone', async () => guards(group).length === 0);
  });

  const thawed = (what: string): Promise<true> =>
    until(what, async () => !group.isFrozen() || undefined, THAWED_WITHIN);

  /** Another Exhibit that freezes this group. */
  async function hold(
    pid: number,
    maxFreeze = 60_000,
    prepare: 'prepare-for-ever' | '' = '',
  ): Promise<ChildProcess> {
    const program = ['--import', 'tsx', path.join(import.meta.dirname, 'support/freeze-holder.ts')];
    const holder = spawn(process.execPath, [...program, `${pid}`, `${maxFreeze}`, prepare], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    holders.push(holder);
    await said(holder, 'starting');
    return holder;
  }

  test('all of a container stands, groups below too, and runs again', async () => {
    const first = group.run(SLEEP);
    const second = group.run(SLEEP, 'below');
    const container = await freezeContainer({ pids: [second, first], id: group.id });
    expect(group.isFrozen()).toBe(true);
    expect(container.pids).toEqual([first, second]);
    const standstill = await container.thaw();
    expect(group.isFrozen()).toBe(false);
    expect(standstill).toMatchObject({ wasFrozen: false, lost: undefined });
    expect(standstill.to).toBeGreaterThan(standstill.from);
    expect(Math.abs(Number(standstill.to / 1_000_000n) - Date.now())).toBeLessThan(60_000);
    expect(await container.thaw()).toBe(standstill);
  });

  test('a group below that stood of itself stays so', async () => {
    const pid = group.run(SLEEP);
    const other = group.run(SLEEP, 'below');
    group.write(true, 'below');
    const container = await freezeContainer({ pids: [pid, other], id: group.id });
    await container.thaw();
    const below = new RegExp(version === 1 ? '^FROZEN' : '^1');
    const file = version === 1 ? 'freezer.state' : 'cgroup.freeze';
    expect(readFileSync(path.join(group.folder, 'below', file), 'utf8')).toMatch(below);
  });

  test('a container that stood before stands afterwards, and one thawed meanwhile is told', async () => {
    const pid = group.run(SLEEP);
    group.write(true);
    const container = await freezeContainer({ pids: [pid] });
    expect(container.wasFrozen).toBe(true);
    expect(await container.thaw()).toMatchObject({ wasFrozen: true, lost: undefined });
    expect(group.isFrozen()).toBe(true);
    group.write(false);
    expect((await container.thaw()).lost?.message).toContain('somebody else thawed');
  });

  test('a group with a process of others is refused, and nothing is frozen', async () => {
    const pid = group.run(SLEEP);
    const other = group.run(SLEEP);
    await expect(freezeContainer({ pids: [pid] })).rejects.toMatchObject({
      code: 'FREEZE_REFUSED',
      message: expect.stringContaining(`process ${other} (sleep), which is not of the container`),
    });
    expect(group.isFrozen()).toBe(false);
  });

  test('a process without a group of its own is refused', async () => {
    await expect(freezeContainer({ pids: [process.pid], id: group.id })).rejects.toMatchObject({
      code: 'FREEZE_REFUSED',
    });
    await expect(freezeContainer({ pids: [2 ** 22 + 1] })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
  });

  test('a capture that takes too long ends with the deadline', async () => {
    const pid = group.run(SLEEP);
    const container = await freezeContainer({ pids: [pid], maxFreeze: 50 });
    await once(container.signal, 'abort');
    expect(group.isFrozen()).toBe(false);
    expect(container.signal.reason).toMatchObject({ code: 'FREEZE_LOST' });
    expect((await container.thaw()).lost?.message).toContain('0.05 s, which is all that was allowed');
  });

  test('what is prepared comes before the freeze, and takes nothing from its time', async () => {
    const pid = group.run(SLEEP);
    let stoodThen: boolean | undefined;
    const prepare = async (): Promise<void> => {
      await until('the guard', async () => guards(group).length > 0 || undefined);
      // Longer than it may stand.
      await sleep(1000);
      stoodThen = group.isFrozen();
    };
    const container = await freezeContainer({ pids: [pid], maxFreeze: 700, prepare });
    expect(stoodThen).toBe(false);
    expect(group.isFrozen()).toBe(true);
    expect((await container.thaw()).lost).toBeUndefined();
  });

  test('nothing is frozen where preparing fails, and what others froze meanwhile stays so', async () => {
    const pid = group.run(SLEEP);
    const fail = (): Promise<void> => Promise.reject(new Error('no room'));
    await expect(freezeContainer({ pids: [pid], prepare: fail })).rejects.toThrow('no room');
    expect(group.isFrozen()).toBe(false);
    const freeze = async (): Promise<void> => group.write(true);
    const container = await freezeContainer({ pids: [pid], prepare: freeze });
    expect(container.wasFrozen).toBe(true);
    expect(guards(group)).toEqual([]);
    expect(group.isFrozen()).toBe(true);
    group.write(false);
  });

  test('a guard whose Exhibit ends before the freeze thaws nothing', async () => {
    const pid = group.run(SLEEP);
    const holder = await hold(pid, 60_000, 'prepare-for-ever');
    await until('the guard', async () => guards(group).length > 0 || undefined);
    group.write(true);
    holder.kill('SIGKILL');
    await until('the guard to end', async () => guards(group).length === 0 || undefined);
    expect(group.isFrozen()).toBe(true);
    group.write(false);
  });

  test('a guard that is killed is noticed, and the container thawed', async () => {
    const pid = group.run(SLEEP);
    const container = await freezeContainer({ pids: [pid] });
    const guard = guardOf(group);
    process.kill(guard, 'SIGKILL');
    await once(container.signal, 'abort');
    expect(group.isFrozen()).toBe(false);
    expect((await container.thaw()).lost?.message).toContain('was ended by somebody');
  });

  test('a guard that was stopped keeps nobody standing', async () => {
    const pid = group.run(SLEEP);
    const container = await freezeContainer({ pids: [pid], maxFreeze: 1000 });
    const guard = guardOf(group);
    process.kill(guard, 'SIGSTOP');
    await once(container.signal, 'abort');
    expect(group.isFrozen()).toBe(false);
    await container.thaw();
    expect(guards(group)).toEqual([]);
  });

  test('somebody who thaws it in the middle is noticed', async () => {
    const pid = group.run(SLEEP);
    const container = await freezeContainer({ pids: [pid] });
    group.write(false);
    expect((await container.thaw()).lost?.message).toContain('somebody else thawed');
  });

  test('signals do not end the guard, and it lies in no group that is killed with Exhibit', async () => {
    const pid = group.run(SLEEP);
    const container = await freezeContainer({ pids: [pid] });
    const guard = guardOf(group);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(guard, signal);
    const cgroups = readFileSync(`/proc/${guard}/cgroup`, 'utf8').trim().split('\n');
    expect(cgroups.filter((line) => !line.endsWith(':/'))).toEqual([]);
    expect(oomScore(guard)).toBe(lowestOomScore(pid));
    const stat = readFileSync(`/proc/${guard}/stat`, 'utf8').split(' ');
    expect(stat[5]).toBe(`${guard}`);
    expect((await container.thaw()).lost).toBeUndefined();
  });

  test('Exhibit is stopped: the guard thaws at the deadline, and Exhibit says so when it goes on', async () => {
    const pid = group.run(SLEEP);
    const holder = await hold(pid, 300);
    await said(holder, 'frozen');
    holder.kill('SIGSTOP');
    await thawed('the deadline');
    const verdict = said(holder, 'FREEZE_LOST');
    holder.stdin?.write('thaw\n');
    holder.kill('SIGCONT');
    await verdict;
  });

  test('Exhibit is killed at twenty moments: the container runs each time', async () => {
    const pid = group.run(SLEEP);
    let frozen = 0;
    for (let moment = 0; moment < 20; moment++) {
      const holder = await hold(pid);
      // From before the guard starts to after the freeze: from source, that takes about a second.
      if (moment % 2 === 0) await said(holder, 'frozen');
      else await sleep(Math.random() * 1000);
      if (group.isFrozen()) frozen++;
      const gone = once(holder, 'exit');
      holder.kill('SIGKILL');
      await gone;
      await thawed(`the container to run after moment ${moment}`);
      // A guard that was only starting finds its pipe closed.
      await until('the guard to end', async () => guards(group).length === 0 || undefined);
      expect(group.isFrozen()).toBe(false);
    }
    expect(frozen).toBeGreaterThanOrEqual(10);
  });

  test('Exhibit breaks down by itself: the container runs', async () => {
    const pid = group.run(SLEEP);
    const holder = await hold(pid);
    await said(holder, 'frozen');
    holder.kill('SIGABRT');
    await thawed('the container to run');
  });
});

/** A file system that lets nobody write: who tries sleeps in the kernel, and no signal reaches him. */
async function withFrozenDisk(action: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'exhibit-disk-'));
  const disk = path.join(folder, 'disk');
  mkdirSync(disk);
  const image = path.join(folder, 'image');
  await output(['truncate', '--size', '16M', image]);
  await output(['mkfs.ext4', '-q', image]);
  await output(['mount', '-o', 'loop', image, disk]);
  try {
    await output(['fsfreeze', '--freeze', disk]);
    await action(disk);
  } finally {
    await output(['fsfreeze', '--unfreeze', disk]);
    await until('the disk to be left', async () => (await output(['umount', disk])) === '' || undefined);
    rmSync(folder, { recursive: true });
  }
}

test('a process in an uninterruptible sleep is named, and the container runs', async () => {
  const group = new FrozenGroup(2);
  await withFrozenDisk(async (disk) => {
    const pid = group.run(['sh', '-c', `echo x >${disk}/file`]);
    await until(
      'it to sleep',
      async () => /\) D /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) || undefined,
    );
    const attempt = freezeContainer({ pids: [pid] });
    await expect(attempt).rejects.toMatchObject({
      code: 'FREEZE_FAILED',
      help: expect.arrayContaining([
        expect.stringMatching(`process ${pid}, thread ${pid} \\(sh\\) sleeps in the kernel \\(\\w+\\)`),
      ]),
    });
    expect(group.isFrozen()).toBe(false);
    expect(guards(group)).toEqual([]);
  }).finally(() => group.remove());
});

/** Guards of a group, by what they were started with. */
function guards({ folder }: FrozenGroup): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => commandLine(pid).some((word) => word.startsWith(folder))).map(Number);
}

const oomScore = (pid: number): string => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim();

/** Not every root may lower it: CAP_SYS_RESOURCE is needed. */
function lowestOomScore(pid: number): string {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '-1000');
  } catch {
    // Then it stays what it was.
  }
  return oomScore(pid);
}

function guardOf(group: FrozenGroup): number {
  const [guard] = guards(group);
  // kill(2) takes 0 for everybody in the group of who asks.
  if (guard === undefined) throw new Error('no guard is there');
  return guard;
}

function commandLine(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

async function said(child: ChildProcess, word: string): Promise<void> {
  let text = '';
  for await (const bytes of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    text += bytes;
    if (text.includes(word)) return;
  }
  throw new Error(`ended without saying ${word}: ${text}`);
}
