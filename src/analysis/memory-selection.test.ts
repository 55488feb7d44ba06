import { describe, expect, it } from 'vitest';
import { forgeMm, forgePagemap, forgeTasks, openForged } from '../../test/support/checkpoint-forge.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type MemoryFilter, parsePermissions, selectMemory } from './memory-selection.ts';

const PAGE = 4096n;

/** Two pages that can be written to and run at 0x10000, two that can only be read behind a gap; all but one present. */
function forged(): Promise<Checkpoint> {
  return openForged({
    images: {
      ...forgeTasks([{ pid: 1 }, { pid: 2, ppid: 1, state: 6 }]),
      'mm-1.img': forgeMm({
        vmas: [
          { start: 0x1_0000n, end: 0x1_0000n + 2n * PAGE, prot: 7 },
          { start: 0x2_0000n, end: 0x2_0000n + 2n * PAGE, prot: 1 },
        ],
      }),
      'pagemap-1.img': forgePagemap([
        [0x1_0000n, 2, 4],
        [0x2_0000n, 1, 4],
      ]),
      'pages-1.img': new Uint8Array(3 * 4096).fill(0x41),
    },
  });
}

async function select(filter: MemoryFilter) {
  const memory = await selectMemory(await forged(), filter);
  return memory.flatMap(({ space }) =>
    space.regions.map(({ start, end, presentBytes }) => [start, end, presentBytes]),
  );
}

const FIRST = [0x1_0000n, 0x1_2000n, 8192];
const SECOND = [0x2_0000n, 0x2_2000n, 4096];

describe('selectMemory', () => {
  it('leaves out nothing but processes without memory', async () => {
    const memory = await selectMemory(await forged());
    expect(memory.map(({ process }) => process.pid)).toEqual([1]);
    expect(await select({})).toEqual([FIRST, SECOND]);
  });

  it('selects by permissions, kind and name', async () => {
    expect(await select({ permissions: parsePermissions('x') })).toEqual([FIRST]);
    expect(await select({ permissions: parsePermissions('r--') })).toEqual([SECOND]);
    expect(await select({ vma: 'anonymous' })).toEqual([FIRST, SECOND]);
    expect(await select({ vma: 'heap' })).toEqual([]);
  });

  it('cuts regions to a range, and counts what of them is left', async () => {
    expect(await select({ range: { start: 0x1_1000n, end: 0x2_1000n } })).toEqual([
      [0x1_1000n, 0x1_2000n, 4096],
      [0x2_0000n, 0x2_1000n, 4096],
    ]);
    expect(await select({ range: { start: 0x2_1000n, end: 0x2_2000n } })).toEqual([
      [0x2_1000n, 0x2_2000n, 0],
    ]);
  });

  it('refuses a process that is not there', async () => {
    await expect(select({ pids: [7] })).rejects.toMatchObject({ code: 'NO_SUCH_PROCESS' });
  });
});

describe('parsePermissions', () => {
  it.each([
    ['rwx', 'rwxp', true],
    ['wx', 'rwxp', true],
    ['xw', 'rw-p', false],
    ['r-x', 'r-xp', true],
    ['r-x', 'rwxp', false],
    ['r--s', 'r--p', false],
    ['s', 'r--s', true],
  ])('%s of %s: %s', (test, permissions, expected) => {
    expect(parsePermissions(test)(permissions)).toBe(expected);
  });

  it.each(['', 'q', 'rwxpp-', '----x'])('refuses %j', (text) => {
    expect(() => parsePermissions(text)).toThrow(expect.objectContaining({ code: 'BAD_PATTERN' }));
  });
});
