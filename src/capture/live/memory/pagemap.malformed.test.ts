import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeMapping, PAGE, writeFakeProcess } from '../testing/fake-process.ts';
import { planMemory } from './memory-plan.ts';

let proc: string;

beforeAll(() => {
  proc = mkdtempSync(path.join(tmpdir(), 'exhibit-pagemap-'));
});
afterAll(() => rmSync(proc, { recursive: true, force: true }));

const CHOICE = { allPages: true, pageSize: PAGE, zeroPages: { has: () => false } };

function planOf(pagemap: Uint8Array, pages: number) {
  const mappings = [fakeMapping(1, pages)];
  return planMemory(
    [writeFakeProcess(proc, { pid: 7, mappings, pagemap, memory: new Uint8Array() })],
    CHOICE,
    proc,
  );
}

describe('a pagemap that is not what it should be', () => {
  it('is used as far as it goes, and told of', () => {
    const { images, gaps } = planOf(Buffer.alloc(8 * 3 + 5, 0xff), 6);
    expect(images[0]?.bytes).toBe(0);
    expect(gaps).toEqual(['process 1: 1000-7000: the kernel told of 2 pages of 6']);
  });

  it('is a gap where there is none', () => {
    const mappings = [fakeMapping(1, 6)];
    const process = { pid: 99, containerPid: 4, mappings, descriptors: [], mountinfo: '' };
    const { images, gaps } = planMemory([process], CHOICE, proc);
    expect(images[0]?.bytes).toBe(0);
    expect(gaps).toEqual([expect.stringMatching(/^process 4: its memory cannot be read \(ENOENT/)]);
  });

  it('never yields pages outside of the mappings', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 30 }), (pagemap, pages) => {
        for (const { runs } of planOf(pagemap, pages).images) {
          for (const { start, pages: count } of runs) {
            expect(start).toBeGreaterThanOrEqual(1);
            expect(start + count).toBeLessThanOrEqual(1 + pages);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
