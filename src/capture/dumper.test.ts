import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findDumper, waitForDumper } from './dumper.ts';
import { FakeNode } from './testing/fake-node.ts';

const ID = 'cd'.repeat(32);

let node: FakeNode;
beforeEach(() => {
  node = new FakeNode();
  node.process({ pid: 5, parent: 1, command: ['containerd-shim-runc-v2', '-id', ID] });
  node.process({ pid: 6, parent: 1, command: ['runc', 'checkpoint', 'ef'.repeat(32)] });
});
afterEach(() => node.remove());

test('the process that checkpoints this container, and no other', async () => {
  expect(await findDumper(ID, node.root)).toBeUndefined();
  node.process({ pid: 7, parent: 5, command: ['runc', '--root', '/run/runc', 'checkpoint', ID] });
  expect(await findDumper(ID, node.root)).toBe('7');
});

test('is waited for until it has ended', async () => {
  node.process({ pid: 7, parent: 5, command: ['runc', 'checkpoint', ID] });
  let isOver = false;
  const waiting = waitForDumper(ID, node.root).then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(isOver).toBe(false);
  rmSync(path.join(node.root, 'proc/7'), { recursive: true });
  await waiting;
  expect(isOver).toBe(true);
});
