import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openCachedStat } from './cached-stat.ts';
import { FileLook, Mounts } from './file-look.ts';
import { readStat } from './proc-reader.ts';

const MOUNTINFO = `20 1 0:30 / / rw,relatime - overlay overlay rw,lowerdir=/a - b
21 20 0:31 / /tmp/served rw,relatime shared:3 - fuse.served served rw,user_id=0
22 20 8:1 / /data rw - fuseblk /dev/sda1 rw
23 20 0:32 / /fuse rw - tmpfs fuse rw
`;

test('files of mounts that a program serves are not asked for at it', () => {
  const look = new FileLook();
  const mounts = look.mountsOf(1n, MOUNTINFO);
  const statOf = (id: number, link = '/a') => look.ofDescriptor(mounts, link, `pos:\t0\nmnt_id:\t${id}\n`);
  expect([statOf(20), statOf(23)]).toEqual([readStat, readStat]);
  expect(statOf(99, 'pipe:[7]')).toBe(readStat);
  for (const id of [21, 22, 99]) expect(statOf(id)).not.toBe(readStat);
  expect(look.ofOther(mounts)).not.toBe(readStat);
  expect(look.mountsOf(1n, '')).toBe(mounts);
});

test.each([MOUNTINFO, '', 'x - y\n\n - fuse', '1 - fuse.a\n1 2 - '])('any text is a table: %j', (text) => {
  expect(['kernel', 'program', 'unknown']).toContain(new Mounts(text).kindOf(1));
});

test('what is known without asking is what stat says', () => {
  const cached = openCachedStat();
  for (const file of [import.meta.filename, '/dev/null', '/proc/self/exe', '/'])
    expect(cached?.(file)).toEqual(readStat(file));
  expect(cached?.('/dev/null')?.rdev).toBe(statSync('/dev/null', { bigint: true }).rdev);
  expect(cached?.('/no/such/file')).toBeUndefined();
});
