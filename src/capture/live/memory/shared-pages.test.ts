import { closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeMapping, PAGE, PRESENT, writeFakeProcess } from '../testing/fake-process.ts';
import type { SharedObject } from './shared-objects.ts';
import { SharedSearch, sharedPages } from './shared-pages.ts';

const PAGES = 2000;
const WISH = { filePages: true, zeroPages: { has: () => false } };

let folder: string;
let file: string;

/** Content in pages 3 and 1500, holes elsewhere. */
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-shared-'));
  file = path.join(folder, 'object');
  const descriptor = openSync(file, 'w');
  for (const page of [3, 1500]) writeSync(descriptor, Buffer.alloc(PAGE, page), 0, PAGE, page * PAGE);
  closeSync(descriptor);
  truncateSync(file, PAGES * PAGE);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The object, mapped from page 1 on at page 16 by a process that has these pages of it in use. */
function objectSeen(...seen: readonly number[]): SharedObject {
  const pagemap = Array.from({ length: 16 + PAGES }, () => 0n);
  for (const page of seen) pagemap[16 + page - 1] = PRESENT;
  const mapping = fakeMapping(16, PAGES - 1, { shared: true, inode: 5n, offset: BigInt(PAGE) });
  writeFakeProcess(folder, { pid: 1, mappings: [mapping], pagemap, memory: new Uint8Array() });
  const { size, blocks } = statSync(file);
  const mappers = [{ pid: 1, mapping }];
  return { inode: 5n, path: file, name: 'memfd:x', size, allocated: blocks * 512, mappers };
}

function pagesOf(object: SharedObject, gaps: string[] = []) {
  return [...sharedPages(object, new SharedSearch(WISH, PAGE, folder), gaps)];
}

const BOTH = [
  { start: 3, pages: 1 },
  { start: 1500, pages: 1 },
];

describe('sharedPages', () => {
  it('are those that processes have in use, where these are all', () => {
    expect(pagesOf(objectSeen(3, 1500))).toEqual(BOTH);
    // Nothing is read for that: a file that is not there would be a gap.
    const gaps: string[] = [];
    expect(pagesOf({ ...objectSeen(3, 1500), path: path.join(folder, 'none') }, gaps)).toEqual(BOTH);
    expect(gaps).toEqual([]);
  });

  it('are looked for in the content where processes have fewer in use than there are', () => {
    expect(pagesOf(objectSeen(3))).toEqual(BOTH);
    expect(pagesOf({ ...objectSeen(), mappers: [] })).toEqual(BOTH);
  });

  it('are all that any of its processes has in use', () => {
    const [one] = objectSeen(3).mappers;
    const other = fakeMapping(16, 1, { shared: true, inode: 5n, offset: BigInt(1500 * PAGE) });
    const pagemap = [...Array.from({ length: 16 }, () => 0n), PRESENT];
    writeFakeProcess(folder, { pid: 2, mappings: [other], pagemap, memory: new Uint8Array() });
    const mappers = [...(one === undefined ? [] : [one]), { pid: 2, mapping: other }];
    expect(pagesOf({ ...objectSeen(3), mappers, path: path.join(folder, 'none') })).toEqual(BOTH);
  });

  it('are those in use where the object cannot be read, or is too large to be searched', () => {
    const gaps: string[] = [];
    const unreadable = { ...objectSeen(3), path: path.join(folder, 'none') };
    expect(pagesOf(unreadable, gaps)).toEqual([{ start: 3, pages: 1 }]);
    expect(pagesOf({ ...objectSeen(3), size: 2 ** 40 }, gaps)).toEqual([{ start: 3, pages: 1 }]);
    expect(gaps).toEqual([
      'memfd:x (5) cannot be read whole: only pages that processes have in use are in the archive',
      'memfd:x (5) is too large to be searched for pages that no process has in use',
    ]);
  });

  it('are none of an object that was never written to', () => {
    expect(pagesOf({ ...objectSeen(), allocated: 0 })).toEqual([]);
  });
});
