import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fakeProcess } from '../testing/fake-process.ts';
import { rootChanges } from './root-changes.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'exhibit-root-changes-'));
});
afterEach(() => rmSync(base, { recursive: true }));

/** This process, as if its root filesystem were an overlay of these folders. */
const process_ = (options: string) =>
  fakeProcess({
    pid: process.pid,
    files: { mountinfo: `1 0 0:33 / / rw - overlay overlay rw,${options}\n` },
  });

async function contentOf(options: string, gaps: string[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of rootChanges(process_(options), gaps, base)?.chunks() ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

it('is the upper layer, with whiteouts for what was removed', async () => {
  mkdirSync(join(base, 'upper/etc'), { recursive: true });
  writeFileSync(join(base, 'upper/etc/cron'), 'evil');
  execFileSync('mknod', [join(base, 'upper/etc/motd'), 'c', '0', '0']);
  const gaps: string[] = [];
  const tar = gunzipSync(await contentOf('lowerdir=/low,upperdir=/upper,workdir=/work', gaps));
  const names = execFileSync('tar', ['-tf', '-'], { input: tar }).toString().split('\n');
  expect(names).toEqual(['etc/', 'etc/cron', 'etc/.wh.motd', '']);
  expect(gaps).toEqual([]);
});

it('is told as missing where the root is no overlay, or its layer is not there', async () => {
  const gaps: string[] = [];
  expect(
    rootChanges(fakeProcess({ pid: 1, files: { mountinfo: '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n' } }), gaps),
  ).toBeUndefined();
  expect((await contentOf('lowerdir=/low,upperdir=/gone,workdir=/work', gaps)).length).toBeLessThan(50);
  expect(gaps).toEqual([
    expect.stringContaining('it is no overlay'),
    expect.stringMatching(/cannot be read: ENOENT.*\/gone/),
  ]);
});

it('is found where the runtime keeps its data elsewhere on the node, behind a link', async () => {
  mkdirSync(join(base, 'data/containerd/upper/etc'), { recursive: true });
  mkdirSync(join(base, 'var/lib'), { recursive: true });
  symlinkSync('/data/containerd', join(base, 'var/lib/containerd'));
  writeFileSync(join(base, 'data/containerd/upper/etc/cron'), 'evil');
  const gaps: string[] = [];
  const options = 'lowerdir=/data/low,upperdir=/var/lib/containerd/upper,workdir=/w';
  const tar = gunzipSync(await contentOf(options, gaps));
  expect(execFileSync('tar', ['-tf', '-'], { input: tar }).toString()).toBe('etc/\netc/cron\n');
  expect(gaps).toEqual([]);
});
