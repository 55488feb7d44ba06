import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../../bytes/byte-source.ts';
import { readPagemap } from '../../../criu/pagemap.ts';
import type { Mapping } from '../proc/mappings.ts';
import {
  type FakeProcess,
  fakeMapping,
  GUARD,
  OF_FILE,
  PAGE,
  PRESENT,
  SWAPPED,
  writeFakeProcess,
} from '../testing/fake-process.ts';
import { planMemory } from './memory-plan.ts';
import { pagemapImages } from './pagemap-images.ts';

let proc: string;

beforeAll(() => {
  proc = mkdtempSync(path.join(tmpdir(), 'exhibit-plan-'));
});
afterAll(() => rmSync(proc, { recursive: true, force: true }));

const ZERO_FRAME = 77;
const CHOICE = {
  allPages: false,
  pageSize: PAGE,
  zeroPages: { has: (frame: number) => frame === ZERO_FRAME },
};
const PRIVATE_FILE = { inode: 9n, path: '/usr/bin/x', major: 8, minor: 1 };

function plan(fake: Partial<FakeProcess>, choice = CHOICE) {
  const process = { pid: 10, mappings: [], pagemap: [], memory: new Uint8Array(), ...fake };
  return planMemory([writeFakeProcess(proc, process)], choice, proc);
}

const chosen = (fake: Partial<FakeProcess>, choice = CHOICE): number[] =>
  plan(fake, choice).images.flatMap(({ runs }) =>
    [...runs].flatMap(({ start, pages }) => Array.from({ length: pages }, (_, index) => start + index)),
  );

const entry = fc.constantFrom(
  0n,
  PRESENT | 5n,
  PRESENT | OF_FILE | 6n,
  PRESENT | BigInt(ZERO_FRAME),
  SWAPPED | BigInt(ZERO_FRAME),
  SWAPPED | GUARD,
);
const kind = fc.constantFrom<Partial<Mapping>>(
  {},
  PRIVATE_FILE,
  { ...PRIVATE_FILE, shared: true },
  { path: '[vdso]' },
  { path: '[vvar]' },
  { flags: new Set(['pf']) },
  { held: 0n },
);

describe('planMemory', () => {
  it('chooses the pages that CRIU would save', () => {
    const layout = fc.array(fc.tuple(kind, fc.array(entry, { minLength: 1, maxLength: 20 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(layout, fc.boolean(), (parts, allPages) => {
        const wanted: number[] = [];
        const mappings: Mapping[] = [];
        let at = 1;
        for (const [fields, entries] of parts) {
          mappings.push(fakeMapping(at, entries.length, fields));
          const isFile = 'inode' in fields;
          const isShared = 'shared' in fields;
          const isLeftOut = 'flags' in fields || 'held' in fields || fields.path === '[vvar]';
          for (const [index, bits] of entries.entries()) {
            const isHeld = (bits & (PRESENT | SWAPPED)) !== 0n && (bits & GUARD) === 0n;
            const isZero = bits === (PRESENT | BigInt(ZERO_FRAME));
            const isOwn = !isShared && !(isFile && (bits & OF_FILE) !== 0n);
            const isWanted = !isLeftOut && isHeld && !isZero && (isOwn || allPages);
            if (isWanted || fields.path === '[vdso]') wanted.push(at + index);
          }
          at += entries.length;
        }
        const pagemap = [0n, ...parts.flatMap(([, entries]) => entries)];
        expect(chosen({ mappings, pagemap }, { ...CHOICE, allPages })).toEqual(wanted);
      }),
      { numRuns: 100 },
    );
  });

  it('writes pagemaps that the reader understands', async () => {
    const mappings = [fakeMapping(2, 6)];
    const pagemap = [0n, 0n, PRESENT, PRESENT, 0n, SWAPPED, 0n, PRESENT];
    const [image] = pagemapImages(plan({ mappings, pagemap }));
    expect(image?.name).toBe('pagemap-1.img');
    const read = await readPagemap(bufferSource(image?.bytes ?? new Uint8Array()), 'pagemap-1.img', {
      pageSize: PAGE,
    });
    expect(read).toEqual({
      pagesId: 1,
      runs: [
        { vaddr: 2n * 4096n, pages: 2, origin: 'present', offset: 0 },
        { vaddr: 5n * 4096n, pages: 1, origin: 'present', offset: 2 * PAGE },
        { vaddr: 7n * 4096n, pages: 1, origin: 'present', offset: 3 * PAGE },
      ],
      presentBytes: 4 * PAGE,
      notes: [],
    });
  });

  it('tells of memory of devices, and of what is too large to look through', () => {
    const { images, gaps } = plan({
      mappings: [
        fakeMapping(1, 1, { path: '/dev/dri/card0', flags: new Set(['io', 'pf']) }),
        fakeMapping(16, 2 ** 31),
        fakeMapping(2 ** 32, 2 ** 31, { held: 0n }),
        fakeMapping(2, 1),
      ],
      pagemap: [0n, 0n, PRESENT],
    });
    expect(images[0]?.bytes).toBe(PAGE);
    expect(gaps).toEqual([
      'process 1: 1000-2000 (/dev/dri/card0) is memory of a device: not read',
      'process 1: 10000-80000010000 is too large to look through: its memory is not in the archive',
    ]);
  });

  it('has no image for a process that has no memory', () => {
    expect(plan({ mappings: [] }).images).toEqual([]);
  });
});

describe('shared objects', () => {
  const shared = { shared: true, inode: 500n, path: '/dev/zero (deleted)', major: 0, minor: 1 };

  function planShared(content: Uint8Array, pagemaps: readonly (readonly bigint[])[], fields = shared) {
    const processes = pagemaps.map((pagemap, index) => {
      const mapping = fakeMapping(1, pagemap.length, fields);
      const pid = 20 + index;
      const memory = new Uint8Array();
      const process = writeFakeProcess(proc, { pid, mappings: [mapping], pagemap: [0n, ...pagemap], memory });
      const range = `1000-${((1 + pagemap.length) * PAGE).toString(16)}`;
      writeFileSync(path.join(proc, String(pid), 'map_files', range), content);
      return { ...process, containerPid: index + 1 };
    });
    return planMemory(processes, CHOICE, proc);
  }

  it('is copied once, whole where all of it is in memory', () => {
    const { images } = planShared(Buffer.alloc(3 * PAGE, 1), [
      [0n, 0n, 0n],
      [0n, 0n, 0n],
    ]);
    expect(images.map(({ pagesId, origin, bytes }) => [pagesId, origin.kind, bytes])).toEqual([
      [1, 'process', 0],
      [2, 'process', 0],
      [3, 'shared', 3 * PAGE],
    ]);
    expect(pagemapImages(planShared(Buffer.alloc(PAGE, 1), [[0n]])).map(({ name }) => name)).toEqual([
      'pagemap-1.img',
      'pagemap-shmem-500.img',
    ]);
  });

  it('is no file of a mounted file system, nor one of a name that only looks like it', () => {
    const names = planShared(Buffer.alloc(PAGE, 1), [[PRESENT]], { ...shared, path: '/dev/shm/a (deleted)' });
    expect(names.images.map(({ origin }) => origin.kind)).toEqual(['process']);
    const process = writeFakeProcess(proc, {
      pid: 30,
      mappings: [fakeMapping(1, 1, shared)],
      pagemap: [0n, PRESENT],
      memory: new Uint8Array(),
    });
    const mountinfo = '22 1 0:1 / /x rw - fuse.evil evil rw\n';
    expect(planMemory([{ ...process, mountinfo }], CHOICE, proc).images).toHaveLength(1);
  });

  it('is told when it cannot be opened', () => {
    const process = writeFakeProcess(proc, {
      pid: 40,
      mappings: [fakeMapping(1, 1, shared)],
      pagemap: [0n, PRESENT],
      memory: new Uint8Array(),
    });
    const { images, gaps } = planMemory([process], CHOICE, proc);
    expect(images).toHaveLength(1);
    expect(gaps).toEqual(['dev/zero (500) cannot be opened: its memory is not in the archive']);
  });
});
