import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { isLeft, ownOwner } from './owner.ts';

test('a pod of a process that runs is in use, one of a process that has ended is left', async () => {
  const own = await ownOwner();
  expect(await isLeft(own)).toBe(false);
  const [machine, pid, start] = own.split('/');
  const { pid: ended } = spawnSync(process.execPath, ['-e', '']);
  expect(await isLeft(`${machine}/${ended}/${start}`)).toBe(true);
  // The number was given to another process since.
  expect(await isLeft(`${machine}/${pid}/1`)).toBe(true);
});

test.each(['', '/', 'a/b/c', 'another/1/1', '\u001b[2J', '../../1/1'])(
  'a pod of %j is left alone: this machine cannot know',
  async (owner) => {
    expect(await isLeft(owner)).toBe(false);
  },
);
