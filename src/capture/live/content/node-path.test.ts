import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodePath } from './node-path.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'exhibit-node-path-'));
  mkdirSync(join(root, 'data/containerd'), { recursive: true });
  mkdirSync(join(root, 'var/lib'), { recursive: true });
  symlinkSync('/data/containerd', join(root, 'var/lib/containerd'));
  symlinkSync('../var/lib', join(root, 'data/back'));
  symlinkSync('/etc/passwd', join(root, 'escape'));
  symlinkSync('../../../../etc', join(root, 'climb'));
  symlinkSync('loop', join(root, 'loop'));
});
afterEach(() => rmSync(root, { recursive: true }));

test.each([
  ['/var/lib/containerd/a', 'data/containerd/a'],
  ['/data/back/containerd', 'data/containerd'],
  ['//data/./x/../containerd/', 'data/containerd'],
  ['/not/there', 'not/there'],
  ['/', ''],
])('%s is followed within the node', (file, expected) => {
  expect(nodePath(root, file)).toBe(join(root, expected));
});

test.each(['/escape', '/climb/passwd', '/../../etc/passwd', '/loop', '/loop/../..'])(
  '%s leads to nothing outside of it',
  (file) => {
    expect(nodePath(root, file).startsWith(root)).toBe(true);
  },
);

test('on the node itself a path is what it is', () => {
  expect(nodePath('', '/var/../x')).toBe('/var/../x');
});
