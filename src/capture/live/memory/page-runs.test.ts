import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinRuns, PageRuns } from './page-runs.ts';

/** Gaps and lengths: ascending runs without overlap. */
const steps = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 5 })), { maxLength: 200 });

function runsOf(list: readonly (readonly [number, number])[], maxRuns?: number) {
  const runs = new PageRuns(maxRuns);
  const pages: number[] = [];
  let at = 0;
  for (const [gap, count] of list) {
    at += gap;
    runs.add(at, count);
    for (let page = 0; page < count; page++) pages.push(at + page);
    at += count;
  }
  return { runs, pages };
}

const pagesOf = (runs: PageRuns): number[] =>
  [...runs].flatMap(({ start, pages }) => Array.from({ length: pages }, (_, index) => start + index));

describe('PageRuns', () => {
  it('has the pages that were added, in runs that do not touch', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { runs, pages } = runsOf(list);
        expect(pagesOf(runs)).toEqual(pages);
        expect(runs.pages).toBe(pages.length);
        expect([...runs]).toHaveLength(runs.length);
        const ends = [...runs].map(({ start, pages: count }) => start + count);
        expect([...runs].slice(1).every(({ start }, index) => start > (ends[index] ?? 0))).toBe(true);
      }),
    );
  });

  it('joins runs over small gaps when there is no room for more, and loses nothing', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { runs, pages } = runsOf(list, 3);
        expect(runs.length).toBeLessThanOrEqual(3);
        expect(runs.lost).toBe(0);
        const kept = new Set(pagesOf(runs));
        expect(pages.every((page) => kept.has(page))).toBe(true);
        expect(kept.size).toBe(runs.pages);
      }),
    );
  });

  it('counts what it has no room for', () => {
    const runs = new PageRuns(1);
    runs.add(0, 1);
    runs.add(1_000_000, 7);
    expect([...runs]).toEqual([{ start: 0, pages: 1 }]);
    expect(runs.lost).toBe(7);
  });
});

describe('joinRuns', () => {
  it('has each page of all once', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 4 }), (lists) => {
        const all = lists.map((list) => runsOf(list));
        const pages = new Set(all.flatMap(({ pages }) => pages));
        expect(pagesOf(joinRuns(all.map(({ runs }) => runs)))).toEqual([...pages].sort((a, b) => a - b));
      }),
    );
  });
});
