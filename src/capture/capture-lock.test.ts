import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCaptureLock } from './capture-lock.ts';

const APP = { namespace: 'shop', pod: 'web', container: 'app' };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Takes the lock, and tells when its turn began. */
const turn = (target: typeof APP, onWait?: (pid: number) => void): Promise<number> =>
  withCaptureLock(target, async () => Date.now(), { folder, onWait });

/** The name that the lock of APP has, learnt from a lock that is held. */
async function lockPath(): Promise<string> {
  const names = await withCaptureLock(APP, async () => readdirSync(folder), { folder });
  return join(folder, names.find((name) => name.startsWith('capture-')) ?? '');
}

describe('the lock of a capture', () => {
  it('lets captures of one container begin one after the other, a second apart', async () => {
    const waitedFor: number[] = [];
    const turns = await Promise.all([1, 2, 3].map(() => turn(APP, (pid) => waitedFor.push(pid))));
    const [first = 0, second = 0, third = 0] = turns.sort((a, b) => a - b);
    expect(second - first).toBeGreaterThanOrEqual(1000);
    expect(third - second).toBeGreaterThanOrEqual(1000);
    expect(waitedFor).toEqual([process.pid, process.pid]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not keep captures of other containers waiting', async () => {
    const [app, sidecar] = await Promise.all([turn(APP), turn({ ...APP, container: 'sidecar' })]);
    expect(Math.abs(app - sidecar)).toBeLessThan(900);
  });

  it('is given back by a capture that fails', async () => {
    const failing = withCaptureLock(APP, () => Promise.reject(new Error('refused')), { folder });
    await expect(failing).rejects.toThrow('refused');
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['a process that has ended', () => `${spawnSync('true').pid} 1`],
    ['a process whose number another one has now', () => `${process.pid} 1`],
    ['nobody, because it is damaged', () => 'who knows'],
  ])('that is left of %s is taken over', async (_whose, content) => {
    writeFileSync(await lockPath(), content());
    const waitedFor: number[] = [];
    await turn(APP, (pid) => waitedFor.push(pid));
    expect(waitedFor).toEqual([]);
  });

  it('does not keep the file of one that was killed while it waited', async () => {
    writeFileSync(join(folder, `claim-${spawnSync('true').pid} 1 x`), '');
    await turn(APP);
    expect(readdirSync(folder)).toEqual([]);
  });
});
